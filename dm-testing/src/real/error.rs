//! What can go wrong in a test's set-up.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dm_core::{NameError, OpError};
use dm_units::Sectors;

use crate::real::held::Held;

/// The result of the helpers of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a helper could not do what a test requested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a device failed.
    #[error("can't {what} {}", path.display())]
    #[non_exhaustive]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or device.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// A command failed.
    #[error(transparent)]
    Dm(#[from] dm_core::Error),
    /// An operation failed.
    #[error(transparent)]
    Op(#[from] OpError),
    /// With the test's prefix, the text can't be the name of a mapped device.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A number of bytes or sectors is more than the kernel can count.
    #[error("{size} is too large for {what}")]
    #[non_exhaustive]
    TooLarge {
        /// What it is the size of.
        what: &'static str,
        /// The size, with its unit.
        size: String,
    },
    /// A sector does not hold what it should.
    #[error("sector {sector} of {} {held}", path.display())]
    #[non_exhaustive]
    Mismatch {
        /// The file or device.
        path: PathBuf,
        /// The first wrong sector.
        sector: Sectors,
        /// What it holds.
        held: Held,
    },
    /// A condition did not come to hold.
    #[error("waited {timeout:?} for {what}, in vain")]
    #[non_exhaustive]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        timeout: Duration,
    },
}

impl Error {
    /// Makes an error of a system call from what was tried with which file.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// The text of an error and of its sources: no error repeats the text of its source.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = Error::io("open", Path::new("/x"))(io::Error::other("no"));
        assert_eq!(in_full(&error), "can't open /x: no");
    }
}
