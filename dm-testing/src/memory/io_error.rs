//! [`MemoryError`]: the errors of I/O on the kernel in memory.

use std::fmt;

use dm_units::Sectors;

use super::errno::Errno;
use super::kernel::Kernel;
use super::kernel::io::IoFault;

/// The error of a read, write, discard or flush of a [`MemoryKernel`](super::MemoryKernel) or a
/// [`MemoryDisk`](super::MemoryDisk). Its text names the device and the first sector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryError {
    device: String,
    start: Sectors,
    kind: MemoryErrorKind,
}

/// Why an I/O failed or would wait: the kind of a [`MemoryError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryErrorKind {
    /// The device does not exist, or the given text is not a valid name of a device.
    NoDevice,
    /// The length of the data is not a multiple of 512 bytes.
    PartOfSector,
    /// The device, or one that it uses, is suspended. On a real kernel, the I/O would wait until the suspended device
    /// is resumed.
    #[non_exhaustive]
    Suspended {
        /// The name of the suspended device.
        device: String,
    },
    /// A target holds the I/O, for example until there is space. On a real kernel, the I/O would wait.
    #[non_exhaustive]
    Waiting {
        /// The name of the mapped device with this target.
        device: String,
    },
    /// The I/O failed with this errno.
    #[non_exhaustive]
    Failed {
        /// The errno, as a number of this system: 5 (`EIO`), 28 (`ENOSPC`), …
        errno: i32,
    },
}

impl MemoryError {
    pub(super) fn new(device: String, start: Sectors, kind: MemoryErrorKind) -> Self {
        Self { device, start, kind }
    }

    pub(super) fn of(kernel: &Kernel, device: String, start: Sectors, fault: IoFault) -> Self {
        let name = |minor| kernel.devices.get(&minor).map(super::kernel::device::Device::name_text).unwrap_or_default();
        let kind = match fault {
            IoFault::Failed(Errno::ENXIO) => MemoryErrorKind::NoDevice,
            IoFault::Failed(errno) => MemoryErrorKind::Failed { errno: errno.0 },
            IoFault::Held(minor) => MemoryErrorKind::Suspended { device: name(minor) },
            IoFault::Waits(minor) => MemoryErrorKind::Waiting { device: name(minor) },
        };
        Self::new(device, start, kind)
    }

    /// Why the I/O failed or would wait, for a `match`.
    #[must_use]
    pub const fn kind(&self) -> &MemoryErrorKind {
        &self.kind
    }

    /// Whether the I/O would wait on a real kernel, because a device is suspended or a target holds the I/O.
    #[must_use]
    pub const fn would_wait(&self) -> bool {
        matches!(self.kind, MemoryErrorKind::Suspended { .. } | MemoryErrorKind::Waiting { .. })
    }

    /// The errno of [`Failed`](MemoryErrorKind::Failed), as a number of this system; `None` for other kinds.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match self.kind {
            MemoryErrorKind::Failed { errno } => Some(errno),
            _ => None,
        }
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, start, kind } = self;
        write!(f, "I/O on {device} at sector {} ", start.0)?;
        match kind {
            MemoryErrorKind::NoDevice => f.write_str("failed: no such device"),
            MemoryErrorKind::PartOfSector => f.write_str("was refused: its length is not a multiple of 512 bytes"),
            MemoryErrorKind::Suspended { device } => write!(f, "would wait: '{device}' is suspended"),
            MemoryErrorKind::Waiting { device } => write!(f, "would wait: a target of '{device}' holds it"),
            MemoryErrorKind::Failed { errno } => write!(f, "failed ({})", Errno(*errno)),
        }
    }
}

impl std::error::Error for MemoryError {}
