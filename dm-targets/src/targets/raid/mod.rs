//! `raid`: RAID 0, 1, 4, 5, 6 and 10, implemented by the kernel's md drivers.
//!
//! ```text
//! table   = <type> <#params> <chunk_size> {<param>} <devices> (<metadata> <data>){devices} {<ignored>}
//! type    = raid0 | raid1 | raid4 | raid5_n | raid5_ls | raid5_rs | raid5_la | raid5_ra
//!         | raid6_zr | raid6_nr | raid6_nc | raid6_n_6 | raid6_ls_6 | raid6_rs_6 | raid6_la_6 | raid6_ra_6
//!         | raid10 | raid10_near | raid10_far | raid10_offset
//! status  = <type> <disks> <health> <progress>/<total> [<action> <mismatches> [<data_offset> [<journal>]]]
//!         |                                   empty for a layout that has no name
//! message = idle | frozen | resync | recover | check | repair
//! ```
//!
//! | param, in the kernel's order | unit | range | levels |
//! |---|---|---|---|
//! | `sync`, `nosync` | | only one of them, and not with `rebuild` | 1, 4, 5; also `sync` for 6 and `nosync` for 10 |
//! | `rebuild <index>` | number of a device, from 0 | not a missing device; may be repeated | 1, 4, 5, 6, 10 |
//! | `daemon_sleep <n>` | jiffies | 0: 5 seconds | 1, 4, 5, 6, 10 |
//! | `min_recovery_rate <n>`, `max_recovery_rate <n>` | KiB/s for each device | 0: the system's limit; min at most max, unless max is 0 | 1, 4, 5, 6, 10 |
//! | `write_mostly <index>` | number of a device, from 0 | may be repeated, but not for all devices | 1 |
//! | `max_write_behind <n>` | twice the number of requests; **the kernel prints half of it** | at most 32767 | 1 |
//! | `stripe_cache <n>` | stripes; the number in effect is printed | 17 to 32768, after the kernel has raised it to half the chunk size in sectors | 4, 5, 6 |
//! | `region_size <n>` | sectors | 0, or a power of two from the chunk size to the length, with at most 2097152 regions | 1, 4, 5, 6, 10 |
//! | `raid10_copies <n>` | | 2 to the number of devices | 10 |
//! | `raid10_format near\|far\|offset` | | | 10 |
//! | `raid10_use_near_sets` | | not with `near`; **counted but not printed** | 10 |
//! | `delta_disks <n>` | devices to add; negative: to remove | -251 to 251 (for 6, -249 to 249), not 0; for 10, not negative | 1, 4, 5, 6, 10 |
//! | `data_offset <n>` | sectors | 0, or at least 32 and a multiple of the page size (8 for 4 KiB) | all |
//! | `journal_dev <device>` | | a device of at least 4 MiB | 4, 5, 6 |
//! | `journal_mode writethrough\|writeback` | | only after `journal_dev`; not `writeback` with `rebuild` or a missing device | 4, 5, 6 |
//!
//! `#params` counts the words from the chunk size to the last parameter. The parameters can have any order, except that
//! `journal_mode` must follow `journal_dev`. `-` stands for no metadata device, or for a missing device. Words after
//! the last device are ignored.
//!
//! The chunk size, in sectors, is a power of two and at least 8. For RAID 4, 5 and 6, it is at most 65536. RAID 1 has
//! no chunk size: the kernel ignores a number up to 2147483647, and prints 0. This crate refuses a negative number.
//!
//! [`check`](Target::check) also refuses:
//!
//! - RAID 10 without metadata devices, or with `sync`. The kernel takes the layout of the array from the metadata,
//!   which it does not read with `sync`. An array without a layout does not start.
//! - A `data_offset` other than 0 if the first device is missing. This combination crashes at least Linux 6.1 to 6.12.
//! - More missing devices than the level tolerates. RAID 10 needs at least one device of each group of neighbors that
//!   hold the same data (`_enough` in `drivers/md/raid10.c`).
//!
//! A table that the kernel prints does not always create the same array: see [`RaidTable`].
//!
//! Kernel: `raid_ctr`, `parse_raid_params`, `parse_dev_params`, `raid_status` and `raid_message` in
//! `drivers/md/dm-raid.c`.

