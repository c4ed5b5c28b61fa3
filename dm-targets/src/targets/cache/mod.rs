//! `cache`: caches frequently used blocks of a slow device on a fast device.
//!
//! ```text
//! table    = <metadata> <cache> <origin> <block_size> <#features> {<feature>}
//!            <policy> <#policy_args> {<setting>}
//! feature  = writeback | writethrough | passthrough | metadata2 | no_discard_passdown
//! policy   = smq | mq | cleaner | default
//! setting  = <key> <value>
//! status   = <metadata_block_size> <used>/<total> <block_size> <resident>/<total>
//!            <read_hits> <read_misses> <write_hits> <write_misses> <demotions> <promotions> <dirty>
//!            <#features> {<feature>} <#core_args> {<setting>} <policy> <#policy_args> {<setting>}
//!            [<mode> [<check>]]
//!          | Fail | Error
//! message  = <setting> | invalidate_cblocks {<block> | <begin>-<end>}
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | metadata, cache, origin | [`Device`] | | |
//! | block_size | [`Sectors`] | sectors | 64 to 2097152 (32 KiB to 1 GiB), a multiple of 64 |
//! | #features | count | words | at most 3 in a table |
//! | `writeback`, `writethrough`, `passthrough` | [`CacheIoMode`] | | at most one of them; `writeback` by default |
//! | #policy_args | count | words | at most 1024 in a table, even |
//! | metadata_block_size | [`Sectors`] | sectors | always 8 (4 KiB) |
//! | used/total | [`Usage`] | metadata blocks | |
//! | resident/total, dirty | [`DataBlocks`](dm_units::DataBlocks) | cache blocks of the block size | |
//! | hits, misses | `u32` | requests | wrap around; kept in the metadata |
//! | demotions, promotions | `u32` | cache blocks | wrap around; 0 after a load |
//! | #core_args | count | words | settings of the cache itself, not of its policy |
//! | mode | `rw` or `ro` | | whether the metadata can be changed |
//! | check | `needs_check` or `-` | | |
//! | block, begin, end | [`DataBlocks`](dm_units::DataBlocks) | number of a cache block; `end` is not included | |
//!
//! Tables and messages accept the key `migration_threshold`, in sectors, with every policy. `mq` is the name of an
//! older policy. It now means `smq`, but accepts five more keys, which have no effect. `default` means `smq`, and a
//! status shows it as `smq`.
//!
//! When the kernel prints a table, it repeats the words after the origin as they were loaded, even if a message has
//! changed a setting since. It ignores words after the policy's arguments, but prints them. `{:#}` (see
//! [`Params`](crate::Params)) prints them, too, unless you change the parsed table. A status ends with a space,
//! except `Fail` and `Error`.
//!
//! With `passthrough`, the device cannot be resumed while the cache has dirty blocks. Messages can invalidate blocks
//! only in this mode. Replies to messages are empty. While the metadata is read-only or has failed, messages fail with
//! `EOPNOTSUPP`, which `devices::DevError::is_read_only` recognizes.
//!
//! Kernel: `cache_ctr`, `cache_status` and `cache_message` in `drivers/md/dm-cache-target.c`; `mq_set_config_value` in
//! `drivers/md/dm-cache-policy-smq.c`.

mod features;
mod message;
mod setting;
mod status;
mod table;

pub use features::{CacheFeatures, CacheIoMode};
pub use message::{CacheBlocks, CacheMessage};
pub use setting::{CacheKey, CachePolicy, CacheSetting, CacheValue};
pub use status::{CacheCheck, CacheMetadataMode, CacheStatus, WorkingCache};
pub use table::CacheTable;

use dm_units::Sectors;

use crate::{Comparison, Feature, Health, InvalidField, TableDifference, Target};

#[cfg(doc)]
use crate::{Device, Usage};

/// The `cache` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {}

impl Target for Cache {
    const TYPE: &'static str = "cache";
    type Table = CacheTable;
    type Status = CacheStatus;
    type Message = CacheMessage;

    const FEATURES: &'static [Feature] = CacheFeatures::FEATURES;

    fn check(table: &CacheTable, _length: Sectors) -> Result<(), InvalidField> {
        table.check()
    }

    /// Compares two tables; see [`Target::difference`]. A table with `writeback` differs from a table without an I/O
    /// mode, although `writeback` is the default.
    fn difference(one: &CacheTable, other: &CacheTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("metadata dev", |table| &table.metadata)
            .layout("cache dev", |table| &table.cache)
            .layout("origin dev", |table| &table.origin)
            .layout("block size", |table| &table.block_size)
            .layout("metadata format", |table| &table.features.metadata2)
            .tunable("features", |table| &table.features)
            .tunable("policy", |table| &table.policy)
            .tunable("policy args", |table| &table.policy_args)
            .result()
    }

    fn health(status: &CacheStatus) -> Health {
        status.health()
    }
}

#[cfg(test)]
mod tests;
