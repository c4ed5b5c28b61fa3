//! The mangled form of names and uuids, which libdm, udev rules and the links below `/dev/mapper` use.
//!
//! Every byte outside `0-9 A-Z a-z # + - . : = @ _` is written as `\x` and two lower-case hexadecimal digits.

use core::fmt::{self, Write as _};

use super::identifier::NameError;

/// Prints a name or uuid in the mangled form; returned by methods such as
/// [`DmName::mangled`](crate::DmName::mangled) and [`DmName::shown`](crate::DmName::shown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mangled<'a> {
    bytes: &'a [u8],
    /// Whether text that is mangled already is kept.
    keeps: bool,
}

impl<'a> Mangled<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, keeps: false }
    }

    pub(crate) const fn keeping(bytes: &'a [u8]) -> Self {
        Self { bytes, keeps: true }
    }
}

impl fmt::Display for Mangled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keeps = self.keeps && is_mangled(self.bytes);
        for &byte in self.bytes {
            if is_plain(byte) || keeps {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Why a text is not the mangled form of a name or uuid. Positions are in bytes, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MangleError {
    /// The text has a byte that the mangled form always escapes.
    #[error("byte {at} (0x{byte:02x}) must be written as \\x{byte:02x} in a mangled name")]
    Unescaped {
        /// The value of the byte.
        byte: u8,
        /// The position of the byte.
        at: usize,
    },
    /// The text has a backslash that is not followed by `x` and two hexadecimal digits.
    #[error("the backslash at byte {at} of a mangled name must be followed by x and two hexadecimal digits")]
    BadEscape {
        /// The position of the backslash.
        at: usize,
    },
    /// The unmangled text is not a valid name or uuid.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Whether a byte is written as it is; udev keeps the same ASCII characters in the names of links.
pub(crate) const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'+' | b'-' | b'.' | b':' | b'=' | b'@' | b'_')
}

/// Whether the bytes begin with `\x` and two hexadecimal digits.
pub(super) const fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Whether the text consists of plain characters and escapes only.
fn is_mangled(mut rest: &[u8]) -> bool {
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match rest.get(4..) {
            Some(after) if is_escape(rest) => after,
            _ if is_plain(byte) => tail,
            _ => return false,
        };
    }
    true
}

pub(super) fn unmangle(text: &str) -> Result<Vec<u8>, MangleError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let at = text.len().saturating_sub(rest.len());
        match (*byte, tail) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                bytes.push(hex_byte(*high, *low).ok_or(MangleError::BadEscape { at })?);
                rest = after;
            }
            (b'\\', _) => return Err(MangleError::BadEscape { at }),
            (plain, _) if is_plain(plain) => {
                bytes.push(plain);
                rest = tail;
            }
            (byte, _) => return Err(MangleError::Unescaped { byte, at }),
        }
    }
    Ok(bytes)
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_outside_the_list_are_escaped() {
        assert_eq!(Mangled::new(b"a b\\/\xc3\xa0").to_string(), r"a\x20b\x5c\x2f\xc3\xa0");
        assert_eq!(Mangled::new(b"vg-lv_0.1:#+=@Z").to_string(), "vg-lv_0.1:#+=@Z");
        assert_eq!(unmangle(r"a\x20B\x5C").unwrap(), b"a B\\");
    }

    #[test]
    fn a_mangled_name_is_not_mangled_again_when_it_is_shown() {
        for (name, shown) in
            [(r"a\x20b", r"a\x20b"), ("a b", r"a\x20b"), (r"a\x20 b", r"a\x5cx20\x20b"), (r"a\b", r"a\x5cb")]
        {
            assert_eq!(Mangled::keeping(name.as_bytes()).to_string(), shown);
        }
        assert_eq!(Mangled::new(br"a\x20b").to_string(), r"a\x5cx20b");
    }

    #[test]
    fn errors_say_where() {
        let says = |text| unmangle(text).unwrap_err().to_string();
        assert_eq!(says("a b"), r"byte 1 (0x20) must be written as \x20 in a mangled name");
        for bad in [r"ab\", r"ab\x", r"ab\x2", r"ab\xg0", r"ab\y20"] {
            assert_eq!(
                says(bad),
                "the backslash at byte 2 of a mangled name must be followed by x and two hexadecimal digits"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(unmangle(&Mangled::new(&bytes).to_string()).unwrap(), bytes);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(bytes) = unmangle(&text) {
                prop_assert_eq!(Mangled::new(&bytes).to_string().to_lowercase(), text.to_lowercase());
            }
        }
    }
}
