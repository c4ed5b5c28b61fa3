//! The table of a `cache` target.

use alloc::vec::Vec;

use dm_units::Sectors;

use super::{CacheFeatures, CacheKey, CachePolicy, CacheSetting};
use crate::option::OptionGroup;
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, InvalidField, Limits, ParseError, Printer, Problem};

const BLOCK_SIZE: Limits = Limits::new("data block size", 64, 1 << 21).multiple_of(64);
const POLICY_ARG_COUNT: Limits = Limits::new("number of policy arguments", 0, 1024);
const POLICY_ARG: &str = "policy argument";

/// The arguments of a `cache` target: its three devices, the size of a cache block, features, and the policy with its
/// settings.
///
/// ```
/// use dm_targets::cache::{CacheKey, CachePolicy, CacheTable};
/// use dm_targets::{Cache, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [metadata, cache, origin] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 48), DeviceNumber::new(254, 0)];
/// let table = CacheTable::new(metadata, cache, origin, Sectors(64), CachePolicy::Smq)
///     .metadata2()
///     .set(CacheKey::MigrationThreshold, 4096);
/// assert_eq!(table.to_string(), "254:32 254:48 254:0 64 1 metadata2 smq 2 migration_threshold 4096");
/// assert_eq!(Cache::parse_table("254:32 254:48 254:0 64 1 metadata2 smq 2 migration_threshold 4096")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CacheTable {
    /// The metadata device, which records which blocks are cached. For a new cache, its first 4096 bytes must be zeros.
    pub metadata: Device,
    /// The fast device, which stores the cached blocks.
    pub cache: Device,
    /// The slow device, whose blocks are cached.
    pub origin: Device,
    /// The size of a cache block: 64 to 2097152 sectors, a multiple of 64.
    pub block_size: Sectors,
    /// The requested features.
    pub features: CacheFeatures,
    /// The algorithm that decides which blocks are cached.
    pub policy: CachePolicy,
    /// The settings of the cache and its policy, at most 512. If a key occurs twice, the last setting is used.
    pub policy_args: Vec<CacheSetting>,
    spelling: Spelling,
}

impl CacheTable {
    /// Caches `origin` in `cache`, in blocks of `block_size` sectors. The values are not checked;
    /// [`Cache::check`](crate::Target::check) does that.
    pub fn new(
        metadata: impl Into<Device>,
        cache: impl Into<Device>,
        origin: impl Into<Device>,
        block_size: Sectors,
        policy: CachePolicy,
    ) -> Self {
        let (metadata, cache, origin) = (metadata.into(), cache.into(), origin.into());
        let (features, spelling) = (CacheFeatures::default(), Spelling::default());
        Self { metadata, cache, origin, block_size, features, policy, policy_args: Vec::new(), spelling }
    }

    /// Adds a setting of the cache or its policy.
    #[must_use]
    pub fn set(mut self, key: CacheKey, value: u64) -> Self {
        self.policy_args.push(CacheSetting::new(key, value));
        self
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        BLOCK_SIZE.check(self.block_size)?;
        self.features.check()?;
        POLICY_ARG_COUNT.check((self.policy_args.len() as u64).saturating_mul(2))?;
        match self.policy_args.iter().find(|setting| self.policy.refuses(&setting.key)) {
            Some(_) => Err(InvalidField::new(POLICY_ARG, Problem::Conflict("this policy"))),
            None => Ok(()),
        }
    }
}

impl Spelled for CacheTable {
    const AS_GIVEN: bool = true;

    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let table = Self {
            metadata: fields.read("metadata dev")?,
            cache: fields.read("cache dev")?,
            origin: fields.read("origin dev")?,
            block_size: fields.read_within(&BLOCK_SIZE)?,
            features: fields.read_options()?,
            policy: fields.read("policy")?,
            policy_args: CacheSetting::parse_group(fields, POLICY_ARG_COUNT.field(), POLICY_ARG)?,
            spelling: Spelling::default(),
        };
        fields.ignore_rest()?;
        Ok(table)
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { metadata, cache, origin, block_size, features, policy, policy_args, spelling: _ } = self;
        out.put(metadata).put(cache).put(origin).put(block_size).options(features).put(policy);
        CacheSetting::print_group(policy_args, out);
    }
}

spelled!(CacheTable);
