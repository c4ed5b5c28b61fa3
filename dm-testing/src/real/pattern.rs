//! [`Pattern`]: data that encodes its location.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use dm_units::{SECTOR_SIZE, Sectors};
use nix::errno::Errno;
use nix::fcntl::{OFlag, PosixFadviseAdvice, posix_fadvise};

use crate::real::error::{Error, Result};
use crate::real::sector_content::{SectorContent, sector};

/// Test data for a device or a part of a device. In a pattern with a seed, every sector contains its number and the
/// seed, so no two sectors are equal.
///
/// [`verify`](Self::verify) therefore detects data in the wrong place, and its error contains the sector where the data
/// belongs.
///
/// Reads and writes bypass the page cache if possible (`O_DIRECT`). If not, `verify` first drops the cached pages of
/// the device. [`write`](Self::write) always ends with a flush.
///
/// ```no_run
/// use dm_testing::Pattern;
/// use dm_units::Sectors;
///
/// let path = "/dev/dm-0".as_ref();
/// let (start, length) = (Sectors(0), Sectors(2048));
/// Pattern::new(7).write(path, start, length)?;
/// Pattern::new(7).verify(path, start, length)?;
/// # Ok::<(), dm_testing::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// `None`: only zeros.
    seed: Option<u64>,
    /// Added to the sector on the device to get the number in the sector.
    shift: u64,
}

impl Pattern {
    /// Makes the pattern with a seed. Patterns with different seeds differ in every sector.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed: Some(seed), shift: 0 }
    }

    /// Makes a pattern of zeros, like the content of a device that was never written.
    #[must_use]
    pub const fn zeros() -> Self {
        Self { seed: None, shift: 0 }
    }

    /// Shifts the pattern, so that sector `to` has the data of sector `from`. All other sectors shift by the same
    /// distance.
    #[must_use]
    pub const fn moved(self, from: Sectors, to: Sectors) -> Self {
        Self { seed: self.seed, shift: self.shift.wrapping_add(from.0).wrapping_sub(to.0) }
    }

    /// Writes the pattern to `length` sectors from `start` on, and flushes the device. `start` and `length` must be
    /// multiples of the device's logical block size.
    ///
    /// # Errors
    /// [`Error::Io`]: the device cannot be opened or written, or is too small.
    pub fn write(&self, path: &Path, start: Sectors, length: Sectors) -> Result<()> {
        let (file, _) = open(path, OpenOptions::new().write(true)).map_err(Error::io("open", path))?;
        let written = for_each_piece(start, length, |first, piece| {
            self.fill(first, piece);
            file.write_all_at(piece, byte(first)?)
        });
        written.and_then(|()| file.sync_data()).map_err(Error::io("write to", path))
    }

    /// Reads `length` sectors from `start` on and compares them with the pattern. `start` and `length` must be multiples
    /// of the device's logical block size.
    ///
    /// # Errors
    /// [`Error::Mismatch`]: a sector has other content. The error contains the number of the first such sector and the
    /// kind of its content. [`Error::Io`]: the device cannot be opened or read, or is too small.
    pub fn verify(&self, path: &Path, start: Sectors, length: Sectors) -> Result<()> {
        let (file, direct) = open(path, OpenOptions::new().read(true)).map_err(Error::io("open", path))?;
        if !direct {
            drop_cache(&file).map_err(Error::io("drop the page cache of", path))?;
        }
        let mut wrong = None;
        let read = for_each_piece(start, length, |first, piece| {
            if wrong.is_none() {
                file.read_exact_at(piece, byte(first)?)?;
                wrong = self.first_wrong(first, piece);
            }
            Ok(())
        });
        read.map_err(Error::io("read", path))?;
        match wrong {
            None => Ok(()),
            Some((sector, content)) => Err(Error::Mismatch { path: path.to_owned(), sector, content }),
        }
    }

    /// Fills `bytes` with the pattern, starting with sector `first`. An incomplete sector at the end is not changed.
    pub fn fill(&self, first: Sectors, bytes: &mut [u8]) {
        for (sector, bytes) in (first.0..).zip(bytes.chunks_exact_mut(SECTOR_SIZE)) {
            bytes.copy_from_slice(&self.sector(sector));
        }
    }

    fn sector(&self, place: u64) -> [u8; SECTOR_SIZE] {
        match self.seed {
            Some(seed) => sector(seed, place.wrapping_add(self.shift)),
            None => [0; SECTOR_SIZE],
        }
    }

    fn first_wrong(&self, first: Sectors, bytes: &[u8]) -> Option<(Sectors, SectorContent)> {
        let mut sectors = (first.0..).zip(bytes.chunks_exact(SECTOR_SIZE));
        let (place, bytes) = sectors.find(|(place, bytes)| *bytes != self.sector(*place))?;
        Some((Sectors(place), SectorContent::of(bytes)))
    }
}

