//! How a table names a device.

use core::fmt;

use alloc::boxed::Box;
use dm_units::DeviceNumber;

use crate::errors::problem::Problem;
use crate::text::printer::Printer;
use crate::text::value::Value;
use crate::text::word::{Word, WordBuf};

/// A device in a table: its number, or the path of its node.
///
/// A word of digits alone is refused, although to the kernel it is a path like any other: it is what stands where a
/// device was forgotten.
///
/// The kernel prints numbers only, whatever the table was loaded with. A number is looked up by nobody and names the
/// same device in every mount namespace, so it is what programs should write.
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
    /// `major:minor`.
    Number(DeviceNumber),
    /// The path of a block device node.
    Path(DevicePath),
}

/// The path of a device node: any word that is not a device number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DevicePath(WordBuf);

impl DevicePath {
    /// The path, not quoted.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Device {
    /// The device that `text` names, not quoted: a number or a path.
    ///
    /// # Errors
    ///
    /// A number that is too large for the kernel or that is no device number, or a path that no word can hold, see [`WordBuf`].
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, Problem> {
        let text = text.into();
        match number(&text)? {
            Some(number) => Ok(Self::Number(number)),
            None => WordBuf::new(text).map(|path| Self::Path(DevicePath(path))),
        }
    }

    /// The number, where it is not a path.
    #[must_use]
    pub const fn number(&self) -> Option<DeviceNumber> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Path(_) => None,
        }
    }
}

/// The number that a word is; `None` if the kernel takes it for a path.
#[inline]
fn number(text: &str) -> Result<Option<DeviceNumber>, Problem> {
    match DeviceNumber::read(Word::plain(text)) {
        Ok(number) => Ok(Some(number)),
        Err(Problem::DeviceNumberTooLarge) => Err(Problem::DeviceNumberTooLarge),
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

/// The path, not quoted.
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

/// The number or the path, not quoted: what [`Device::new`] takes.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Path(path) => path.0.fmt(f),
        }
    }
}
