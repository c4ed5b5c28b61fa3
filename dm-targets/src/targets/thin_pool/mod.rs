//! `thin-pool`: provides the blocks and the metadata for [`thin`](crate::thin) devices.
//!
//! ```text
//! table   = <metadata> <data> <block_size> <low_water> [<#features> {<feature>}]
//! feature = skip_block_zeroing | ignore_discard | no_discard_passdown | read_only | error_if_no_space
//! status  = <transaction_id> <used>/<total> <used>/<total> <held_root>
//!           [<mode> [<discard> [<no_space> [<check> [<meta_low_water>]]]]]
//!         | Fail | Error
//! message = create_thin <dev_id> | create_snap <dev_id> <origin_id> | delete <dev_id>
//!         | set_transaction_id <current> <new>
//!         | reserve_metadata_snap | release_metadata_snap
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | metadata, data | [`Device`] | | not the same word |
//! | block_size | [`Sectors`] | sectors | 128 to 2097152 (64 KiB to 1 GiB), a multiple of 128 |
//! | low_water | [`DataBlocks`] | data blocks | |
//! | #features | count | words | at most 4, although there are five features |
//! | used/total | [`Usage`](crate::Usage) | the first pair: metadata blocks of 4 KiB; the second: data blocks | |
//! | held_root | [`MetaBlocks`](dm_units::MetaBlocks) or `-` | number of a metadata block | `-`: no metadata snapshot |
//! | check | `needs_check` or `-` | | |
//! | meta_low_water | [`MetaBlocks`](dm_units::MetaBlocks) | metadata blocks | |
//!
//! A printed table and a status end with a space, except the statuses `Fail` and `Error`. Old kernels print fewer words
//! in a status. A table shows the features that were requested; a status shows the features in effect. Words after the
//! counted features are ignored.
//!
//! Replies to messages are empty. While the pool is out of metadata space, read-only or failed, messages fail with
//! `EOPNOTSUPP`, which `DevError::is_read_only` of the feature `devices` recognizes.
//!
//! Kernel: `pool_ctr`, `pool_status` and `pool_message` in `drivers/md/dm-thin.c`.

mod message;
mod status;

use core::fmt;

use dm_units::{DataBlocks, Sectors};

use crate::option::{Flag, OptionGroup, options};
use crate::{
    Comparison, Device, Feature, Fields, Health, InvalidField, Limits, Params, ParseError, Printer, Problem,
    TableDifference, Target, WordBuf,
};

pub use message::ThinPoolMessage;
pub use status::{PoolCheck, PoolDiscard, PoolMode, PoolNoSpace, ThinPoolStatus, WorkingPool};

const METADATA: &str = "metadata dev";
const DATA: &str = "data dev";
const BLOCK_SIZE: Limits = Limits::new("data block size", 128, 1 << 21).multiple_of(128);

/// The `thin-pool` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinPool {}

impl Target for ThinPool {
    const TYPE: &'static str = "thin-pool";
    type Table = ThinPoolTable;
    type Status = ThinPoolStatus;
    type Message = ThinPoolMessage;

    const SINGLETON: bool = true;
    const IMMUTABLE: bool = true;

    const INTERNAL: bool = true;

    const FEATURES: &'static [Feature] = ThinPoolFeatures::FEATURES;

    fn check(table: &ThinPoolTable, _length: Sectors) -> Result<(), InvalidField> {
        check_devices(&table.metadata, &table.data)?;
        BLOCK_SIZE.check(table.block_size)?;
        table.features.check()
    }

    fn difference(one: &ThinPoolTable, other: &ThinPoolTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("metadata dev", |table| &table.metadata)
            .layout("data dev", |table| &table.data)
            .layout("data block size", |table| &table.block_size)
            .tunable("low water mark", |table| &table.low_water)
            .tunable("features", |table| &table.features)
            .result()
    }

    fn health(status: &ThinPoolStatus) -> Health {
        status.health()
    }
}

fn check_devices(metadata: &Device, data: &Device) -> Result<(), InvalidField> {
    if metadata == data {
        return Err(InvalidField::new(DATA, Problem::SameAs(METADATA)));
    }
    Ok(())
}

options! {
    /// The features that a `thin-pool` table requests; the status shows the features in effect.
    pub struct ThinPoolFeatures for ThinPoolTable.features {
        /// Does not zero new blocks. **Reads of the unwritten part of a new block then return old contents of the
        /// data device, possibly data of another thin device.**
        skip_block_zeroing(): bool = Flag("skip_block_zeroing");
        /// Does not support discards.
        ignore_discard(): bool = Flag("ignore_discard"), since (1, 1, 0);
        /// A discard frees blocks of the pool, but is not passed to the data device.
        no_discard_passdown(): bool = Flag("no_discard_passdown"), since (1, 1, 0);
        /// Never changes the metadata, so that no block can be allocated.
        read_only(): bool = Flag("read_only");
        /// Fails writes immediately if no data block is free, instead of queueing them.
        error_if_no_space(): bool = Flag("error_if_no_space"), since (1, 10, 0);
    }
    other {
        /// Features that this crate does not know; they are printed after the others.
        other_features: WordBuf = "feature";
    }
    case: Any;
    count: Optional, Limits::new("number of features", 0, 4);
}

