//! How sectors are encrypted: the first word of a table.

use core::fmt;

use crate::option::keywords::keywords;
use crate::{Printer, Problem, Value, Word, WordBuf};

/// What begins a cipher that is given in the words of the kernel's crypto API.
const CAPI: &str = "capi:";

/// The cipher, its chain mode and how initialisation vectors are made, in one word.
///
/// It is kept as it was written. Which ciphers and modes there are is for the running kernel to say; here only the parts
/// are checked.
///
/// ```
/// use dm_targets::crypt::{Cipher, IvMode};
///
/// let cipher = Cipher::new("aes-cbc-essiv:sha256")?;
/// assert_eq!((cipher.name(), cipher.chain_mode()), ("aes", Some("cbc")));
/// assert_eq!((cipher.iv(), cipher.iv_options()), (Some(&IvMode::Essiv), Some("sha256")));
/// # Ok::<(), dm_targets::Problem>(())
/// ```
///
/// Kernel: `crypt_ctr_cipher_old`, `crypt_ctr_cipher_new` and `crypt_ctr_ivmode` in `drivers/md/dm-crypt.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cipher {
    text: WordBuf,
    key_count: u32,
    iv: Option<IvMode>,
}

keywords! {
    exact;
    /// How the initialisation vector of a sector is made.
    pub enum IvMode {
        /// From the low 32 bits of the sector number, little-endian.
        Plain = "plain",
        /// From the sector number, little-endian.
        Plain64 = "plain64",
        /// From the sector number, big-endian.
        Plain64Be = "plain64be",
        /// From the encrypted sector number; the hash that makes the key for it is the option.
        Essiv = "essiv",
        /// From the number of the cipher block, big-endian.
        Benbi = "benbi",
        /// Zeros.
        Null = "null",
        /// As Loop-AES does; with 64 keys, or 65 of which the last is the seed.
        Lmk = "lmk",
        /// As old TrueCrypt does, with whitening.
        Tcw = "tcw",
        /// Random, stored beside the sector.
        Random = "random",
        /// From the encrypted byte offset, as BitLocker does.
        Eboiv = "eboiv",
        /// The same, with the Elephant diffuser.
        Elephant = "elephant",
    }
}

impl Cipher {
    /// The cipher with this specification.
    ///
    /// # Errors
    ///
    /// The kernel would refuse it whatever ciphers it has: a key count that is no power of two, no IV mode where one is
    /// due, `essiv` without a hash, an empty part.
    pub fn new(specification: &str) -> Result<Self, Problem> {
        let parts = Parts::split(specification);
        let iv = parts.iv.map(|iv| IvMode::read(Word::plain(iv))).transpose()?;
        parts.check(iv.as_ref())?;
        Ok(Self { text: WordBuf::new(specification)?, key_count: parts.key_count(iv.as_ref())?, iv })
    }

    /// The whole word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the cipher is given in the words of the kernel's crypto API, `capi:`.
    #[must_use]
    pub fn is_capi(&self) -> bool {
        self.text.starts_with(CAPI)
    }

    /// The name: of the cipher alone, such as `aes`, or in the words of the crypto API, such as `xts(aes)`.
    #[must_use]
    pub fn name(&self) -> &str {
        Parts::split(&self.text).name
    }

    /// How many keys there are that take turns by sector.
    #[must_use]
    pub const fn key_count(&self) -> u32 {
        self.key_count
    }

    /// The chain mode, such as `xts`; in the words of the crypto API it is part of the name.
    #[must_use]
    pub fn chain_mode(&self) -> Option<&str> {
        Parts::split(&self.text).chain_mode
    }

    /// How initialisation vectors are made, if there are any.
    #[must_use]
    pub const fn iv(&self) -> Option<&IvMode> {
        self.iv.as_ref()
    }

    /// What follows the IV mode; only `essiv` makes use of it.
    #[must_use]
    pub fn iv_options(&self) -> Option<&str> {
        Parts::split(&self.text).iv_options
    }
}

impl Value for Cipher {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Self::new(&word.value()?)
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.text.print(out)
    }
}