/// The maximum number of bytes to read or write at once.
const PIECE: usize = 256 * 1024;

/// The alignment of memory for direct I/O, in bytes: enough for logical blocks of up to 4096 bytes.
const ALIGN: usize = 4096;

/// Splits a range of sectors into pieces of at most [`PIECE`] bytes, and calls `each` with the first sector of each piece
/// and an aligned buffer of its length.
fn for_each_piece(
    start: Sectors,
    length: Sectors,
    mut each: impl FnMut(Sectors, &mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let end = start.checked_add(length).ok_or(io::ErrorKind::InvalidInput)?;
    with_aligned(PIECE, |memory| {
        let mut at = start;
        while at < end {
            let left = usize::try_from(end.saturating_sub(at).to_bytes().0).unwrap_or(PIECE);
            let piece = memory.get_mut(..left.min(PIECE)).ok_or(io::ErrorKind::OutOfMemory)?;
            each(at, piece)?;
            at = at.saturating_add(Sectors((PIECE / SECTOR_SIZE) as u64));
        }
        Ok(())
    })
}

/// Calls a function with `len` bytes of memory that direct I/O accepts.
pub(super) fn with_aligned(len: usize, call: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<()> {
    let mut memory = vec![0_u8; len.saturating_add(ALIGN)];
    let skip = memory.as_ptr().align_offset(ALIGN);
    let aligned = memory.get_mut(skip..).and_then(|memory| memory.get_mut(..len));
    call(aligned.ok_or(io::ErrorKind::OutOfMemory)?)
}

pub(super) fn byte(sector: Sectors) -> io::Result<u64> {
    u64::try_from(sector.to_bytes().0).map_err(io::Error::other)
}

/// Opens a file so that the page cache is bypassed, if possible; returns whether it is bypassed.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, bool)> {
    match options.custom_flags(OFlag::O_DIRECT.bits()).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {
            Ok((options.custom_flags(0).open(path)?, false))
        }
        Err(error) => Err(error),
    }
}

fn drop_cache(file: &File) -> io::Result<()> {
    file.sync_data()?;
    Ok(posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Sectors = Sectors(1500);

    fn file(sectors: u64) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(sectors.saturating_mul(512)).unwrap();
        file
    }

    fn mismatch(pattern: Pattern, file: &tempfile::NamedTempFile, start: u64, length: u64) -> (u64, SectorContent) {
        match pattern.verify(file.path(), Sectors(start), Sectors(length)) {
            Err(Error::Mismatch { sector, content, .. }) => (sector.0, content),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_is_where_it_was_written_and_nowhere_else() {
        let file = file(2000);
        let pattern = Pattern::new(1);
        pattern.write(file.path(), Sectors(100), LENGTH).unwrap();
        pattern.verify(file.path(), Sectors(100), LENGTH).unwrap();
        Pattern::zeros().verify(file.path(), Sectors(0), Sectors(100)).unwrap();
        Pattern::zeros().verify(file.path(), Sectors(1600), Sectors(400)).unwrap();
        assert_eq!(mismatch(pattern, &file, 99, 2), (99, SectorContent::Zeros));
        assert_eq!(mismatch(pattern, &file, 1500, 101), (1600, SectorContent::Zeros));
    }

    #[test]
    fn one_wrong_byte_is_found() {
        let file = file(2000);
        Pattern::new(1).write(file.path(), Sectors(0), LENGTH).unwrap();
        file.as_file().write_all_at(b"!", 1499 * 512 + 511).unwrap();
        assert_eq!(mismatch(Pattern::new(1), &file, 0, 1500), (1499, SectorContent::Other));
    }

    #[test]
    fn data_in_the_wrong_place_is_reported_with_its_seed_and_sector() {
        let file = file(2000);
        Pattern::new(1).write(file.path(), Sectors(0), Sectors(10)).unwrap();
        Pattern::new(1).moved(Sectors(7), Sectors(3)).write(file.path(), Sectors(3), Sectors(1)).unwrap();
        assert_eq!(
            mismatch(Pattern::new(1), &file, 0, 10),
            (3, SectorContent::Pattern { seed: 1, sector: Sectors(7) })
        );
        assert_eq!(
            mismatch(Pattern::new(2), &file, 0, 10),
            (0, SectorContent::Pattern { seed: 1, sector: Sectors(0) })
        );
    }

    #[test]
    fn the_end_of_the_file_is_an_error() {
        let file = file(10);
        let error = Pattern::zeros().verify(file.path(), Sectors(0), Sectors(11)).unwrap_err();
        assert!(matches!(error, Error::Io { what: "read", .. }), "{error}");
    }
}
