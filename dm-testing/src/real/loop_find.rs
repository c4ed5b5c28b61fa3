//! [`AttachedLoop`]: finds and takes over loop devices that are attached already.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dm_units::{Bytes, DeviceNumber};

use crate::real::error::{Error, Result};
use crate::real::loop_device::LoopDevice;

/// An attached loop device found by [`LoopDevice::find`], for example one that an earlier run has attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachedLoop {
    /// The path of the device's node, such as `/dev/loop0`.
    pub path: PathBuf,
    /// The device number, for use in tables.
    pub number: DeviceNumber,
    /// The path of the attached file, as the kernel shows it.
    pub backing_file: PathBuf,
    /// The offset in the file at which the device starts.
    pub offset: Bytes,
    /// The maximum size of the device. 0 means no limit.
    pub size_limit: Bytes,
    /// Whether the kernel detaches the device at its last close.
    pub autoclear: bool,
}

impl LoopDevice {
    /// Finds the loop devices over a file, in the order of their minor numbers. A file can have several loop devices,
    /// for example over different parts. The path with which the file was attached can differ from `file`.
    ///
    /// A device is not found if this process cannot reach the file by the path that the kernel shows for the device.
    ///
    /// ```no_run
    /// use dm_testing::{LoopDevice, LoopOptions};
    ///
    /// // The device of an earlier run, or a new one.
    /// let file = "/var/lib/pool/data".as_ref();
    /// let mut device = match LoopDevice::find(file)?.first() {
    ///     Some(found) => found.take_over()?,
    ///     None => LoopDevice::over(file, LoopOptions::new())?,
    /// };
    ///
    /// // The file has grown.
    /// let size = device.follow_file()?;
    /// println!("{} has {size} sectors", device.path().display());
    /// device.leave();
    /// # Ok::<(), dm_testing::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`]: the file does not exist, or sysfs cannot be read.
    pub fn find(file: &Path) -> Result<Vec<AttachedLoop>> {
        let wanted = fs::metadata(file).map_err(Error::io("look at", file))?;
        let folder = Path::new("/sys/block");
        let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
        let mut found = Vec::new();
        for entry in entries {
            let block = entry.map_err(Error::io("read", folder))?.path();
            // A device that is detached meanwhile is not over the file.
            let Some(device) = read(&block) else { continue };
            let is_same = |shown: fs::Metadata| (shown.dev(), shown.ino()) == (wanted.dev(), wanted.ino());
            if fs::metadata(&device.backing_file).is_ok_and(is_same) {
                found.push(device);
            }
        }
        found.sort_by_key(|device| device.number.minor);
        Ok(found)
    }
}

impl AttachedLoop {
    /// Makes this process responsible for the device: dropping the returned [`LoopDevice`] detaches the device. The
    /// file is kept.
    ///
    /// # Errors
    /// [`Error::Io`]: this process is not allowed to open the device, or another process has detached the device,
    /// attached it to another file or changed its settings.
    pub fn take_over(&self) -> Result<LoopDevice> {
        let device = loopdev::LoopDevice::open(&self.path).map_err(Error::io("open", &self.path))?;
        // While it is open, other processes cannot detach it.
        let found = read(&self.block_dir());
        if let Some(change) = self.change(found.as_ref()) {
            let changed = io::Error::new(io::ErrorKind::NotFound, change);
            return Err(Error::io("take over", &self.path)(changed));
        }
        LoopDevice::taken_over(device, self.path.clone(), self.number, self.backing_file.clone())
    }

    /// What another process has changed since the device was found, as it is now.
    fn change(&self, found: Option<&Self>) -> Option<&'static str> {
        match found {
            Some(found) if found == self => None,
            Some(found) if found.backing_file == self.backing_file => Some("another program has changed its settings"),
            Some(_) => Some("another program has attached it to another file"),
            None => Some("another program has detached it"),
        }
    }

    fn block_dir(&self) -> PathBuf {
        PathBuf::from(format!("/sys/dev/block/{}", self.number))
    }
}

/// Reads the attributes of a loop device from sysfs; `None` if it is not attached, or another kind of device.
fn read(block_dir: &Path) -> Option<AttachedLoop> {
    let attribute = |name: &str| fs::read_to_string(block_dir.join(name)).ok();
    let shown = fs::read(block_dir.join("loop/backing_file")).ok()?;
    let backing_file = PathBuf::from(std::ffi::OsStr::from_bytes(shown.strip_suffix(b"\n").unwrap_or(&shown)));
    let uevent = attribute("uevent")?;
    let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    let bytes = |name| attribute(name)?.trim_end().parse().ok().map(Bytes);
    Some(AttachedLoop {
        path: Path::new("/dev").join(name),
        number: attribute("dev")?.trim_end().parse().ok()?,
        backing_file,
        offset: bytes("loop/offset")?,
        size_limit: bytes("loop/sizelimit")?,
        autoclear: attribute("loop/autoclear")?.trim_end() == "1",
    })
}

#[cfg(test)]
mod tests {
    use super::{AttachedLoop, Bytes, DeviceNumber, PathBuf};

    #[test]
    fn the_error_of_taking_over_says_what_another_program_has_changed() {
        let found = AttachedLoop {
            path: PathBuf::from("/dev/loop0"),
            number: DeviceNumber::new(7, 0),
            backing_file: PathBuf::from("/a"),
            offset: Bytes(0),
            size_limit: Bytes(0),
            autoclear: false,
        };
        let cleared = AttachedLoop { autoclear: true, ..found.clone() };
        let limited = AttachedLoop { size_limit: Bytes(512), ..found.clone() };
        let moved = AttachedLoop { backing_file: PathBuf::from("/b"), ..found.clone() };
        assert_eq!(found.change(Some(&found)), None);
        for (now, expected) in [
            (Some(&cleared), "settings"),
            (Some(&limited), "settings"),
            (Some(&moved), "another file"),
            (None, "detached"),
        ] {
            let change = found.change(now).unwrap_or_default();
            assert!(change.contains(expected), "{now:?}: {change}");
        }
    }
}
