//! `thin-pool`: the blocks and the metadata of [`thin`](crate::thin) devices.
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
//! | metadata, data | [`Device`] | | must be spelled differently |
//! | block_size | [`Sectors`] | sectors | 128 to 2097152 (64 KiB to 1 GiB), a multiple of 128 |
//! | low_water | [`DataBlocks`] | data blocks | |
//! | #features | count | words | at most 4 when loaded, although there are five |
//! | used/total | [`Usage`](crate::Usage) | metadata blocks of 4 KiB, then data blocks | |
//! | held_root | [`MetaBlocks`](dm_units::MetaBlocks) or `-` | number of a metadata block | |
//! | check | `needs_check` or `-` | | |
//! | meta_low_water | [`MetaBlocks`](dm_units::MetaBlocks) | metadata blocks | |
//!
//! The table and the status with figures end with a space. Early kernels print fewer words in the status. The features
//! of the table are those that were asked for, the status has those in effect.
//!
//! Messages are answered with nothing. They fail with `EOPNOTSUPP` once the pool is out of metadata space, read-only or
//! failed.
//!
//! Kernel: `pool_ctr`, `pool_status` and `pool_message` in `drivers/md/dm-thin.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{DataBlocks, Sectors};

use crate::flags::{Flag, flags};
use crate::{
    Device, Feature, Fields, Health, InvalidField, Limits, Params, ParseError, Printer, Problem, Target, WordBuf,
};

mod message;
mod status;

pub use message::ThinPoolMessage;
pub use status::{PoolCheck, PoolDiscard, PoolMode, PoolNoSpace, ThinPoolStatus, WorkingPool};

const METADATA: &str = "metadata dev";
const DATA: &str = "data dev";
const BLOCK_SIZE: Limits = Limits::new("data block size", 128, 1 << 21).multiple_of(128);
const FEATURE_COUNT: Limits = Limits::new("number of features", 0, 4);

const FLAGS: [Flag<ThinPoolTable>; 5] =
    flags![skip_block_zeroing, ignore_discard, no_discard_passdown, read_only, error_if_no_space];

/// The `thin-pool` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinPool {}

impl Target for ThinPool {
    const TYPE: &'static str = "thin-pool";
    type Table = ThinPoolTable;
    type Status = ThinPoolStatus;
    type Message = ThinPoolMessage;

    const SINGLETON: bool = true;

    const FEATURES: &'static [Feature] = &[
        Feature { name: "ignore_discard", since: (1, 1, 0) },
        Feature { name: "no_discard_passdown", since: (1, 1, 0) },
        Feature { name: "error_if_no_space", since: (1, 10, 0) },
    ];

    fn check(table: &ThinPoolTable, _: Sectors) -> Result<(), InvalidField> {
        check_devices(&table.metadata, &table.data)?;
        BLOCK_SIZE.check(table.block_size)?;
        let features = Flag::count(&FLAGS, table, &table.other_features);
        FEATURE_COUNT.check(features as u64)
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

/// The table of a `thin-pool` target.
///
/// ```
/// use dm_targets::thin_pool::ThinPoolTable;
/// use dm_units::{DataBlocks, DeviceNumber, Sectors};
///
/// let [metadata, data] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 48)];
/// let table = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(1024)).error_if_no_space();
/// assert_eq!(table.to_string(), "254:32 254:48 128 1024 1 error_if_no_space ");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThinPoolTable {
    /// Holds what is mapped where.
    pub metadata: Device,
    /// Holds the blocks.
    pub data: Device,
    /// The size of a block.
    pub block_size: Sectors,
    /// An event is sent when fewer blocks than this are free.
    pub low_water: DataBlocks,
    /// New blocks are not zeroed.
    pub skip_block_zeroing: bool,
    /// Discards are not supported at all.
    pub ignore_discard: bool,
    /// Discards give blocks back to the pool, but do not reach the data device.
    pub no_discard_passdown: bool,
    /// The metadata is never changed.
    pub read_only: bool,
    /// Writes fail at once when there is no space, instead of waiting.
    pub error_if_no_space: bool,
    /// Features that this version does not know; they are printed after the others.
    pub other_features: Vec<WordBuf>,
}

impl ThinPoolTable {
    /// A pool with no features.
    pub fn new(
        metadata: impl Into<Device>,
        data: impl Into<Device>,
        block_size: Sectors,
        low_water: DataBlocks,
    ) -> Self {
        Self {
            metadata: metadata.into(),
            data: data.into(),
            block_size,
            low_water,
            skip_block_zeroing: false,
            ignore_discard: false,
            no_discard_passdown: false,
            read_only: false,
            error_if_no_space: false,
            other_features: Vec::new(),
        }
    }

    /// Does not zero new blocks.
    #[must_use]
    pub fn skip_block_zeroing(self) -> Self {
        Self { skip_block_zeroing: true, ..self }
    }

    /// Does not support discards.
    #[must_use]
    pub fn ignore_discard(self) -> Self {
        Self { ignore_discard: true, ..self }
    }

    /// Does not pass discards down to the data device.
    #[must_use]
    pub fn no_discard_passdown(self) -> Self {
        Self { no_discard_passdown: true, ..self }
    }

    /// Never changes the metadata.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Fails writes when there is no space, instead of letting them wait.
    #[must_use]
    pub fn error_if_no_space(self) -> Self {
        Self { error_if_no_space: true, ..self }
    }
}

impl Params for ThinPoolTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (metadata, data) = (fields.read(METADATA)?, fields.read(DATA)?);
        check_devices(&metadata, &data).map_err(|invalid| fields.blame(invalid))?;
        let block_size = fields.read_within(&BLOCK_SIZE)?;
        let mut table = Self::new(metadata, data, block_size, fields.read("low water mark")?);
        let mut features = fields.read_optional_group(FEATURE_COUNT.field())?;
        table.other_features = features.read_flags("feature", &FLAGS, &mut table)?;
        Ok(table)
    }
}

impl fmt::Display for ThinPoolTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f)
            .put(&self.metadata)
            .put(&self.data)
            .put(&self.block_size)
            .put(&self.low_water)
            .flags(&FLAGS, self, &self.other_features)
            .space()
            .end()
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
    fn the_devices_differ() {
        let same = "254:32 254:32 128 0";
        assert_eq!(refusal(same), "thin-pool table: word 2, data dev, must not be the same as the metadata dev");
    }

    #[test]
    fn features_are_in_the_order_of_the_kernel_and_unknown_ones_are_kept() {
        let table = ThinPool::parse_table("254:32 254:48 128 0 3 new_word READ_ONLY ignore_discard").unwrap();
        assert!(table.read_only && table.ignore_discard);
        assert_eq!(table.to_string(), "254:32 254:48 128 0 3 ignore_discard read_only new_word ");

        let twice = "254:32 254:48 128 0 2 read_only READ_ONLY";
        assert_eq!(refusal(twice), "thin-pool table: word 7, feature, is given twice");
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
