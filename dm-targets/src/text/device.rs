//! Device names in tables.

use core::fmt;

use alloc::boxed::Box;
use dm_units::DeviceNumber;

use crate::errors::problem::Problem;
use crate::text::printer::Printer;
use crate::text::value::Value;
use crate::text::word::{Word, WordBuf};

/// A device in a table: its number, or the path of its node.
///
/// The kernel accepts a path wherever it accepts a number. It prints numbers, except in vdo tables. Programs should use
/// numbers, which need no lookup and mean the same device in every mount namespace.
///
/// A word that consists only of digits is refused. The kernel treats such a word as a path, but it usually means that
/// the device was forgotten.
///
/// Kernel: `dm_devt_from_path` in `drivers/md/dm-table.c`.
///
/// ```
/// use dm_targets::Device;
/// use dm_units::DeviceNumber;
///
/// assert_eq!(Device::new("253:7")?, Device::Number(DeviceNumber::new(253, 7)));
/// assert!(matches!(Device::new("/dev/sda")?, Device::Path(_)));
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The device number, printed as `major:minor`.
    Number(DeviceNumber),
    /// The path of a block device node.
    Path(DevicePath),
}

/// The path of a device node: any word that is neither a device number nor digits alone. `Display` prints it as it
/// is, without the backslashes that a table needs before spaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DevicePath(WordBuf);

impl DevicePath {
    /// The path as it is, without backslashes before spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Device {
    /// Makes a device from a device number or a path. Spaces and backslashes are part of the path.
    ///
    /// # Errors
    ///
    /// [`Problem::DeviceNumberTooLarge`]: the text is a device number that is too large for the kernel.
    /// [`Problem::Missing`]: the text is empty. [`Problem::Expected`]: the text consists only of digits.
    /// [`Problem::ForbiddenByte`]: the text contains NUL or the byte 0xA0.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, Problem> {
        let text = text.into();
        match number(&text)? {
            Some(number) => Ok(Self::Number(number)),
            None => WordBuf::new(text).map(|path| Self::Path(DevicePath(path))),
        }
    }

    /// The device number; `None` for a path.
    #[must_use]
    pub const fn number(&self) -> Option<DeviceNumber> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Path(_) => None,
        }
    }
}

/// The device number in `text`; `None` if the kernel takes the text for a path.
#[inline]
fn number(text: &str) -> Result<Option<DeviceNumber>, Problem> {
    match DeviceNumber::read(Word::plain(text)) {
        Ok(number) => Ok(Some(number)),
        Err(Problem::DeviceNumberTooLarge) => Err(Problem::DeviceNumberTooLarge),
        Err(_) if text.is_empty() => Err(Problem::Missing),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Problem::Expected("a device number such as 253:0, or a path"))
        }
        Err(_) => Ok(None),
    }
}

impl Value for DevicePath {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match Device::read(word)? {
            Device::Path(path) => Ok(path),
            Device::Number(_) => Err(Problem::Expected("the path of a device node")),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.0.print(out)
    }
}

/// Prints the path as it is, without backslashes before spaces.
impl fmt::Display for DevicePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Value for Device {
    #[inline]
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match number(word.spelling())? {
            Some(number) => Ok(Self::Number(number)),
            None => Self::new(word.value()?),
        }
    }

    #[inline]
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        let (number, rest) = DeviceNumber::scan(text)?;
        Some((Self::Number(number), rest))
    }

    #[inline]
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.print(out),
            Self::Path(path) => path.0.print(out),
        }
    }
}

impl From<DeviceNumber> for Device {
    fn from(number: DeviceNumber) -> Self {
        Self::Number(number)
    }
}

/// Prints the number or the path without quotes, as [`Device::new`] parses it.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Path(path) => path.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, Problem};

    #[test]
    fn a_text_that_is_neither_a_number_nor_a_path_has_its_reason() {
        assert_eq!(Device::new(""), Err(Problem::Missing));
        assert!(matches!(Device::new("8"), Err(Problem::Expected(_))));
        assert_eq!(Device::new("4096:0"), Err(Problem::DeviceNumberTooLarge));
        assert_eq!(Device::new("/dev/à"), Err(Problem::ForbiddenByte(0xA0)));
    }
}
