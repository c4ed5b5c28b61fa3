//! Key material.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroizing;

use crate::printer::Printer;
use crate::problem::Problem;
use crate::value::Value;
use crate::word::Word;

/// A key, as the hexadecimal digits in which tables hold it.
///
/// It is zeroed when dropped, and `Debug` shows its size only. There is no `Display`: [`hex`](Self::hex) is the one way
/// to see it. **The `Display` of a table that holds a key does print it**, because that is what is loaded into the
/// kernel; a table with a key belongs in no log.
///
/// Two keys are equal if their bytes are, whatever the case of their digits; comparing them takes the same time wherever
/// they differ.
///
/// ```
/// use dm_targets::Key;
///
/// let key = Key::from_hex("00ff")?;
/// assert_eq!(format!("{key:?}"), "Key(2 bytes)");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Eq)]
pub struct Key(Zeroizing<Box<str>>);

impl Key {
    /// The key with these digits, two for each byte.
    ///
    /// # Errors
    ///
    /// There are no digits, an odd number of them, or something else than digits.
    pub fn from_hex(digits: &str) -> Result<Self, Problem> {
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits.is_empty() || digits.len() % 2 != 0 || !hex {
            return Err(Problem::NotHex);
        }
        Ok(Self(Zeroizing::new(digits.into())))
    }

    /// The digits, as they were given.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// How many bytes the key has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len() / 2
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // In hexadecimal digits this bit is the case of a letter, and set in a figure.
        const LOWER_CASE: u8 = 0x20;
        let digits = self.0.bytes().zip(other.0.bytes());
        let difference = digits.fold(0, |sum, (one, two)| sum | ((one ^ two) & !LOWER_CASE));
        self.0.len() == other.0.len() && core::hint::black_box(difference) == 0
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
        out.write_secret(&self.0)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_key_is_whole_bytes_in_hex() {
        assert_eq!(Key::from_hex("00fF").unwrap().size(), 2);
        for bad in ["", "0", "0g", "0x00", "00 ff", "é"] {
            assert_eq!(Key::from_hex(bad), Err(Problem::NotHex), "{bad}");
        }
    }

    #[test]
    fn keys_compare_by_their_bytes() {
        let key = |digits| Key::from_hex(digits).unwrap();
        assert_eq!(key("00ffaa"), key("00FFaA"));
        assert_ne!(key("00ffaa"), key("00ffab"));
        assert_ne!(key("00ffaa"), key("00ff"));
        // Digits that differ in nothing but the bit that is the case of letters do not exist.
        let digits = b"0123456789abcdef".map(|digit| digit & !0x20);
        assert!(digits.iter().enumerate().all(|(at, digit)| !digits[..at].contains(digit)));
    }

    #[test]
    fn debug_does_not_show_it() {
        assert_eq!(format!("{:?}", Key::from_hex("c0ffee").unwrap()), "Key(3 bytes)");
    }
}
