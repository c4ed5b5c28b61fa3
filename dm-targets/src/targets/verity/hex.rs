//! Public bytes in hexadecimal, such as digests and salts.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::{Printer, Problem, Value, Word};

/// Bytes that are not secret, such as a digest or a salt, as lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hex(Box<str>);

impl Hex {
    /// Parses hexadecimal digits, two per byte; upper case is changed to lower case.
    ///
    /// # Errors
    ///
    /// [`Problem::NotHex`]: the text has no digits, an odd number of digits, or other characters.
    pub fn new(digits: &str) -> Result<Self, Problem> {
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits.is_empty() || digits.len() % 2 != 0 || !hex {
            return Err(Problem::NotHex);
        }
        Ok(Self(digits.to_ascii_lowercase().into()))
    }

    /// The digits of `bytes`; `None` if there are no bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut digits = String::new();
        bytes.iter().try_for_each(|byte| write!(digits, "{byte:02x}")).ok()?;
        (!digits.is_empty()).then(|| Self(digits.into()))
    }

    /// The bytes that the digits stand for.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let byte = |pair: &[u8]| core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        self.0.as_bytes().chunks(2).filter_map(byte).collect()
    }

    /// The digits in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of bytes, half the number of digits.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len() / 2
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Value for Hex {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Self::new(word.spelling())
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
