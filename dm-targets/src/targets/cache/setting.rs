//! Numbers that steer a cache, and its policy.

use alloc::vec::Vec;
use core::fmt;

use crate::option::keywords::keywords;
use crate::{Fields, ParseError, Printer, Problem, Value, Word, WordBuf};

keywords! {
    exact;
    /// What decides which blocks are cached.
    pub enum CachePolicy {
        /// Stochastic multi-queue: blocks rise and fall in several queues by how often they are hit.
        Smq = "smq",
        /// The same; an older policy had this name.
        Mq = "mq",
        /// Caches nothing, and writes back all that is dirty.
        Cleaner = "cleaner",
        /// `smq`; only in tables.
        Default = "default",
    }
}

keywords! {
    any_case;
    /// What a [`CacheSetting`] is about.
    pub enum CacheKey {
        /// How much may be on its way to and from the cache at a time, in sectors; 2048 at first.
        MigrationThreshold = "migration_threshold",
        /// Has no effect; only known to `mq`, as those below.
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
    /// Whether the policy refuses the key; what is not known here is left to the kernel.
    pub(super) fn refuses(&self, key: &CacheKey) -> bool {
        match self {
            Self::Other(_) => false,
            Self::Mq => matches!(key, CacheKey::Other(_)),
            Self::Smq | Self::Cleaner | Self::Default => *key != CacheKey::MigrationThreshold,
        }
    }
}

/// The value of a setting: a number, but for keys of which nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CacheValue {
    /// A number.
    Number(u64),
    /// Any other word.
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

/// A key and its value, in tables, statuses and messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CacheSetting {
    /// What is set.
    pub key: CacheKey,
    /// What it is set to.
    pub value: CacheValue,
}

impl CacheSetting {
    /// Sets `key` to a number.
    #[must_use]
    pub const fn new(key: CacheKey, value: u64) -> Self {
        Self { key, value: CacheValue::Number(value) }
    }

    /// Reads a key and its value.
    pub(super) fn parse(fields: &mut Fields<'_>, field: &'static str) -> Result<Self, ParseError> {
        let key = fields.read(field)?;
        let value = match key {
            CacheKey::Other(_) => fields.read_argument(field)?,
            _ => CacheValue::Number(fields.read_argument(field)?),
        };
        Ok(Self { key, value })
    }

    /// Reads a count of words and as many settings.
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
