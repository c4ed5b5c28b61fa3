//! Text as the kernel gives it: bytes that are usually, but not always, UTF-8.

use core::fmt::{self, Write as _};
use core::str::Utf8Error;

/// A piece of kernel text: a target type, the params of a table, a status, the answer to a message.
///
/// The kernel passes on whatever bytes it was given (a device path in another encoding, say), so this is bytes first.
/// Nothing is checked or converted until asked: checking is what costs most in reading a large table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Wraps bytes; nothing is checked.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, without the terminating NUL.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text as a string slice.
    ///
    /// # Errors
    /// Where the bytes are not UTF-8; the error says at which byte.
    pub const fn to_str(self) -> Result<&'a str, Utf8Error> {
        core::str::from_utf8(self.0)
    }

    /// How many bytes the text has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all, as in the status of a linear device.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Prints the text; what is not UTF-8 is shown as U+FFFD.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_str() {
            Ok(text) => f.pad(text),
            Err(_) => write_lossy(f, self.0),
        }
    }
}

/// Prints the text in quotes, what is not printable escaped.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Writes bytes as text, one U+FFFD for each piece that is not UTF-8.
pub(crate) fn write_lossy(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        f.write_str(chunk.valid())?;
        if !chunk.invalid().is_empty() {
            f.write_char(char::REPLACEMENT_CHARACTER)?;
        }
    }
    Ok(())
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

/// Serialises as a string; what is not UTF-8 becomes U+FFFD.
#[cfg(feature = "serde")]
impl serde::Serialize for Text<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_prints_as_it_is_and_marks_what_is_not_utf8() {
        assert_eq!(Text::from("7:0 128").to_string(), "7:0 128");
        assert_eq!(Text::new(b"a\xffb").to_string(), "a\u{fffd}b");
        assert_eq!(format!("{:>4}", Text::from("ok")), "  ok");
        assert_eq!(format!("{:?}", Text::new(b"a\xff\n")), r#""a\xff\n""#);
    }

    #[test]
    fn text_compares_with_strings_byte_for_byte() {
        assert!(Text::from("linear") == "linear");
        assert!(Text::new(b"a\xff") != "a\u{fffd}");
        assert!(Text::new(b"a\xff").to_str().is_err());
    }
}