/// The arguments of a `thin-pool` target: the metadata and data devices, and how to allocate blocks.
///
/// ```
/// use dm_targets::thin_pool::ThinPoolTable;
/// use dm_targets::{Target, ThinPool};
/// use dm_units::{DataBlocks, DeviceNumber, Sectors};
///
/// let [metadata, data] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 48)];
/// let table = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(1024)).error_if_no_space();
/// assert_eq!(table.to_string(), "254:32 254:48 128 1024 1 error_if_no_space ");
/// assert_eq!(ThinPool::parse_table("254:32 254:48 128 1024 1 error_if_no_space ")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ThinPoolTable {
    /// The metadata device, which records the mapping of all thin devices.
    pub metadata: Device,
    /// The data device, which holds the blocks.
    pub data: Device,
    /// The size of a data block: 128 to 2097152 sectors, a multiple of 128.
    pub block_size: Sectors,
    /// The low water mark: the kernel sends an event when it allocates a data block and at most this many are free. It
    /// sends no further low water event until the pool is resumed.
    pub low_water: DataBlocks,
    /// The features that are requested.
    pub features: ThinPoolFeatures,
}

impl ThinPoolTable {
    /// A pool without features.
    ///
    /// The values are not checked; [`ThinPool::check`](crate::Target::check) does that.
    pub fn new(
        metadata: impl Into<Device>,
        data: impl Into<Device>,
        block_size: Sectors,
        low_water: DataBlocks,
    ) -> Self {
        let features = ThinPoolFeatures::default();
        Self { metadata: metadata.into(), data: data.into(), block_size, low_water, features }
    }
}

impl Params for ThinPoolTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (metadata, data) = (fields.read(METADATA)?, fields.read(DATA)?);
        check_devices(&metadata, &data).map_err(|invalid| fields.blame(invalid))?;
        let (block_size, low_water) = (fields.read_within(&BLOCK_SIZE)?, fields.read("low water mark")?);
        let features = fields.read_options()?;
        fields.ignore_rest_of_input()?;
        Ok(Self { metadata, data, block_size, low_water, features })
    }
}

impl fmt::Display for ThinPoolTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metadata, data, block_size, low_water, features } = self;
        Printer::new(f).put(metadata).put(data).put(block_size).put(low_water).options(features).space().end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        ThinPool::parse_table(text).unwrap_err().to_string()
    }

    #[test]
    fn blocks_are_multiples_of_64_kib() {
        assert!(ThinPool::parse_table("254:32 254:48 2097152 0").is_ok());
        assert_eq!(
            refusal("254:32 254:48 64 0"),
            "thin-pool table: word 3, data block size, must be from 128 to 2097152"
        );
        assert_eq!(
            refusal("254:32 254:48 192 0"),
            "thin-pool table: word 3, data block size, must be a multiple of 128"
        );
    }

    #[test]
    fn metadata_and_data_must_be_different_devices() {
        let same = "254:32 254:32 128 0";
        assert_eq!(refusal(same), "thin-pool table: word 2, data dev, must not be the same as the metadata dev");
    }

    #[test]
    fn features_are_in_the_order_of_the_kernel_and_unknown_ones_are_kept() {
        let table = ThinPool::parse_table("254:32 254:48 128 0 3 new_word READ_ONLY ignore_discard").unwrap();
        assert!(table.features.read_only && table.features.ignore_discard);
        assert_eq!(table.to_string(), "254:32 254:48 128 0 3 ignore_discard read_only new_word ");

        let twice = "254:32 254:48 128 0 2 read_only READ_ONLY";
        assert_eq!(refusal(twice), "thin-pool table: word 7, read_only, is given twice");
    }

    #[test]
    fn five_features_can_be_printed_but_not_loaded() {
        let [metadata, data] = [0, 16].map(|minor| dm_units::DeviceNumber::new(254, minor));
        let four = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(0))
            .skip_block_zeroing()
            .ignore_discard()
            .no_discard_passdown()
            .error_if_no_space();
        assert_eq!(ThinPool::check(&four, Sectors(128)), Ok(()));
        let refusal = ThinPool::check(&four.read_only(), Sectors(128)).unwrap_err();
        assert_eq!(refusal.to_string(), "number of features must be at most 4");
    }
}
