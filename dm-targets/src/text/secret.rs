//! Keys, and words that may contain one.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;
use core::hash::{Hash, Hasher};

use zeroize::Zeroizing;

use crate::errors::problem::Problem;
use crate::text::printer::Printer;
use crate::text::value::Value;
use crate::text::word::{TextForm, Word, WordBuf};

/// The number of digits that are converted to lower case at a time.
const LOWERED: usize = 64;

/// A key, as the hexadecimal digits that tables contain.
///
/// The digits are zeroed on drop, and `Debug` shows only the size. There is no `Display`; [`hex`](Self::hex) returns
/// the digits. **The `Display` of a table prints its key**, because the kernel needs it: do not log a table with a key.
///
/// Two keys are equal if their bytes are equal, regardless of the case of the digits. The comparison takes the same time
/// wherever the bytes differ.
///
/// ```
/// use dm_targets::Key;
///
/// let key = Key::from_hex("00ff")?;
/// assert_eq!(format!("{key:?}"), "Key(2 bytes)");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Eq)]
pub struct Key {
    digits: Zeroizing<Box<str>>,
    /// Whether any digit is in upper case.
    has_capitals: bool,
}

impl Key {
    /// Parses hexadecimal digits, two per byte.
    ///
    /// # Errors
    ///
    /// [`Problem::NotHex`]: the text is empty, has an odd number of digits, or has other characters.
    pub fn from_hex(digits: &str) -> Result<Self, Problem> {
        // Does not stop at the first wrong character, which is faster for long keys.
        let is_hex = digits.bytes().fold(true, |is_hex, byte| is_hex & byte.is_ascii_hexdigit());
        let has_capitals = digits.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase());
        if digits.is_empty() || digits.len() % 2 != 0 || !is_hex {
            return Err(Problem::NotHex);
        }
        Ok(Self { digits: Zeroizing::new(digits.into()), has_capitals })
    }

    /// The digits as they were given.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.digits
    }

    /// The size of the key in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.digits.len() / 2
    }

    /// Prints the key in lower case for the kernel, so that equal tables print the same text.
    pub(crate) fn print_in_table(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        if out.form() == TextForm::Printed || !self.has_capitals {
            return out.write_secret(&self.digits);
        }
        for digits in self.digits.as_bytes().chunks(LOWERED) {
            let mut room = Zeroizing::new([0; LOWERED]);
            let lowered = room.get_mut(..digits.len()).ok_or(fmt::Error)?;
            lowered.copy_from_slice(digits);
            lowered.make_ascii_lowercase();
            out.write_secret(core::str::from_utf8(lowered).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // This bit distinguishes upper from lower case in a letter, and is always set in a decimal digit.
        const LOWER_CASE: u8 = 0x20;
        let digits = self.digits.bytes().zip(other.digits.bytes());
        let difference = digits.fold(0, |sum, (one, two)| sum | ((one ^ two) & !LOWER_CASE));
        self.digits.len() == other.digits.len() && core::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.size())
    }
}

impl Value for Key {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Self::from_hex(word.spelling())
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_secret(&self.digits)
    }
}

/// Hashes only the size, so that no key gets into a hasher.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.size().hash(state);
    }
}

/// A word that may contain a key, or the location of a key. The word is zeroed on drop, and `Debug` does not show it.
///
/// A `SecretWord` can contain the same text as a [`WordBuf`].
#[derive(Clone, PartialEq, Eq)]
pub struct SecretWord(Zeroizing<Box<str>>);

impl SecretWord {
    /// A word with this text; it is quoted only when it is printed.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: the text is empty. [`Problem::ForbiddenByte`]: the text contains NUL or the byte 0xA0.
    pub fn new(text: &str) -> Result<Self, Problem> {
        WordBuf::check(text)?;
        Ok(Self(Zeroizing::new(text.into())))
    }

    /// The text without quotes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Hashes only the length, so that no key gets into a hasher.
impl Hash for SecretWord {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
    }
}

impl fmt::Debug for SecretWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretWord({} bytes)", self.0.len())
    }
}

impl Value for SecretWord {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.guarded(false).value()? {
            Cow::Borrowed(text) => Self::new(text),
            Cow::Owned(text) => Self::new(&Zeroizing::new(text)),
        }
    }

    /// Leaves only white space and backslashes in the printer's buffer.
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        let special = |char: char| char == '\\' || char.is_ascii_whitespace() || char == '\x0b';
        for piece in self.0.split_inclusive(special) {
            let text = piece.strip_suffix(special).unwrap_or(piece);
            out.write_secret(text)?;
            out.write_quoted(piece.get(text.len()..).unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_key_consists_of_complete_bytes_in_hex() {
        assert_eq!(Key::from_hex("00fF").unwrap().size(), 2);
        for bad in ["", "0", "0g", "0x00", "00 ff", "é"] {
            assert_eq!(Key::from_hex(bad), Err(Problem::NotHex), "{bad}");
        }
    }

    #[test]
    fn keys_are_equal_if_their_bytes_are() {
        let key = |digits| Key::from_hex(digits).unwrap();
        assert_eq!(key("00ffaa"), key("00FFaA"));
        assert_ne!(key("00ffaa"), key("00ffab"));
        assert_ne!(key("00ffaa"), key("00ff"));
        // No two different digits differ only in the bit that distinguishes upper from lower case.
        let digits = b"0123456789abcdef".map(|digit| digit & !0x20);
        assert!(digits.iter().enumerate().all(|(at, digit)| !digits[..at].contains(digit)));
    }

    #[test]
    fn keys_differ_by_every_bit() {
        let keys: Vec<(u8, Key)> =
            (0..=255).map(|byte| (byte, Key::from_hex(&format!("{byte:02X}")).unwrap())).collect();
        for (one, key) in &keys {
            for (other, byte) in &keys {
                assert_eq!(key == byte, one == other, "{one:02x} {other:02x}");
            }
            // A difference must not cancel out the same difference in another byte.
            let [doubled, zeros] = [format!("{one:02x}{one:02x}"), "0000".to_owned()].map(|text| Key::from_hex(&text));
            assert_eq!(doubled == zeros, *one == 0);
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", Key::from_hex("c0ffee").unwrap()), "Key(3 bytes)");
    }

    #[test]
    fn secret_words_are_quoted_and_not_shown() {
        struct Shown(SecretWord);

        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Printer::new(f).put(&self.0).end()
            }
        }

        let word = Shown(SecretWord::new("a b\\c\x0b").unwrap());
        assert_eq!(word.to_string(), "a\\ b\\\\c\\\x0b");
        assert_eq!(format!("{word:#}"), "a b\\c\x0b");
        assert_eq!(SecretWord::read(Word::new("a\\ b\\\\c\\\x0b", crate::TextForm::Input)), Ok(word.0.clone()));
        assert_eq!(format!("{:?}", word.0), "SecretWord(6 bytes)");
        assert_eq!(SecretWord::new(""), Err(Problem::Missing));
        assert_eq!(SecretWord::new("\0"), Err(Problem::ForbiddenByte(0)));
    }
}