use core::fmt;

use dm_units::Sectors;

use crate::option::keywords::keywords;
use crate::{
    Comparison, Feature, Fields, Health, InvalidField, Message, NoReply, Params, ParseError, Printer, Problem,
    TableDifference, Target,
};

mod check;
mod health;
mod params;
mod status;
mod table;

pub use status::{JournalHealth, RaidArrayStatus, RaidHealth, RaidStatus, SyncAction};
pub use table::{JournalMode, Raid10Format, RaidDevice, RaidParams, RaidSync, RaidTable};

/// The `raid` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raid {}

impl Target for Raid {
    const TYPE: &'static str = "raid";
    type Table = RaidTable;
    type Status = RaidStatus;
    type Message = RaidMessage;

    const FEATURES: &'static [Feature] = RaidParams::FEATURES;

    fn check(table: &RaidTable, length: Sectors) -> Result<(), InvalidField> {
        table.check(length)
    }

    /// Removes `delta_disks`, and also `nosync` and `rebuild` if the metadata devices record them. Without a metadata
    /// device, `rebuild` is the only record that a device is out of sync, so it stays.
    fn remove_requests(table: &mut RaidTable) {
        table.params.delta_disks = None;
        let has_metadata = |index: &u32| {
            let device = usize::try_from(*index).ok().and_then(|index| table.devices.get(index));
            device.is_some_and(|device| device.metadata.is_some())
        };
        let is_recorded = |device: &RaidDevice| device.data.is_none() || device.metadata.is_some();
        if table.params.sync == Some(RaidSync::NoSync) && table.devices.iter().all(is_recorded) {
            table.params.sync = None;
        }
        if table.params.rebuild.iter().all(has_metadata) {
            table.params.rebuild.clear();
        }
    }

    /// Compares the requested table `one` with `other`, which the kernel printed; see [`Target::difference`]. A printed
    /// number counts as equal if the kernel may have adjusted the requested number to it.
    fn difference(one: &RaidTable, other: &RaidTable) -> Option<TableDifference> {
        let [one, other] = [one.clone(), other.as_requested(one)].map(RaidTable::in_full);
        Comparison::new(&one, &other)
            .layout("raid type", |table| &table.raid_type)
            .layout("chunk size", |table| &table.chunk_size)
            .layout("devices", |table| &table.devices)
            .layout("raid10_copies", |table| &table.params.raid10_copies)
            .layout("raid10_format", |table| &table.params.raid10_format)
            .layout("raid10_use_near_sets", |table| &table.params.raid10_use_near_sets)
            .layout("journal_dev", |table| &table.params.journal_dev)
            .tunable("params", |table| &table.params)
            .result()
    }

    fn health(status: &RaidStatus) -> Health {
        status.health()
    }
}

keywords! {
    any_case;
    /// A RAID level and layout.
    pub enum RaidType {
        /// Striping without redundancy.
        Raid0 = "raid0",
        /// Mirroring.
        Raid1 = "raid1",
        /// Parity on the first device.
        Raid4 = "raid4",
        /// Parity on the last device.
        Raid5N = "raid5_n",
        /// Rotating parity, left symmetric.
        Raid5Ls = "raid5_ls",
        /// Rotating parity, right symmetric.
        Raid5Rs = "raid5_rs",
        /// Rotating parity, left asymmetric.
        Raid5La = "raid5_la",
        /// Rotating parity, right asymmetric.
        Raid5Ra = "raid5_ra",
        /// Two rotating parities, zero restart.
        Raid6Zr = "raid6_zr",
        /// Two rotating parities, N restart.
        Raid6Nr = "raid6_nr",
        /// Two rotating parities, N continue.
        Raid6Nc = "raid6_nc",
        /// Both parities on the last two devices.
        Raid6N6 = "raid6_n_6",
        /// Rotating parity, left symmetric; the second parity is on the last device.
        Raid6Ls6 = "raid6_ls_6",
        /// Rotating parity, right symmetric; the second parity is on the last device.
        Raid6Rs6 = "raid6_rs_6",
        /// Rotating parity, left asymmetric; the second parity is on the last device.
        Raid6La6 = "raid6_la_6",
        /// Rotating parity, right asymmetric; the second parity is on the last device.
        Raid6Ra6 = "raid6_ra_6",
        /// Striped mirrors. In a table, `raid10_format` gives the layout. In a status, the layout is `near`.
        Raid10 = "raid10",
        /// The same as `raid10` in a table. A status never contains this word.
        Raid10Near = "raid10_near",
        /// The same as `raid10` in a table. In a status: striped mirrors with copies at distant offsets.
        Raid10Far = "raid10_far",
        /// The same as `raid10` in a table. In a status: striped mirrors with copies in the next stripe.
        Raid10Offset = "raid10_offset",
    }
}

