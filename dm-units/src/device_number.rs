//! Numbers of block devices and their encodings.

use core::fmt;
use core::str::FromStr;

use crate::decimal::{self, Buffer, SHORT};
use crate::error::{ParseUnitError, ParseUnitErrorKind, Wanted};

/// The number of a block device, `major:minor`.
///
/// The kernel has 12 bits for the major and 20 bits for the minor number. This type also stores, reads and prints
/// larger numbers, but [`to_huge`](Self::to_huge) returns `None` for them.
///
/// ```
/// use dm_units::DeviceNumber;
///
/// let number: DeviceNumber = "253:7".parse()?;
/// assert_eq!(number, DeviceNumber::new(253, 7));
/// assert_eq!(number.to_huge(), Some(0xfd07));
/// # Ok::<(), dm_units::ParseUnitError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// Identifies the driver.
    pub major: u32,
    /// Identifies the device among the devices of the driver.
    pub minor: u32,
}

/// The largest major number in the kernel, of `32 - MINORBITS` bits.
const MAX_MAJOR: u32 = 0xfff;

/// The largest minor number in the kernel, its `MINORMASK`.
const MAX_MINOR: u32 = 0xf_ffff;

impl DeviceNumber {
    /// Makes the number `major:minor`.
    #[inline]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Decodes the kernel's huge encoding, as in `dm_ioctl.dev`. Returns `None` if the number has more than 32 bits.
    ///
    /// Kernel: `huge_decode_dev` in `include/linux/kdev_t.h`.
    #[doc(alias = "from_kdev_t")]
    #[inline]
    pub const fn from_huge(dev: u64) -> Option<Self> {
        if dev > u32::MAX as u64 { None } else { Some(Self::from_dev_t(dev)) }
    }

    /// Returns the kernel's huge encoding, as in `dm_ioctl.dev`, or `None` if the major number has more than 12 bits or
    /// the minor number more than 20.
    ///
    /// Kernel: `huge_encode_dev` in `include/linux/kdev_t.h`.
    #[doc(alias = "to_kdev_t")]
    #[inline]
    pub const fn to_huge(self) -> Option<u64> {
        if self.major > MAX_MAJOR || self.minor > MAX_MINOR { None } else { Some(self.to_dev_t()) }
    }

    /// Decodes a `dev_t` of the C library, such as `st_rdev` of `stat`.
    ///
    /// The C libraries of Linux extend the huge encoding to all 32 bits of both numbers, so every `dev_t` is valid.
    #[inline]
    pub const fn from_dev_t(dev: u64) -> Self {
        Self {
            major: ((dev >> 8) & 0xfff) as u32 | ((dev >> 32) & 0xffff_f000) as u32,
            minor: (dev & 0xff) as u32 | ((dev >> 12) & 0xffff_ff00) as u32,
        }
    }

    /// Returns the `dev_t` of the C library, as `makedev` does.
    #[inline]
    pub const fn to_dev_t(self) -> u64 {
        let major = self.major as u64;
        let minor = self.minor as u64;
        (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xffff_ff00) << 12) | ((major & 0xffff_f000) << 32)
    }

    /// Reads `major:minor` in decimal digits.
    ///
    /// # Errors
    ///
    /// [`ParseUnitErrorKind::ExpectedDigit`], [`ParseUnitErrorKind::ExpectedColon`]: the text has another form.
    /// [`ParseUnitErrorKind::TooLarge`]: a number has more than 32 bits.
    #[inline]
    pub fn from_ascii(text: &[u8]) -> Result<Self, ParseUnitError> {
        let colon = decimal::count_digits(text);
        let (major, rest) = text.split_at(colon);
        let major = parse_u32(major, 0)?;
        let [b':', minor @ ..] = rest else {
            return Err(ParseUnitError::new(Wanted::DeviceNumber, ParseUnitErrorKind::ExpectedColon, colon));
        };
        Ok(Self { major, minor: parse_u32(minor, colon.saturating_add(1))? })
    }
}

/// Reads one of the two numbers, which starts at `offset`.
#[inline]
fn parse_u32(digits: &[u8], offset: usize) -> Result<u32, ParseUnitError> {
    let number = decimal::parse(digits, Wanted::DeviceNumber, offset)?;
    u32::try_from(number).map_err(|_| ParseUnitError::new(Wanted::DeviceNumber, ParseUnitErrorKind::TooLarge, offset))
}

impl FromStr for DeviceNumber {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        Self::from_ascii(text.as_bytes())
    }
}

impl fmt::Display for DeviceNumber {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Buffer::<SHORT>::new();
        text.push_u64(self.major.into())?;
        text.push([b':'])?;
        text.push_u64(self.minor.into())?;
        let text = text.as_str()?;
        if f.width().is_none() && f.precision().is_none() { f.write_str(text) } else { f.pad(text) }
    }
}

/// Prints the same as `Display`, like the IP addresses of the standard library.
impl fmt::Debug for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
