//! [`Error`]: the error of this crate's helpers.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dm_core::{NameError, OpError};
use dm_units::Sectors;

use crate::real::sector_content::SectorContent;

/// A `Result` whose default error type is [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The error of this crate's functions for real kernels, such as those of [`Scratch`](crate::Scratch) and
/// [`LoopDevice`](crate::LoopDevice).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An action on a file or a device failed.
    #[error("cannot {what} {}", path.display())]
    #[non_exhaustive]
    Io {
        /// The action, as the verb that follows "cannot" in the text, such as `open`.
        what: &'static str,
        /// The path of the file or device.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// A command of the device mapper failed.
    #[error(transparent)]
    Dm(#[from] dm_core::Error),
    /// An operation of a [`Host`](dm_core::Host) failed.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The test's prefix and the given suffix do not form a valid name of a mapped device.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A size in bytes does not fit in 64 bits.
    #[error("{size} is too large for {what}")]
    #[non_exhaustive]
    TooLarge {
        /// The object that cannot have this size.
        what: &'static str,
        /// The size, with its unit.
        size: String,
    },
    /// A sector does not have the expected content.
    #[error("sector {sector} of {} {content}", path.display())]
    #[non_exhaustive]
    Mismatch {
        /// The path of the file or device.
        path: PathBuf,
        /// The number of the first sector with other content, counted from the start of the device.
        sector: Sectors,
        /// The content that was found.
        content: SectorContent,
    },
    /// A condition did not become true within the timeout.
    #[error("waited {timeout:?} for {what}, in vain")]
    #[non_exhaustive]
    TimedOut {
        /// The condition, as a noun. The error text is "waited 3s for `what`, in vain".
        what: String,
        /// The timeout that the caller set.
        timeout: Duration,
    },
}

impl Error {
    /// Makes an error of a system call on a file.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// The text of an error and its sources; no error repeats the text of its source.
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
        assert_eq!(in_full(&error), "cannot open /x: no");
    }
}