/// The properties that all types of a level share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Raid0,
    Raid1,
    Raid45,
    Raid6,
    Raid10,
}

impl RaidType {
    /// The level of the type; `None` for a type that this crate does not know.
    const fn level(&self) -> Option<Level> {
        Some(match self {
            Self::Raid0 => Level::Raid0,
            Self::Raid1 => Level::Raid1,
            Self::Raid4 | Self::Raid5N | Self::Raid5Ls | Self::Raid5Rs | Self::Raid5La | Self::Raid5Ra => Level::Raid45,
            Self::Raid6Zr
            | Self::Raid6Nr
            | Self::Raid6Nc
            | Self::Raid6N6
            | Self::Raid6Ls6
            | Self::Raid6Rs6
            | Self::Raid6La6
            | Self::Raid6Ra6 => Level::Raid6,
            Self::Raid10 | Self::Raid10Near | Self::Raid10Far | Self::Raid10Offset => Level::Raid10,
            Self::Other(_) => return None,
        })
    }
}

/// A message that controls the synchronization of a `raid` target.
///
/// For RAID 0, all messages fail with `EINVAL`. While a synchronization action is running, all messages except `idle`
/// and `frozen` fail with `EBUSY`. While the device is suspended, all messages fail with `EBUSY` in Linux 6.12 and
/// later.
///
/// The kernel ignores further words, but this crate refuses them.
///
/// ```
/// use dm_targets::raid::RaidMessage;
///
/// assert_eq!(RaidMessage::Check.to_string(), "check");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RaidMessage {
    /// Stops the running action for now. Linux 6.12 and later stop the action, but return `EINVAL` or `EBUSY`
    /// nevertheless.
    Idle,
    /// Prevents all actions until another message is sent or the device is resumed. In Linux 6.12 and later, this is
    /// the same as [`Idle`](Self::Idle).
    Frozen,
    /// Starts or continues a resync that is needed.
    Resync,
    /// Starts or continues a rebuild that is needed.
    Recover,
    /// Compares the devices and counts [mismatches](RaidArrayStatus::mismatches).
    Check,
    /// Compares the devices and repairs mismatches.
    Repair,
}

const MESSAGES: [(&str, RaidMessage); 6] = [
    ("idle", RaidMessage::Idle),
    ("frozen", RaidMessage::Frozen),
    ("resync", RaidMessage::Resync),
    ("recover", RaidMessage::Recover),
    ("check", RaidMessage::Check),
    ("repair", RaidMessage::Repair),
];

impl Message for RaidMessage {
    type Reply = NoReply;
}

impl Params for RaidMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        let found = MESSAGES.iter().find(|(word, _)| name.is(word));
        found.map(|(_, message)| *message).ok_or_else(|| fields.error("message", Problem::Unknown))
    }
}

impl fmt::Display for RaidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = MESSAGES.iter().find(|(_, message)| message == self).map_or("", |(word, _)| word);
        Printer::new(f).word(word).end()
    }
}

#[cfg(test)]
mod tests;
