//! The cipher specification, which is the first word of a `crypt` table.

use core::fmt;

use crate::option::keywords::keywords;
use crate::{Printer, Problem, Value, Word, WordBuf};

/// The prefix of a cipher that is named as in the kernel's crypto API.
const CAPI: &str = "capi:";

/// The cipher, its chaining mode and the generator of initialization vectors (IVs), in one word.
///
/// The word is kept as it was written. Only its syntax is checked; the running kernel decides which ciphers and modes
/// exist.
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
    /// The generator of the initialization vector (IV) of a sector.
    pub enum IvMode {
        /// The low 32 bits of the sector number, little-endian.
        Plain = "plain",
        /// The 64-bit sector number, little-endian.
        Plain64 = "plain64",
        /// The 64-bit sector number, big-endian.
        Plain64Be = "plain64be",
        /// The sector number, encrypted with a hash of the key. [`Cipher::iv_options`] is the name of the hash, as in
        /// `essiv:sha256`.
        Essiv = "essiv",
        /// The number of the first cipher block of the sector, counted from 1, big-endian.
        Benbi = "benbi",
        /// All zeros.
        Null = "null",
        /// The IV of Loop-AES, usually with 64 keys. If there is one more key, it is the seed of the IVs.
        /// Requires encryption sectors of 512 bytes.
        Lmk = "lmk",
        /// The IV and whitening of old TrueCrypt volumes. Requires encryption sectors of 512 bytes.
        Tcw = "tcw",
        /// A random IV, which is stored in the integrity metadata of the sector.
        Random = "random",
        /// The byte offset of the sector, encrypted with the key, as in BitLocker.
        Eboiv = "eboiv",
        /// The same as [`Eboiv`](Self::Eboiv), with the Elephant diffuser.
        Elephant = "elephant",
    }
}

impl Cipher {
    /// Parses a specification such as `aes-xts-plain64` or `capi:xts(aes)-plain64`.
    ///
    /// # Errors
    ///
    /// [`Problem::Expected`]: the name or the chaining mode is empty, a required IV generator is missing, `essiv` has
    /// no hash, the key count is not a power of two, or there are brackets without the prefix `capi:`.
    /// [`Problem::ForbiddenByte`]: the text contains NUL or the byte 0xA0.
    pub fn new(specification: &str) -> Result<Self, Problem> {
        let parts = Parts::split(specification);
        // The kernel ignores the generator, even an empty one, of a cipher without IVs (`crypt_ctr_ivmode`).
        let iv = parts.iv.filter(|iv| !iv.is_empty()).map(|iv| IvMode::read(Word::plain(iv))).transpose()?;
        parts.check(iv.as_ref())?;
        Ok(Self { text: WordBuf::new(specification)?, key_count: parts.key_count(iv.as_ref())?, iv })
    }

    /// The whole word as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the cipher is named as in the kernel's crypto API, with the prefix `capi:`.
    #[must_use]
    pub fn is_capi(&self) -> bool {
        self.text.starts_with(CAPI)
    }

    /// The name of the cipher alone, such as `aes`, or its whole name in the crypto API, such as `xts(aes)`.
    #[must_use]
    pub fn name(&self) -> &str {
        Parts::split(&self.text).name
    }

    /// The number of keys, which consecutive sectors use in turn. If the word has no count, there are 64 keys for `lmk`
    /// with the prefix `capi:`, and otherwise one.
    #[must_use]
    pub const fn key_count(&self) -> u32 {
        self.key_count
    }

    /// The chaining mode, such as `xts`. If the word is only a name, the mode is `cbc`. With the prefix `capi:`, the
    /// mode is part of the name, and this is `None`.
    #[must_use]
    pub fn chain_mode(&self) -> Option<&str> {
        Parts::split(&self.text).chain_mode
    }

