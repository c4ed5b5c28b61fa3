//! Text from the kernel: bytes that are usually, but not always, UTF-8.

use core::cmp::Ordering;
use core::fmt::{self, Write as _};
use core::hash::{Hash, Hasher};
use core::str::Utf8Error;

/// A piece of text from the kernel: a target type, the params of a table, a status, or the reply to a message.
///
/// The bytes need not be UTF-8: the kernel returns what it was given, for example a key description in another
/// encoding. The bytes are checked only when the text is converted or printed, since the check is the largest cost of
/// reading a large table.
///
/// Text that may contain a key is [secret](Self::is_secret): `Display`, `Debug` and serde show only its length.
/// [`as_bytes`](Self::as_bytes) and [`to_str`](Self::to_str) return the text itself.
#[derive(Clone, Copy, Default)]
pub struct Text<'a> {
    bytes: &'a [u8],
    secret: bool,
}

impl<'a> Text<'a> {
    /// Wraps bytes without checking them.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, secret: false }
    }

    /// Sets whether the text is secret, so that only its length is shown.
    #[must_use]
    pub const fn secret(self, secret: bool) -> Self {
        Self { secret, ..self }
    }

    /// Whether the text may contain a key.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        self.secret
    }

    /// The bytes, without the terminating NUL.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The text as a string slice.
    ///
    /// # Errors
    /// The bytes are not UTF-8. The error has the position of the first invalid byte.
    pub const fn to_str(self) -> Result<&'a str, Utf8Error> {
        core::str::from_utf8(self.bytes)
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.bytes.len()
    }

    /// Whether the text is empty, as the status of a linear device is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }
}

/// Prints the text, with U+FFFD instead of bytes that are not UTF-8. For a secret text, prints its length. The
/// formatter's width applies only to text that is UTF-8 and not secret.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            return write!(f, "<secret of {} bytes>", self.len());
        }
        match self.to_str() {
            Ok(text) => f.pad(text),
            Err(_) => write_lossy(f, self.bytes),
        }
    }
}

/// Prints the text in quotes, with bytes other than printable ASCII escaped. For a secret text, prints its
/// length.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { fmt::Display::fmt(self, f) } else { write!(f, "\"{}\"", self.bytes.escape_ascii()) }
    }
}

/// Writes bytes as text, with one U+FFFD for each sequence that is not UTF-8.
pub(crate) fn write_lossy(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        f.write_str(chunk.valid())?;
        if !chunk.invalid().is_empty() {
            f.write_char(char::REPLACEMENT_CHARACTER)?;
        }
    }
    Ok(())
}

/// Texts are equal if their bytes are, secret or not.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(other.bytes)
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.bytes == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.bytes == other.as_bytes()
    }
}

/// Serializes the displayed text as a string.
#[cfg(feature = "serde")]
impl serde::Serialize for Text<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    fn hash(text: Text<'_>) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
    }

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
        assert!(Text::from("linear") < Text::from("zero") && Text::from("zero") > Text::new(b"Zero"));
        assert!(Text::new(b"a\xff") != "a\u{fffd}");
        assert_eq!(Text::new(b"a\xff").to_str().unwrap_err().valid_up_to(), 1);
    }

    #[test]
    fn secret_text_shows_its_length_and_compares_like_other_text() {
        let secret = Text::from("aes 0123").secret(true);
        for shown in [format!("{secret}"), format!("{secret:?}"), format!("{secret:#?}"), format!("{secret:40}")] {
            assert_eq!(shown, "<secret of 8 bytes>");
        }
        assert_eq!(secret, Text::from("aes 0123"));
        assert_eq!(hash(secret), hash(Text::from("aes 0123")));
        assert_ne!(hash(secret), hash(Text::from("aes 0124")));
        assert!(secret.is_secret() && !secret.secret(false).is_secret());
    }
}