/// The specification as written.
impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// The parts of a specification, with what the kernel puts in for those that are left out.
struct Parts<'a> {
    name: &'a str,
    /// Not yet read as a number.
    key_count: Option<&'a str>,
    chain_mode: Option<&'a str>,
    iv: Option<&'a str>,
    iv_options: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Self {
        text.strip_prefix(CAPI).map_or_else(|| Self::split_classic(text), Self::split_capi)
    }

    /// `name[:keycount][-mode[-iv[:options]]]`
    fn split_classic(text: &'a str) -> Self {
        let (first, rest) = split_first(text, '-');
        let (name, key_count) = split_first(first, ':');
        let (chain_mode, iv) = rest.map_or((None, None), |rest| {
            let (chain_mode, iv) = split_first(rest, '-');
            (Some(chain_mode), iv)
        });
        match (chain_mode, iv) {
            (None | Some("plain"), None) => {
                Self { name, key_count, chain_mode: Some("cbc"), iv: Some("plain"), iv_options: None }
            }
            (_, None) => Self { name, key_count, chain_mode, iv: None, iv_options: None },
            (_, Some(iv)) => {
                let (iv, iv_options) = split_first(iv, ':');
                Self { name, key_count, chain_mode, iv: Some(iv), iv_options }
            }
        }
    }

    /// `name[-iv][:options]`, split from the end because names hold dashes.
    fn split_capi(text: &'a str) -> Self {
        let (text, iv_options) = split_last(text, ':');
        let (name, iv) = split_last(text, '-');
        Self { name, key_count: None, chain_mode: None, iv, iv_options }
    }

    fn check(&self, iv: Option<&IvMode>) -> Result<(), Problem> {
        if self.name.is_empty() {
            return Err(Problem::Expected("a cipher such as aes-xts-plain64"));
        }
        if self.chain_mode.is_some() && self.name.contains('(') {
            return Err(Problem::Expected("a cipher that begins with capi: if it has brackets"));
        }
        if iv.is_none() && self.chain_mode.is_some_and(|mode| mode != "ecb") {
            return Err(Problem::Expected("a cipher with an IV mode, such as aes-xts-plain64"));
        }
        if iv == Some(&IvMode::Essiv) && self.iv_options.is_none_or(str::is_empty) {
            return Err(Problem::Expected("a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"));
        }
        Ok(())
    }

    fn key_count(&self, iv: Option<&IvMode>) -> Result<u32, Problem> {
        let Some(count) = self.key_count else {
            let many = self.chain_mode.is_none() && iv == Some(&IvMode::Lmk);
            return Ok(if many { 64 } else { 1 });
        };
        match u32::read(Word::plain(count)) {
            Ok(count) if count.is_power_of_two() => Ok(count),
            _ => Err(Problem::Expected("a cipher with a key count that is a power of two")),
        }
    }
}

fn split_first(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn split_last(text: &str, separator: char) -> (&str, Option<&str>) {
    text.rsplit_once(separator).map_or((text, None), |(before, after)| (before, Some(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Summary<'a> = (&'a str, u32, Option<&'a str>, Option<&'a str>, Option<&'a str>);

    fn summary(cipher: &Cipher) -> Summary<'_> {
        let iv = cipher.iv().map(IvMode::as_str);
        (cipher.name(), cipher.key_count(), cipher.chain_mode(), iv, cipher.iv_options())
    }

    #[test]
    fn ciphers_have_parts() {
        let cases: [(&str, Summary<'_>); 12] = [
            ("aes", ("aes", 1, Some("cbc"), Some("plain"), None)),
            ("aes-plain", ("aes", 1, Some("cbc"), Some("plain"), None)),
            ("aes-xts-plain64", ("aes", 1, Some("xts"), Some("plain64"), None)),
            ("aes:64-cbc-lmk", ("aes", 64, Some("cbc"), Some("lmk"), None)),
            ("aes-cbc-essiv:sha3-256", ("aes", 1, Some("cbc"), Some("essiv"), Some("sha3-256"))),
            ("aes-lrw-benbi:3", ("aes", 1, Some("lrw"), Some("benbi"), Some("3"))),
            ("cipher_null-ecb", ("cipher_null", 1, Some("ecb"), None, None)),
            ("aes-xts-future", ("aes", 1, Some("xts"), Some("future"), None)),
            ("capi:xts(aes-generic)-plain64", ("xts(aes-generic)", 1, None, Some("plain64"), None)),
            ("capi:cbc(aes)-essiv:sha256", ("cbc(aes)", 1, None, Some("essiv"), Some("sha256"))),
            ("capi:cbc(aes)-lmk", ("cbc(aes)", 64, None, Some("lmk"), None)),
            ("capi:ecb(cipher_null)", ("ecb(cipher_null)", 1, None, None, None)),
        ];
        for (text, expected) in cases {
            let cipher = Cipher::new(text).unwrap_or_else(|problem| panic!("{text} {problem}"));
            assert_eq!(summary(&cipher), expected, "{text}");
            assert_eq!(cipher.as_str(), text);
            assert_eq!(cipher.is_capi(), text.starts_with("capi:"));
        }
    }

    #[test]
    fn bad_ciphers_are_refused() {
        let cases = [
            ("", "must be a cipher such as aes-xts-plain64"),
            ("-cbc-plain", "must be a cipher such as aes-xts-plain64"),
            ("capi:", "must be a cipher such as aes-xts-plain64"),
            ("xts(aes)-plain64", "must be a cipher that begins with capi: if it has brackets"),
            ("aes-xts", "must be a cipher with an IV mode, such as aes-xts-plain64"),
            ("aes-cbc-essiv", "must be a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"),
            ("aes-cbc-essiv:", "must be a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"),
            ("capi:cbc(aes)-essiv", "must be a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"),
            ("aes:3-cbc-plain", "must be a cipher with a key count that is a power of two"),
            ("aes:0-cbc-plain", "must be a cipher with a key count that is a power of two"),
            ("aes:1:1-cbc-plain", "must be a cipher with a key count that is a power of two"),
            ("aes-ecb-", "is missing"),
        ];
        for (text, expected) in cases {
            assert_eq!(Cipher::new(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
