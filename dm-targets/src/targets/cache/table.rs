//! The table of a cache.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use super::{CacheFeatures, CacheIoMode, CacheKey, CachePolicy, CacheSetting};
use crate::{AsGiven, Device, Fields, InvalidField, Limits, Params, ParseError, Printer, Problem, WordBuf};

const BLOCK_SIZE: Limits = Limits::new("data block size", 64, 1 << 21).multiple_of(64);
const FEATURE_COUNT: Limits = Limits::new("number of features", 0, 3);
const POLICY_ARG_COUNT: Limits = Limits::new("number of policy arguments", 0, 1024);
const POLICY_ARG: &str = "policy argument";

/// The table of a `cache` target.
///
/// ```
/// use dm_targets::cache::{CacheKey, CachePolicy, CacheTable};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [metadata, cache, origin] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 48), DeviceNumber::new(254, 0)];
/// let table = CacheTable::new(metadata, cache, origin, Sectors(64), CachePolicy::Smq)
///     .metadata2()
///     .set(CacheKey::MigrationThreshold, 4096);
/// assert_eq!(table.to_string(), "254:32 254:48 254:0 64 1 metadata2 smq 2 migration_threshold 4096");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheTable {
    /// Holds what is cached where.
    pub metadata: Device,
    /// The fast device.
    pub cache: Device,
    /// The slow device, which is mapped.
    pub origin: Device,
    /// All else; the kernel prints it as it was given.
    pub args: AsGiven<CacheArgs>,
}

/// The words of a `cache` table after the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheArgs {
    /// The size of a cache block.
    pub block_size: Sectors,
    /// What is asked for.
    pub features: CacheFeatures,
    /// What decides which blocks are cached.
    pub policy: CachePolicy,
    /// Settings of the cache and of the policy; the last one of a key counts.
    pub policy_args: Vec<CacheSetting>,
    /// Words after these, which the kernel ignores.
    pub extra: Vec<WordBuf>,
}

impl CacheTable {
    /// Caches blocks of `origin` in `cache`.
    pub fn new(
        metadata: impl Into<Device>,
        cache: impl Into<Device>,
        origin: impl Into<Device>,
        block_size: Sectors,
        policy: CachePolicy,
    ) -> Self {
        let features = CacheFeatures::default();
        let args = CacheArgs { block_size, features, policy, policy_args: Vec::new(), extra: Vec::new() };
        Self { metadata: metadata.into(), cache: cache.into(), origin: origin.into(), args: args.into() }
    }

    /// Says what becomes of writes.
    #[must_use]
    pub fn io_mode(mut self, mode: CacheIoMode) -> Self {
        self.args.features.io_mode = Some(mode);
        self
    }

    /// Formats the metadata in its second format.
    #[must_use]
    pub fn metadata2(mut self) -> Self {
        self.args.features.metadata2 = true;
        self
    }

    /// Does not pass discards down to the origin.
    #[must_use]
    pub fn no_discard_passdown(mut self) -> Self {
        self.args.features.no_discard_passdown = true;
        self
    }

    /// Sets a number of the cache or the policy.
    #[must_use]
    pub fn set(mut self, key: CacheKey, value: u64) -> Self {
        self.args.policy_args.push(CacheSetting::new(key, value));
        self
    }
}

impl CacheArgs {
    pub(super) fn check(&self) -> Result<(), InvalidField> {
        BLOCK_SIZE.check(self.block_size)?;
        FEATURE_COUNT.check(self.features.count() as u64)?;
        POLICY_ARG_COUNT.check(CacheSetting::count(&self.policy_args) as u64)?;
        match self.policy_args.iter().find(|setting| self.policy.refuses(&setting.key)) {
            Some(_) => Err(InvalidField::new(POLICY_ARG, Problem::Conflict("this policy"))),
            None => Ok(()),
        }
    }
}

impl Params for CacheTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            metadata: fields.read("metadata dev")?,
            cache: fields.read("cache dev")?,
            origin: fields.read("origin dev")?,
            args: AsGiven::parse(fields)?,
        })
    }
}

impl fmt::Display for CacheTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.metadata).put(&self.cache).put(&self.origin).end()?;
        f.write_char(' ')?;
        self.args.fmt(f)
    }
}

impl Params for CacheArgs {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            block_size: fields.read_within(&BLOCK_SIZE)?,
            features: CacheFeatures::parse(fields)?,
            policy: fields.read("policy")?,
            policy_args: CacheSetting::parse_group(fields, POLICY_ARG_COUNT.field(), POLICY_ARG)?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for CacheArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.block_size);
        self.features.print(&mut out);
        out.put(&self.policy);
        CacheSetting::print_group(&self.policy_args, &mut out);
        out.all(&self.extra).end()
    }
}
