//! The status of a `cache` target.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use dm_units::{DataBlocks, MetaBlocks, Sectors};

use super::{CacheFeatures, CachePolicy, CacheSetting};
use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf, Work, WorkKind};

keywords! {
    exact;
    /// Whether the metadata of a cache can be changed.
    pub enum CacheMetadataMode {
        /// The metadata can be read and changed.
        ReadWrite = "rw",
        /// After an error, the metadata can only be read.
        ReadOnly = "ro",
    }
}

keywords! {
    exact;
    /// Whether the metadata must be checked with the program `cache_check`.
    pub enum CacheCheck {
        /// No check is necessary.
        NotNeeded = "-",
        /// The metadata must be checked, and repaired if necessary, before a table can be loaded again.
        Needed = "needs_check",
    }
}

/// The status of a `cache` target: its figures, or why it has none.
///
/// ```
/// use dm_targets::cache::{CachePolicy, CacheStatus};
/// use dm_targets::{Cache, Target};
///
/// let text = "8 27/65536 64 0/8192 0 0 0 0 0 0 0 1 writeback 2 migration_threshold 2048 smq 0 rw - ";
/// let CacheStatus::Working(cache) = Cache::parse_status(text)? else { return Ok(()) };
/// assert_eq!((cache.resident.total.0, cache.policy), (8192, CachePolicy::Smq));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum CacheStatus {
    /// The cache works; its metadata may be read-only.
    Working(Box<WorkingCache>),
    /// The metadata has failed and must be repaired. Reads and writes of the device can still succeed.
    Fail,
    /// The kernel could not read the metadata.
    Error,
}

/// The figures in the status of a working `cache` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WorkingCache {
    /// The size of a metadata block: 8 sectors.
    pub metadata_block_size: Sectors,
    /// The used and total blocks of the metadata device.
    pub metadata: Usage<MetaBlocks>,
    /// The size of a cache block in sectors.
    pub block_size: Sectors,
    /// The used and total blocks of the cache device.
    pub resident: Usage<DataBlocks>,
    /// The number of reads whose block was in the cache. This counter and the next five wrap around.
    pub read_hits: u32,
    /// The number of reads whose block was not in the cache.
    pub read_misses: u32,
    /// The number of writes whose block was in the cache.
    pub write_hits: u32,
    /// The number of writes whose block was not in the cache.
    pub write_misses: u32,
    /// The number of blocks that were removed from the cache since the table was loaded, except by messages.
    pub demotions: u32,
    /// The number of blocks that were added to the cache since the table was loaded.
    pub promotions: u32,
    /// The number of cached blocks that have not yet been written back to the origin.
    pub dirty: DataBlocks,
    /// The active features.
    pub features: CacheFeatures,
    /// The settings of the cache itself, such as `migration_threshold`.
    pub core_args: Vec<CacheSetting>,
    /// The policy in use.
    pub policy: CachePolicy,
    /// The settings of the policy.
    pub policy_args: Vec<CacheSetting>,
    /// Whether the metadata can be changed; `None` if the kernel is too old to print it.
    pub mode: Option<CacheMetadataMode>,
    /// Whether the metadata must be checked; `None` if the kernel is too old to print it.
    pub check: Option<CacheCheck>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl CacheStatus {
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Working(cache) => cache.health(),
            Self::Fail => Health { repairs: 1, ..Health::only(Concern::Failed) },
            Self::Error => Health::only(Concern::NoFigures),
        }
    }
}

impl WorkingCache {
    fn health(&self) -> Health {
        let needs_check = self.check == Some(CacheCheck::Needed);
        let unknown =
            matches!(self.mode, Some(CacheMetadataMode::Other(_))) || matches!(self.check, Some(CacheCheck::Other(_)));
        // A resident block that is not dirty has been written back or was never written.
        let clean = Usage { used: self.resident.total.0.saturating_sub(self.dirty.0), total: self.resident.total.0 };
        let is_cleaning = self.policy == CachePolicy::Cleaner && self.dirty.0 > 0;
        Health {
            work: is_cleaning.then_some(Work::new(WorkKind::Cleaning, Some(clean))),
            metadata: Some(self.metadata.numbers()),
            dirty: Some(Usage { used: self.dirty.0, total: self.resident.total.0 }),
            repairs: needs_check.into(),
            ..Health::default()
        }
        .concern(Concern::ReadOnly, self.mode == Some(CacheMetadataMode::ReadOnly))
        .concern(Concern::LowMetadataSpace, self.metadata.is_full())
        .concern(Concern::NeedsCheck, needs_check)
        .concern(Concern::Unknown, unknown)
    }
}

impl Params for CacheStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.take_all("Fail") {
            return Ok(Self::Fail);
        }
        if fields.take_all("Error") {
            return Ok(Self::Error);
        }
        Ok(Self::Working(Box::new(WorkingCache::parse(fields)?)))
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Working(cache) => cache.print(&mut Printer::printed(f)),
            Self::Fail => f.write_str("Fail"),
            Self::Error => f.write_str("Error"),
        }
    }
}

impl WorkingCache {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            metadata_block_size: fields.read("metadata block size")?,
            metadata: fields.read("used/total metadata blocks")?,
            block_size: fields.read("cache block size")?,
            resident: fields.read("used/total cache blocks")?,
            read_hits: fields.read("read hits")?,
            read_misses: fields.read("read misses")?,
            write_hits: fields.read("write hits")?,
            write_misses: fields.read("write misses")?,
            demotions: fields.read("demotions")?,
            promotions: fields.read("promotions")?,
            dirty: fields.read("dirty")?,
            features: fields.read_options()?,
            core_args: CacheSetting::parse_group(fields, "number of core arguments", "core argument")?,
            policy: fields.read("policy name")?,
            policy_args: CacheSetting::parse_group(fields, "number of policy arguments", "policy argument")?,
            mode: fields.read_optional("metadata mode")?,
            check: fields.read_optional("needs_check")?,
            extra: fields.read_rest("extra")?,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.put(&self.metadata_block_size).put(&self.metadata).put(&self.block_size).put(&self.resident);
        out.put(&self.read_hits).put(&self.read_misses).put(&self.write_hits).put(&self.write_misses);
        out.put(&self.demotions).put(&self.promotions).put(&self.dirty);
        out.options(&self.features);
        CacheSetting::print_group(&self.core_args, out);
        out.put(&self.policy);
        CacheSetting::print_group(&self.policy_args, out);
        out.all(&self.mode).all(&self.check).all(&self.extra).space().end()
    }
}
