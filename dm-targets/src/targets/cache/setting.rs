//! Policies and settings of a cache.

use alloc::vec::Vec;
use core::fmt;

use crate::option::keywords::keywords;
use crate::{Fields, ParseError, Printer, Problem, Value, Word, WordBuf};

keywords! {
    exact;
    /// The algorithm that decides which blocks are cached.
    pub enum CachePolicy {
        /// Stochastic multiqueue: blocks move between several queues according to how often they are hit.
        Smq = "smq",
        /// The name of an older policy. It now means [`Smq`](Self::Smq).
        Mq = "mq",
        /// Adds no blocks to the cache, and writes back all dirty blocks.
        Cleaner = "cleaner",
        /// The kernel's default, which is `smq`. Only tables contain this word.
        Default = "default",
    }
}

keywords! {
    any_case;
    /// The name of a [`CacheSetting`].
    pub enum CacheKey {
        /// The largest number of sectors that may be migrated at a time while the policy `smq` writes back dirty blocks
        /// of an idle device. The default is 2048. If the number is smaller than the block size, the blocks are never
        /// written back.
        MigrationThreshold = "migration_threshold",
        /// Has no effect. Only the policy `mq` accepts this key and the keys below.
        RandomThreshold = "random_threshold",
        /// Has no effect.
        SequentialThreshold = "sequential_threshold",
        /// Has no effect.
        DiscardPromoteAdjustment = "discard_promote_adjustment",
        /// Has no effect.
        ReadPromoteAdjustment = "read_promote_adjustment",
        /// Has no effect.
        WritePromoteAdjustment = "write_promote_adjustment",
    }
}

impl CachePolicy {
    /// Whether the policy refuses the key; `false` for an unknown policy, for which the kernel decides.
    pub(super) fn refuses(&self, key: &CacheKey) -> bool {
        match self {
            Self::Other(_) => false,
            Self::Mq => matches!(key, CacheKey::Other(_)),
            Self::Smq | Self::Cleaner | Self::Default => *key != CacheKey::MigrationThreshold,
        }
    }
}

/// The value of a [`CacheSetting`]: a number, such as `4096`, unless this crate does not know the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CacheValue {
    /// A decimal number, which known keys require.
    Number(u64),
    /// Any other word, for an unknown key.
    Other(WordBuf),
}

impl Value for CacheValue {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        u64::read(word).map(Self::Number).or_else(|_| WordBuf::read(word).map(Self::Other))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.print(out),
            Self::Other(word) => word.print(out),
        }
    }
}

/// A setting of a `cache` target or its policy, such as `migration_threshold 2048`, as in tables, statuses and
/// messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CacheSetting {
    /// The name of the setting.
    pub key: CacheKey,
    /// The value of the setting.
    pub value: CacheValue,
}

impl CacheSetting {
    /// Sets `key` to the number `value`.
    #[must_use]
    pub const fn new(key: CacheKey, value: u64) -> Self {
        Self { key, value: CacheValue::Number(value) }
    }

    /// Parses a key and its value.
    pub(super) fn parse(fields: &mut Fields<'_>, field: &'static str) -> Result<Self, ParseError> {
        let key = fields.read(field)?;
        let value = match key {
            CacheKey::Other(_) => fields.read_argument(field)?,
            _ => CacheValue::Number(fields.read_argument(field)?),
        };
        Ok(Self { key, value })
    }

    /// Parses a count of words and the settings in these words.
    pub(super) fn parse_group(
        fields: &mut Fields<'_>,
        count: &'static str,
        field: &'static str,
    ) -> Result<Vec<Self>, ParseError> {
        let mut group = fields.read_group(count)?;
        let mut settings = Vec::new();
        while !group.is_empty() {
            settings.push(Self::parse(&mut group, field)?);
        }
        Ok(settings)
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        out.put(&self.key).put(&self.value);
    }

    pub(super) fn print_group(settings: &[Self], out: &mut Printer<'_, '_>) {
        out.group(|out| settings.iter().for_each(|setting| setting.print(out)));
    }
}
