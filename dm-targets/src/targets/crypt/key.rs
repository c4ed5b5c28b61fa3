//! The key of a table: hexadecimal digits, or a reference to a key in a kernel keyring.

use core::fmt::{self, Write};

use zeroize::Zeroizing;

use crate::option::keywords::keywords;
use crate::{Key, Limits, Printer, Problem, SecretWord, Value, Word};

/// The kernel stores the size in an `int`.
const KEY_SIZE: Limits = Limits::new("key size", 1, i32::MAX as u64);

/// The key in a table or message. `Debug` shows neither the digits of a key nor the description of a key in a keyring.
///
/// Kernel: `get_key_size` and `crypt_set_key` in `drivers/md/dm-crypt.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CryptKey {
    /// `-`: a key of size 0, for ciphers without a key.
    Empty,
    /// The key itself, in hexadecimal digits, two per byte.
    Hex(Key),
    /// A reference to a key in a kernel keyring, such as `:32:logon:disk:7`.
    Keyring(KeyringKey),
}

impl CryptKey {
    /// The size of the key in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Hex(key) => key.size(),
            Self::Keyring(key) => usize::try_from(key.size).unwrap_or(usize::MAX),
        }
    }

    /// Prints the key as a word of a table.
    pub(crate) fn print_in_table(&self, out: &mut Printer<'_, '_>) {
        out.next_word(|out| match self {
            Self::Hex(key) => key.print_in_table(out),
            other => other.print(out),
        });
    }
}

impl Value for CryptKey {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "-" => Ok(Self::Empty),
            spelling if spelling.starts_with(':') => KeyringKey::read(word).map(Self::Keyring),
            _ => Key::read(word).map(Self::Hex),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_char('-'),
            Self::Hex(key) => key.print(out),
            Self::Keyring(key) => key.print(out),
        }
    }
}

impl From<Key> for CryptKey {
    fn from(key: Key) -> Self {
        Self::Hex(key)
    }
}

impl From<KeyringKey> for CryptKey {
    fn from(key: KeyringKey) -> Self {
        Self::Keyring(key)
    }
}

keywords! {
    exact;
    /// The type of a key in a kernel keyring.
    pub enum KeyringType {
        /// A key that user space can add but not read back.
        Logon = "logon",
        /// A key that user space can add and read.
        User = "user",
        /// A key that user space can read only in encrypted form.
        Encrypted = "encrypted",
        /// A key that user space can read only in sealed form, for example sealed by a TPM.
        Trusted = "trusted",
    }
}

/// A reference to a key in a kernel keyring, `:size:type:description`.
///
/// When the kernel receives the table or message, it looks up the key in the keyrings of the calling process and copies
/// it. The key must have exactly this size.
///
/// ```
/// use dm_targets::crypt::{KeyringKey, KeyringType};
///
/// let key = KeyringKey::new(32, KeyringType::Logon, "disk:7")?;
/// assert_eq!(key.description(), "disk:7");
/// assert_eq!(format!("{key:?}"), "KeyringKey(32 bytes, logon)");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyringKey {
    size: u32,
    key_type: KeyringType,
    description: SecretWord,
}

impl KeyringKey {
    /// Refers to the key of `size` bytes with this type and description.
    ///
    /// # Errors
    ///
    /// [`Problem::OutOfRange`]: the size is 0 or more than 2147483647. [`Problem::ForbiddenByte`]: the type contains a
    /// colon, or the type or the description contains white space, NUL or the byte 0xA0. [`Problem::Missing`]: the
    /// description is empty.
    pub fn new(size: u32, key_type: KeyringType, description: &str) -> Result<Self, Problem> {
        KEY_SIZE.check(size).map_err(|invalid| invalid.problem())?;
        let white_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
        if let Some(byte) = key_type.as_str().bytes().chain(description.bytes()).find(white_space) {
            return Err(Problem::ForbiddenByte(byte));
        }
        if key_type.as_str().contains(':') {
            return Err(Problem::ForbiddenByte(b':'));
        }
        Ok(Self { size, key_type, description: SecretWord::new(description)? })
    }

    /// The size of the key in bytes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The type of the key.
    #[must_use]
    pub const fn key_type(&self) -> &KeyringType {
        &self.key_type
    }

    /// The description that identifies the key in its keyring.
    #[must_use]
    pub fn description(&self) -> &str {
        self.description.reveal()
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let parts = text.strip_prefix(':').and_then(|text| text.split_once(':'));
        let parts = parts.and_then(|(size, text)| Some((size, text.split_once(':')?)));
        let (size, (key_type, description)) = parts.ok_or(Problem::Expected(":size:type:description"))?;
        let key_type = KeyringType::read(Word::plain(key_type).guarded(true))?;
        Self::new(u32::read(Word::plain(size))?, key_type, description)
    }
}

impl Value for KeyringKey {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Self::parse(&Zeroizing::new(word.guarded(false).value()?.into_owned()))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_char(':')?;
        self.size.print(out)?;
        out.write_char(':')?;
        self.key_type.print(out)?;
        out.write_char(':')?;
        self.description.print(out)
    }
}

impl fmt::Debug for KeyringKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyringKey({} bytes, {})", self.size, self.key_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextForm;

    fn read(text: &str) -> Result<CryptKey, Problem> {
        CryptKey::read(Word::plain(text))
    }

    #[test]
    fn a_key_is_empty_or_digits_or_in_a_keyring() {
        assert_eq!(read("-"), Ok(CryptKey::Empty));
        assert_eq!(read("00FF").unwrap().size(), 2);
        let Ok(CryptKey::Keyring(key)) = read(":32:logon:disk:7") else { panic!() };
        assert_eq!((key.size(), key.key_type(), key.description()), (32, &KeyringType::Logon, "disk:7"));
        let Ok(CryptKey::Keyring(key)) = read(":32:asymmetric:a") else { panic!() };
        assert_eq!(key.key_type().as_str(), "asymmetric");
    }

    #[test]
    fn keyring_keys_with_missing_parts_are_refused() {
        for text in [":", ":32", ":32:logon", "::logon:a", ":x:logon:a", ":32::a", ":32:logon:", ":0:logon:a"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read(":2147483648:user:a"), Err(Problem::OutOfRange { min: 1, max: 2_147_483_647 }));
        assert_eq!(read("--"), Err(Problem::NotHex));
    }

    #[test]
    fn descriptions_with_white_space_are_refused() {
        let word = Word::new(":8:user:a\\ b", TextForm::Input);
        assert_eq!(CryptKey::read(word), Err(Problem::ForbiddenByte(b' ')));
        let word = Word::new(":8:user:a\\\\b", TextForm::Input);
        let Ok(CryptKey::Keyring(key)) = CryptKey::read(word) else { panic!() };
        assert_eq!(key.description(), "a\\b");
        assert_eq!(KeyringKey::new(8, KeyringType::User, "a\x0bb"), Err(Problem::ForbiddenByte(0x0b)));
    }

    #[test]
    fn debug_shows_neither_digits_nor_descriptions() {
        assert_eq!(format!("{:?}", read("c0ffee").unwrap()), "Hex(Key(3 bytes))");
        assert_eq!(format!("{:?}", read(":3:user:c0ffee").unwrap()), "Keyring(KeyringKey(3 bytes, user))");
    }
}
