//! Replacements for the tables and statuses of the crate `devicemapper`, 0.4 to 0.34.
//!
//! The names are those of version 0.34.8. Names that differed in earlier versions are listed with their version.
//!
//! # Tables
//!
//! | there | here |
//! |---|---|
//! | `TargetLine::new`; `TargetLine`: `start`, `length`, `params` | [`TableLine`], with the same fields |
//! | `TargetTable` | [`Table`], which is checked when you make it |
//! | `TargetTable::from_raw_table` | [`Table::parse_printed`]; for lines of dm-core, `TableLine::try_from` |
//! | `TargetTable::to_raw_table` | `Display` of [`Table`]; with the feature `devices`, dm-core loads a [`TableLine`] without this step |
//! | `LinearDevTargetTable`, `ThinPoolDevTargetTable`, `ThinDevTargetTable`, `CacheDevTargetTable`: `table`, `new` | [`Table::new`], [`Table::lines`] |
//! | `TargetParams` | [`Params`]; [`Target::check`] finds values that the kernel would refuse |
//! | `TargetParams::param_str` | `Display` of a table, or `{:#}` for what the kernel prints |
//! | `TargetParams::target_type` | [`Target::TYPE`], [`AnyTable::target_type`] |
//! | `TargetType`, `TargetTypeBuf` | `&str` |
//! | `FromStr` of params and statuses | [`Target::parse_table`], [`Target::parse_status`] |
//! | `Device` in tables | [`Device`]: a number or a path, as in the kernel |
//! | `DmError` about a word | [`ParseError`], [`InvalidField`], [`TableError`] |
//!
//! # linear and flakey
//!
//! | there | here |
//! |---|---|
//! | `LinearTargetParams::new`; `LinearTargetParams`: `device`, `start_offset` | [`LinearTable::new`]; fields `device`, `start` |
//! | `LinearDevTargetParams`: `Linear`, `Flakey` | [`AnyTable`], which has all targets |
//! | `FlakeyTargetParams::new`; `FlakeyTargetParams`: `device`, `start_offset`, `up_interval`, `down_interval`, `feature_args` | [`FlakeyTable::new`]; fields `device`, `offset`, `up`, `down`, `features` |
//! | `FlakeyFeatureArg`; in 0.32 `FeatureArg`, which was not exported | a method of [`FlakeyTable`] for each feature, see below |
//! | `FlakeyFeatureArg`, `FeatureArg`: `DropWrites` | [`FlakeyTable::drop_writes`](FlakeyTable::drop_writes()) |
//! | `FlakeyFeatureArg`, `FeatureArg`: `ErrorWrites` | [`FlakeyTable::error_writes`](FlakeyTable::error_writes()) |
//! | `FlakeyFeatureArg`, `FeatureArg`: `CorruptBioByte` | [`FlakeyTable::corrupt_bio_byte`](FlakeyTable::corrupt_bio_byte()), [`CorruptBioByte`] |
//! | `Direction`, which was not exported: `Reads`, `Writes` | [`Direction::Read`], [`Direction::Write`] |
//!
//! # Thin pools
//!
//! | there | here |
//! |---|---|
//! | `ThinPoolTargetParams::new`; `ThinPoolTargetParams`: `metadata_dev`, `data_dev`, `data_block_size`, `low_water_mark`, `feature_args` | [`ThinPoolTable::new`]; fields `metadata`, `data`, `block_size`, `low_water`, and a method for each feature |
//! | `ThinPoolStatus`: `Working`, `Error`, `Fail`; in 0.4 `Good` | [`ThinPoolStatus`] |
//! | `ThinPoolWorkingStatus::new`; `ThinPoolWorkingStatus`: `transaction_id` | [`WorkingPool::transaction_id`] |
//! | `ThinPoolWorkingStatus`: `usage`; `ThinPoolUsage::new`; `ThinPoolUsage`, in 0.4 `ThinPoolBlockUsage`: `used_meta`, `total_meta`, `used_data`, `total_data` | [`WorkingPool::metadata`], [`WorkingPool::data`], each a [`Usage`] |
//! | `ThinPoolWorkingStatus`: `held_metadata_root` | [`WorkingPool::held_root`] |
//! | `ThinPoolWorkingStatus`: `discard_passdown` | [`WorkingPool::discard`] |
//! | `ThinPoolWorkingStatus`: `no_space_policy`; `ThinPoolNoSpacePolicy`: `Error`, `Queue` | [`WorkingPool::no_space`], [`PoolNoSpace`] |
//! | `ThinPoolWorkingStatus`: `summary`; `ThinPoolStatusSummary`: `Good`, `ReadOnly`, `OutOfSpace` | [`WorkingPool::mode`], [`PoolMode`]; across targets [`Health`] |
//! | `ThinPoolWorkingStatus`: `needs_check` | [`WorkingPool::check`] |
//! | `ThinPoolWorkingStatus`: `meta_low_water` | [`WorkingPool::metadata_low_water`] |
//! | in 0.4 `ThinPoolWorkingStatus`: `Good`, `ReadOnly`, `OutOfSpace`, `NeedsCheck` | [`WorkingPool::mode`], [`WorkingPool::check`] |
//! | messages as text: `create_thin`, `create_snap`, `delete` | [`ThinPoolMessage`] |
//!
//! # Thin devices
//!
//! | there | here |
//! |---|---|
//! | `ThinTargetParams::new`; `ThinTargetParams`: `pool`, `thin_id`, `external_origin_dev` | [`ThinTable::new`], [`ThinTable::with_external_origin`] |
//! | `ThinDevId::new_u64` | [`ThinDevId::new`] |
//! | `ThinDevId`: `Display`, `FromStr`, `Serialize`, `Deserialize` | the same; serde with the feature `serde` |
//! | `u32::from(ThinDevId)` | [`ThinDevId::get`] |
//! | `ThinStatus`: `Working`, `Error`, `Fail`; in 0.4 `Good` | [`ThinStatus`] |
//! | `ThinDevWorkingStatus::new`; `ThinDevWorkingStatus`: `nr_mapped_sectors`, `highest_mapped_sector` | [`ThinStatus::Working`], with `mapped` and `highest` |
//!
//! # Caches
//!
//! | there | here |
//! |---|---|
//! | `CacheTargetParams::new`; `CacheTargetParams`: `meta`, `cache`, `origin`, `cache_block_size`, `feature_args`, `policy`, `policy_args` | [`CacheTable::new`], and a method for each feature and setting |
//! | `MIN_CACHE_BLOCK_SIZE`, `MAX_CACHE_BLOCK_SIZE` | —: [`Table::new`] checks the block size, and its error names the limits |
//! | `CacheDevStatus`: `Working`, `Error`, `Fail` | [`CacheStatus`] |
//! | `CacheDevWorkingStatus::new`; `CacheDevWorkingStatus`: `usage`; `CacheDevUsage::new`; `CacheDevUsage`: `meta_block_size`, `used_meta`, `total_meta`, `cache_block_size`, `used_cache`, `total_cache` | [`WorkingCache::metadata_block_size`], [`WorkingCache::metadata`], [`WorkingCache::block_size`], [`WorkingCache::resident`] |
//! | `CacheDevWorkingStatus`: `performance`; `CacheDevPerformance::new`; `CacheDevPerformance`: `read_hits`, `read_misses`, `write_hits`, `write_misses` | [`WorkingCache::read_hits`], [`WorkingCache::read_misses`], [`WorkingCache::write_hits`], [`WorkingCache::write_misses`] |
//! | `CacheDevPerformance`: `demotions`, `promotions`, `dirty` | [`WorkingCache::demotions`], [`WorkingCache::promotions`], [`WorkingCache::dirty`] |
//! | `CacheDevWorkingStatus`: `feature_args` | [`WorkingCache::features`] |
//! | `CacheDevWorkingStatus`: `core_args`, `policy`, `policy_args` | [`WorkingCache::core_args`], [`WorkingCache::policy`], [`WorkingCache::policy_args`] |
//! | `CacheDevWorkingStatus`: `metadata_mode`, `needs_check` | [`WorkingCache::mode`], [`WorkingCache::check`] |
//! | `CacheDevMetadataMode`, which was not exported: `Good`, `ReadOnly` | [`CacheMetadataMode`] |
//!
//! # Segments, in 0.4.7
//!
//! | there | here |
//! |---|---|
//! | `Segment`, `Segment::new` | [`LinearTable::new`] in a [`TableLine`] |
//! | `Segment::range` | the fields `start` of [`LinearTable`] and `length` of [`TableLine`] |
//! | `Segment::dstr` | `Display` of the field `device` of [`LinearTable`] |

#[cfg(doc)]
use crate::{
    AnyTable, Device, Health, InvalidField, Params, ParseError, Table, TableError, TableLine, Target, Usage,
    cache::{CacheMetadataMode, CacheStatus, CacheTable, WorkingCache},
    flakey::{CorruptBioByte, Direction, FlakeyTable},
    linear::LinearTable,
    thin::{ThinDevId, ThinStatus, ThinTable},
    thin_pool::{PoolMode, PoolNoSpace, ThinPoolMessage, ThinPoolStatus, ThinPoolTable, WorkingPool},
};
