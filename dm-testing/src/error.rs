//! What can go wrong in a harness.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dm_core::NameError;
use dm_units::Sectors;

use crate::pattern::Held;

/// The result of what a harness does.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a harness could not do what a test asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a device failed.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The device mapper refused a command.
    #[error(transparent)]
    Dm(#[from] dm_core::Error),
    /// Behind the test's own prefix this is no name of a mapped device.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A number of bytes or sectors is more than the kernel can count.
    #[error("{size} is too large for {what}")]
    TooLarge {
        /// What it is the size of.
        what: &'static str,
        /// The size, with its unit.
        size: String,
    },
    /// A sector does not hold what it should.
    #[error("sector {sector} of {} {held}", path.display())]
    Mismatch {
        /// Which device.
        path: PathBuf,
        /// The first wrong sector.
        sector: Sectors,
        /// What it holds.
        held: Held,
    },
    /// What was waited for did not happen.
    #[error("waited {limit:?} for {what}, in vain")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
}

impl Error {
    /// Makes the error of a system call tell what was tried with which file.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}
