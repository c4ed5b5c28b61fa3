//! The read-ahead: how much data the kernel reads in advance during sequential reads.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use dm_units::{DeviceNumber, SECTOR_SIZE, Sectors};
use nix::unistd::{SysconfVar, sysconf};

/// The amount of data that the kernel reads in advance during sequential reads.
///
/// `FromStr` reads the words of `dmsetup --readahead`: `auto`, `none`, or a number of sectors, such as `256` or `+256`.
///
/// ```
/// use dm_core::block::ReadAhead;
/// use dm_units::Sectors;
///
/// assert_eq!("+256".parse(), Ok(ReadAhead::AtLeast(Sectors(256))));
/// assert_eq!("none".parse(), Ok(ReadAhead::Exactly(Sectors(0))));
/// assert_eq!(ReadAhead::Auto.to_string(), "auto");
/// ```
#[doc(alias = "--readahead")]
#[doc(alias = "dm_task_set_read_ahead")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadAhead {
    /// Leaves the value to the kernel. When a table becomes active, the kernel computes a value from the devices that
    /// the table uses, and sets it. Recent kernels, including late releases of 6.12, set it only if it is larger than
    /// the present value (`blk_apply_bdi_limits` in block/blk-settings.c).
    #[default]
    #[doc(alias = "DM_READ_AHEAD_AUTO")]
    Auto,
    /// Sets this number of sectors, rounded up to whole pages; 0 disables the read-ahead.
    #[doc(alias = "DM_READ_AHEAD_NONE")]
    Exactly(Sectors),
    /// Raises the value to this number of sectors, rounded up to whole pages. A larger value is kept.
    #[doc(alias = "DM_READ_AHEAD_MINIMUM_FLAG")]
    AtLeast(Sectors),
}

/// The text of a [`ReadAhead`] is neither `auto`, `none` nor a number of sectors with an optional `+` before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a read-ahead is auto, none, or a number of sectors, with a + before it if it may be more")]
#[non_exhaustive]
pub struct ReadAheadError;

impl FromStr for ReadAhead {
    type Err = ReadAheadError;

    fn from_str(text: &str) -> Result<Self, ReadAheadError> {
        let number = |digits: &str| digits.parse().map_err(|_| ReadAheadError);
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Exactly(Sectors(0))),
            _ => match text.strip_prefix('+') {
                Some(digits) => number(digits).map(Self::AtLeast),
                None => number(text).map(Self::Exactly),
            },
        }
    }
}

/// Prints the word that `FromStr` reads.
impl fmt::Display for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Exactly(Sectors(0)) => f.pad("none"),
            Self::Exactly(sectors) => sectors.fmt(f),
            Self::AtLeast(sectors) => write!(f, "+{sectors}"),
        }
    }
}

/// Reads the read-ahead of a block device from sysfs, without opening the device.
///
/// # Errors
/// `NotFound`: sysfs has no block device with this number. Since Linux 5.15, sysfs has a mapped device only after its
/// first table was loaded. Other kinds: the file cannot be read or parsed.
#[doc(alias = "BLKRAGET")]
#[doc(alias = "dm_task_get_read_ahead")]
pub fn read_ahead(device: DeviceNumber) -> io::Result<Sectors> {
    read_from(&read_ahead_path(device))
}

/// Sets the read-ahead of a block device through sysfs, without opening the device. [`Auto`](ReadAhead::Auto) changes
/// nothing.
///
/// When a mapped device gets a new table, the kernel can change the value (see [`ReadAhead::Auto`]). Set the value
/// after that, or with an option of the operation, such as
/// [`SetupOptions::read_ahead`](crate::SetupOptions::read_ahead).
///
/// # Errors
/// As [`read_ahead`]. `PermissionDenied`: the process lacks the permission to write to sysfs. Other kinds: also if the
/// kernel refuses the number.
#[doc(alias = "BLKRASET")]
pub fn set_read_ahead(device: DeviceNumber, read_ahead: ReadAhead) -> io::Result<()> {
    // Most operations use `Auto`, which saves even the path.
    if read_ahead == ReadAhead::Auto { Ok(()) } else { write_to(&read_ahead_path(device), read_ahead) }
}

/// The path of the file in sysfs.
pub(crate) fn read_ahead_path(device: DeviceNumber) -> PathBuf {
    PathBuf::from(format!("/sys/dev/block/{device}/bdi/read_ahead_kb"))
}

fn read_from(path: &Path) -> io::Result<Sectors> {
    let kib: u64 = fs::read_to_string(path)?.trim_end().parse().map_err(io::Error::other)?;
    Ok(Sectors(kib.saturating_mul(2)))
}

fn write_to(path: &Path, read_ahead: ReadAhead) -> io::Result<()> {
    let sectors = match read_ahead {
        ReadAhead::Auto => return Ok(()),
        ReadAhead::AtLeast(least) if read_from(path)? >= least => return Ok(()),
        ReadAhead::Exactly(sectors) | ReadAhead::AtLeast(sectors) => sectors,
    };
    fs::write(path, whole_pages(sectors)?.to_string())
}

/// The number of KiB in the pages that hold these sectors. The kernel rounds down, so that a small number would disable
/// the read-ahead, and a minimum would not be reached.
fn whole_pages(sectors: Sectors) -> io::Result<u64> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096);
    let pages = sectors.0.div_ceil(page.div_ceil(SECTOR_SIZE as u64).max(1));
    Ok(pages.saturating_mul(page / 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for word in ["auto", "none", "256", "+256", "+0"] {
            assert_eq!(word.parse::<ReadAhead>().unwrap().to_string(), word);
        }
        for bad in ["", "+", "-1", "+-1", "automatic", "1 2", "++2"] {
            assert_eq!(bad.parse::<ReadAhead>(), Err(ReadAheadError), "{bad}");
        }
    }

    #[test]
    fn at_least_keeps_a_larger_value() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let after = |setting: &str| {
            fs::write(file.path(), "128\n").unwrap();
            write_to(file.path(), setting.parse().unwrap()).unwrap();
            read_from(file.path()).unwrap()
        };
        assert_eq!(after("auto"), Sectors(256));
        assert_eq!([after("+8"), after("+255"), after("+256")], [Sectors(256); 3]);
        // Pages of all sizes are whole numbers of 4 KiB, and 1 MiB is a whole number of pages.
        assert!((Sectors(264)..=Sectors(2048)).contains(&after("+257")));
        assert!((Sectors(8)..=Sectors(2048)).contains(&after("1")));
        assert_eq!(after("2048"), Sectors(2048));
        assert_eq!(after("none"), Sectors(0));
    }

    #[test]
    fn the_read_ahead_is_that_of_the_devices_backing_device_info() {
        // See Documentation/ABI/testing/sysfs-class-bdi.
        let path = read_ahead_path(DeviceNumber::new(253, 4));
        assert_eq!(path, Path::new("/sys/dev/block/253:4/bdi/read_ahead_kb"));
    }

    #[test]
    fn a_device_that_does_not_exist_is_an_error() {
        let none = DeviceNumber::new(4000, 1);
        assert_eq!(read_ahead(none).unwrap_err().kind(), io::ErrorKind::NotFound);
        let error = set_read_ahead(none, ReadAhead::AtLeast(Sectors(8))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
