//! Versions of the ioctl interface and of targets.

use core::fmt;
use core::str::FromStr;

use crate::decimal;
use crate::error::{ParseUnitError, ParseUnitErrorKind, Wanted};

/// A version of the device mapper's ioctl interface, or of a target: `major.minor.patch`.
///
/// Versions are compared by the major number, then by the minor number, then by the patch number.
///
/// ```
/// use dm_units::Version;
///
/// let version: Version = "1.23.0".parse()?;
/// assert_eq!(version, Version::new(1, 23, 0));
/// assert!(version >= Version::new(1, 9, 1));
/// # Ok::<(), dm_units::ParseUnitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Incremented by changes that break programs.
    pub major: u32,
    /// Incremented by compatible additions.
    pub minor: u32,
    /// Incremented by bug fixes.
    pub patch: u32,
}

impl Version {
    /// Makes the version `major.minor.patch`.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

/// Prints `4.48.0`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Reads `4.48.0`: three decimal numbers of at most 32 bits, and two dots.
///
/// If the text has another form, the error is [`ExpectedDigit`](ParseUnitErrorKind::ExpectedDigit) or
/// [`ExpectedDot`](ParseUnitErrorKind::ExpectedDot) at the first wrong character or at the end of the text. If a number
/// is too large, the error is [`TooLarge`](ParseUnitErrorKind::TooLarge) at the number's first digit.
impl FromStr for Version {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let (major, at) = number(text.as_bytes(), 0)?;
        let (minor, at) = number(text.as_bytes(), after_dot(text.as_bytes(), at)?)?;
        let start = after_dot(text.as_bytes(), at)?;
        let patch = parse(text.as_bytes().get(start..).unwrap_or_default(), start)?;
        Ok(Self { major, minor, patch })
    }
}

/// Reads the digits that begin at `start`; returns the number and the offset of its end.
fn number(text: &[u8], start: usize) -> Result<(u32, usize), ParseUnitError> {
    let rest = text.get(start..).unwrap_or_default();
    let (digits, _) = rest.split_at(decimal::count_digits(rest));
    Ok((parse(digits, start)?, start.saturating_add(digits.len())))
}

fn parse(digits: &[u8], offset: usize) -> Result<u32, ParseUnitError> {
    let number = decimal::parse(digits, Wanted::Version, offset)?;
    u32::try_from(number).map_err(|_| ParseUnitError::new(Wanted::Version, ParseUnitErrorKind::TooLarge, offset))
}

/// Checks that the character at `at` is a dot, and returns the offset after it.
fn after_dot(text: &[u8], at: usize) -> Result<usize, ParseUnitError> {
    match text.get(at) {
        Some(b'.') => Ok(at.saturating_add(1)),
        _ => Err(ParseUnitError::new(Wanted::Version, ParseUnitErrorKind::ExpectedDot, at)),
    }
}
