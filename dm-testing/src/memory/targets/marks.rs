//! Metadata on a device: numbers, after a mark that identifies the target. The format is not the kernel's, but its
//! rules are: a device whose first sector is zero is new.

use dm_units::DeviceNumber;

use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault};

/// The number of sectors of a metadata block.
pub(super) const META_BLOCK: u64 = 8;

/// The state of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetadataMode {
    ReadWrite,
    ReadOnly,
    /// The metadata cannot even be read.
    Fail,
}

impl MetadataMode {
    /// The word in a status.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::ReadWrite => "rw",
            Self::ReadOnly => "ro",
            Self::Fail => "Fail",
        }
    }

    /// Writes metadata, unless that has failed before. After a failure, the mode is `ReadOnly`, or `Fail` if the
    /// metadata cannot be read either.
    pub(super) fn commit(&mut self, kernel: &mut Kernel, minor: u32, target: &str, marks: Marks, numbers: &[u64]) {
        if *self != Self::ReadWrite {
            return;
        }
        let Err(errno) = marks.write(kernel, numbers) else { return };
        *self = if marks.read(kernel).is_ok() { Self::ReadOnly } else { Self::Fail };
        let device = kernel.device(minor).map(|device| device.number().to_string()).unwrap_or_default();
        kernel.log(target, &format!("{device}: metadata operation 'commit' failed: error = -{}", errno.0));
        kernel.log(target, &format!("{device}: switching to {} mode", self.word()));
        kernel.event(minor);
    }
}

/// The location of a target's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    device: DeviceNumber,
    /// The first sector on that device.
    start: u64,
    mark: [u8; 8],
}

/// The content of a metadata device.
#[derive(Debug)]
pub(super) enum Found {
    /// Zeros: a new device.
    Nothing,
    /// Data of another kind.
    Foreign,
    Numbers(Vec<u64>),
}

impl Marks {
    /// Makes a location from a sector of a device on, with the mark of a target.
    pub(super) fn new(device: DeviceNumber, start: u64, target: &str) -> Self {
        let mut mark = [b' '; 8];
        mark.iter_mut().zip(target.bytes()).for_each(|(to, from)| *to = from);
        Self { device, start, mark }
    }

    /// Reads the numbers.
    pub(super) fn read(&self, kernel: &mut Kernel) -> Result<Found, Errno> {
        let mut first = [0; SECTOR];
        self.io(kernel, Io::Read(&mut first))?;
        if first == [0; SECTOR] {
            return Ok(Found::Nothing);
        }
        let count = number_at(&first, 1).filter(|_| first.starts_with(&self.mark));
        let Some(len) = count.and_then(|count| self.len(kernel, count)) else { return Ok(Found::Foreign) };
        let mut bytes = vec![0; len];
        self.io(kernel, Io::Read(&mut bytes))?;
        let numbers = bytes.chunks_exact(8).filter_map(|word| word.try_into().ok().map(u64::from_le_bytes)).skip(2);
        Ok(Found::Numbers(numbers.take(usize::try_from(count.unwrap_or(0)).unwrap_or(0)).collect()))
    }

    /// Writes the numbers.
    pub(super) fn write(&self, kernel: &mut Kernel, numbers: &[u64]) -> Result<(), Errno> {
        let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        let len = self.len(kernel, count).ok_or(Errno::ENOSPC)?;
        let words = std::iter::once(&count).chain(numbers).flat_map(|number| number.to_le_bytes());
        let mut bytes: Vec<u8> = self.mark.into_iter().chain(words).collect();
        bytes.resize(len, 0);
        self.io(kernel, Io::Write(&bytes))
    }

    /// The length in bytes of the sectors that hold `count` numbers, if the device has that many.
    fn len(&self, kernel: &Kernel, count: u64) -> Option<usize> {
        let sectors = count.checked_add(2)?.checked_mul(8)?.div_ceil(SECTOR as u64);
        let room = kernel.sectors(self.device)?.checked_sub(self.start)?;
        if sectors <= room { usize::try_from(sectors).ok()?.checked_mul(SECTOR) } else { None }
    }

    /// A device that holds I/O counts as one that fails; the kernel's command would wait here.
    fn io(&self, kernel: &mut Kernel, io: Io<'_>) -> Result<(), Errno> {
        kernel.io(self.device, self.start, io).map_err(|fault| match fault {
            IoFault::Failed(errno) => errno,
            IoFault::Held(_) | IoFault::Waits(_) => Errno::EIO,
        })
    }
}

fn number_at(bytes: &[u8], word: usize) -> Option<u64> {
    bytes.chunks_exact(8).nth(word)?.try_into().ok().map(u64::from_le_bytes)
}
