//! Algorithms with an optional key, as in `internal_hash:`.
//!
//! Kernel: `get_alg_and_key` in `drivers/md/dm-integrity.c`.

use core::fmt::{self, Write};

use crate::{Key, Printer, Problem, Value, Word, WordBuf};

/// The name of an algorithm of the kernel's crypto API, with an optional key in hexadecimal digits: for example,
/// `crc32c` or `hmac(sha256):00ff`. `Debug` does not show the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyedAlgorithm {
    /// The name, such as `crc32c` or `hmac(sha256)`, without a colon.
    algorithm: WordBuf,
    /// The key, for algorithms that have one.
    key: Option<Key>,
}

impl KeyedAlgorithm {
    /// An algorithm that needs no key.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: the name is empty. [`Problem::ForbiddenByte`]: the name contains a colon, or a byte that
    /// [`WordBuf::new`] refuses.
    pub fn new(algorithm: &str) -> Result<Self, Problem> {
        if algorithm.contains(':') {
            return Err(Problem::ForbiddenByte(b':'));
        }
        Ok(Self { algorithm: WordBuf::new(algorithm)?, key: None })
    }

    /// An algorithm and its key.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn keyed(algorithm: &str, key: Key) -> Result<Self, Problem> {
        Ok(Self { key: Some(key), ..Self::new(algorithm)? })
    }

    /// The name, such as `crc32c` or `hmac(sha256)`.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The key; `None` for an algorithm without one.
    #[must_use]
    pub const fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

impl Value for KeyedAlgorithm {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.split_once(':') {
            Some((algorithm, key)) => Self::keyed(&algorithm.value()?, Key::read(key)?),
            None => Self::new(&word.value()?),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.algorithm.print(out)?;
        let Some(key) = &self.key else { return Ok(()) };
        out.write_char(':')?;
        key.print_in_table(out)
    }
}