    /// The IV generator. If the word is only a name or `name-plain`, the generator is `plain`. `None` if the word names
    /// no generator.
    #[must_use]
    pub const fn iv(&self) -> Option<&IvMode> {
        self.iv.as_ref()
    }

    /// The options of the IV generator, which follow it after a colon. Only `essiv` uses them. `None` if not given.
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

/// Prints the specification as it was written.
impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// The parts of a specification; missing parts have the kernel's defaults.
struct Parts<'a> {
    name: &'a str,
    /// The text of the key count.
    key_count: Option<&'a str>,
    chain_mode: Option<&'a str>,
    iv: Option<&'a str>,
    iv_options: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Self {
        text.strip_prefix(CAPI).map_or_else(|| Self::split_classic(text), Self::split_capi)
    }

    /// Splits `name[:keycount][-mode[-iv[:options]]]`.
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

    /// Splits `name[-iv][:options]`, from the end because names can contain dashes.
    fn split_capi(text: &'a str) -> Self {
        let (text, iv_options) = split_last(text, ':');
        let (name, iv) = split_last(text, '-');
        Self { name, key_count: None, chain_mode: None, iv, iv_options }
    }

    fn check(&self, iv: Option<&IvMode>) -> Result<(), Problem> {
        if self.name.is_empty() || self.chain_mode.is_some_and(str::is_empty) {
            return Err(Problem::Expected("a cipher such as aes-xts-plain64"));
        }
        let classic = self.chain_mode.map(|mode| [Some(self.name), Some(mode), self.iv, self.iv_options]);
        if classic.into_iter().flatten().flatten().any(|part| part.contains('(')) {
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
    fn ciphers_are_split_into_their_parts() {
        let cases: [(&str, Summary<'_>); 15] = [
            ("aes", ("aes", 1, Some("cbc"), Some("plain"), None)),
            ("aes-plain", ("aes", 1, Some("cbc"), Some("plain"), None)),
            ("aes-xts-plain64", ("aes", 1, Some("xts"), Some("plain64"), None)),
            ("aes:64-cbc-lmk", ("aes", 64, Some("cbc"), Some("lmk"), None)),
            ("aes-cbc-essiv:sha3-256", ("aes", 1, Some("cbc"), Some("essiv"), Some("sha3-256"))),
            ("aes-lrw-benbi:3", ("aes", 1, Some("lrw"), Some("benbi"), Some("3"))),
            ("cipher_null-ecb", ("cipher_null", 1, Some("ecb"), None, None)),
            ("aes-ecb-", ("aes", 1, Some("ecb"), None, None)),
            ("aes-ecb-:3", ("aes", 1, Some("ecb"), None, Some("3"))),
            ("capi:ecb(aes)-", ("ecb(aes)", 1, None, None, None)),
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
            ("aes--plain64", "must be a cipher such as aes-xts-plain64"),
            ("xts(aes)-plain64", "must be a cipher that begins with capi: if it has brackets"),
            ("aes-xts(aes)-plain64", "must be a cipher that begins with capi: if it has brackets"),
            ("aes-cbc-essiv:hmac(md5)", "must be a cipher that begins with capi: if it has brackets"),
            ("aes-xts", "must be a cipher with an IV mode, such as aes-xts-plain64"),
            ("aes-cbc-essiv", "must be a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"),
            ("aes-cbc-essiv:", "must be a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"),
            ("capi:cbc(aes)-essiv", "must be a cipher with a hash for essiv, such as aes-cbc-essiv:sha256"),
            ("aes:3-cbc-plain", "must be a cipher with a key count that is a power of two"),
            ("aes:0-cbc-plain", "must be a cipher with a key count that is a power of two"),
            ("aes:1:1-cbc-plain", "must be a cipher with a key count that is a power of two"),
            ("aes-cbc-", "must be a cipher with an IV mode, such as aes-xts-plain64"),
        ];
        for (text, expected) in cases {
            assert_eq!(Cipher::new(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
