//! `mirror`: keeps copies of the same sectors on several devices, and a log of the regions that are in sync.
//!
//! ```text
//! table   = <log> <legs> (<device> <offset>){legs} [<#features> {<feature>}]
//! log     = core <#log_args> <region_size> [sync|nosync]
//!         | disk <#log_args> <log_device> <region_size> [sync|nosync]
//!         | userspace <#log_args> <uuid> [integrated_flush] <log_arg> {<log_arg>}
//! feature = handle_errors | keep_log
//! status  = <legs> <device>{legs} <in_sync>/<regions> 1 <health> <log_status>
//! log_status = 1 core
//!         | 3 disk <log_device> <log_health>
//!         | userspace 1 COM_FAILURE
//!         | {<word>}                         the reply of the log server in user space
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | region_size | [`Sectors`] | sectors | a power of two, from 2 to the length of the mirror, with at most 2^32 - 1 regions |
//! | uuid | word | | at most 128 bytes |
//! | legs | `u32` | | 2 to 9 |
//! | offset | [`Sectors`] | sectors on the device | |
//! | #features | count | words | not printed by the kernel if 0 |
//! | in_sync, regions | `u64` | regions | |
//! | health | a letter per leg | | see [`MirrorHealth`] |
//!
//! The `1` before `<health>` and the number in `<log_status>` each count the words after it. `keep_log` requires
//! `handle_errors`.
//!
//! The kernel prints the words of the log server without quotes, so a word with white space is parsed as several words.
//! The target takes no messages.
//!
//! Kernel: `mirror_ctr` and `mirror_status` in `drivers/md/dm-raid1.c`, `create_log_context`, `core_status` and
//! `disk_status` in `drivers/md/dm-log.c`, `userspace_ctr` and `userspace_status` in
//! `drivers/md/dm-log-userspace-base.c`.

mod health;
mod log;

use alloc::vec::Vec;
use core::fmt;

use dm_units::{DeviceNumber, Sectors};

pub use log::{LogHealth, LogSync, MirrorLog, MirrorLogStatus};

use crate::option::keywords::keywords;
use crate::option::{Flag, OptionGroup, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Fields, Health, InvalidField, Limits, NoMessage, Params, ParseError, Printer, Problem,
    TableDifference, Target, Usage, WordBuf,
};

const MIRRORS: Limits = Limits::new("number of mirrors", 2, 9);

/// The `mirror` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirror {}

impl Target for Mirror {
    const TYPE: &'static str = "mirror";
    type Table = MirrorTable;
    type Status = MirrorStatus;
    type Message = NoMessage;

    fn check(table: &MirrorTable, length: Sectors) -> Result<(), InvalidField> {
        table.log.check(length)?;
        MIRRORS.check(table.legs.len() as u64)?;
        table.features.check()?;
        check_features(&table.features)
    }

    /// Removes `sync` and `nosync` of a log on a disk, which has recorded the state that they have set. The kernel would
    /// set it again, whatever has happened to the regions since then.
    fn remove_requests(table: &mut MirrorTable) {
        table.log.remove_request();
    }

    /// Compares the requested table `one` with `other`, which the kernel printed; see [`Target::difference`]. If the log
    /// is on a disk, `sync` and `nosync` are only compared if `one` has `sync`. A core log with `sync` differs from a
    /// core log without `sync`, although both mean the same.
    fn difference(one: &MirrorTable, other: &MirrorTable) -> Option<TableDifference> {
        let other = MirrorTable { log: other.log.as_requested(&one.log), ..other.clone() };
        Comparison::new(one, &other)
            .layout("legs", |table| &table.legs)
            .layout("log", |table| &table.log)
            .tunable("features", |table| &table.features)
            .result()
    }

    fn health(status: &MirrorStatus) -> Health {
        status.health()
    }
}

options! {
    /// The features of a `mirror` table: how errors are handled.
    pub struct MirrorFeatures for MirrorTable.features {
        /// After an error of a leg or the log, holds the affected writes until the device is suspended. A suspend with
        /// `noflush` submits these writes again; any other suspend fails them. Without this feature, the writes
        /// succeed. If all legs have errors, the writes fail immediately, with or without this feature.
        handle_errors(): bool = Flag("handle_errors");
        /// Does not hold writes. After an error of a leg, writes to regions in sync succeed as long as a leg has no
        /// error. After an error of the log, such writes fail. Requires `handle_errors`.
        keep_log(): bool = Flag("keep_log");
    }
    other {
        /// Features that this crate does not know; they are printed after the others.
        other_features: WordBuf = "feature";
    }
    case: Exact;
    count: LeftOut, Limits::new("number of features", 0, u32::MAX as u64);
}

fn check_features(features: &MirrorFeatures) -> Result<(), InvalidField> {
    if features.keep_log && !features.handle_errors {
        return Err(InvalidField::new("keep_log", Problem::Expected("given together with handle_errors")));
    }
    Ok(())
}

/// The arguments of a `mirror` target: a log, the legs that hold the copies, and features.
///
/// ```
/// use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
/// use dm_targets::{Mirror, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let devices = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 16)];
/// let legs = devices.map(|device| MirrorLeg::new(device, Sectors(0)));
/// let table = MirrorTable::new(MirrorLog::core(Sectors(1024)).nosync(), legs).handle_errors();
/// assert_eq!(table.to_string(), "core 2 1024 nosync 2 254:0 0 254:16 0 1 handle_errors");
/// assert_eq!(Mirror::parse_table("core 2 1024 nosync 2 254:0 0 254:16 0 1 handle_errors")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MirrorTable {
    /// The log, which records the regions that are in sync.
    pub log: MirrorLog,
    /// The 2 to 9 legs. To bring a region into sync, the kernel copies it from the first leg to the other legs, as
    /// long as the first leg works.
    pub legs: Vec<MirrorLeg>,
    /// How errors are handled.
    pub features: MirrorFeatures,
    spelling: Spelling,
}

impl MirrorTable {
    /// A mirror without features. The values are not checked; [`Mirror::check`](Target::check) does that.
    pub fn new(log: MirrorLog, legs: impl IntoIterator<Item = MirrorLeg>) -> Self {
        let (features, spelling) = (MirrorFeatures::default(), Spelling::default());
        Self { log, legs: legs.into_iter().collect(), features, spelling }
    }
}

/// One of the devices of a `mirror` target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MirrorLeg {
    /// The device that holds a copy.
    pub device: Device,
    /// The first sector of the copy on `device`.
    pub offset: Sectors,
}

impl MirrorLeg {
    /// A leg on `device` that starts at sector `offset`.
    pub fn new(device: impl Into<Device>, offset: Sectors) -> Self {
        Self { device: device.into(), offset }
    }

    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self { device: fields.read("device")?, offset: fields.read("offset")? })
    }
}

impl Spelled for MirrorTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let log = MirrorLog::parse(fields)?;
        let count: u32 = fields.read_within(&MIRRORS)?;
        let legs = (0..count).map(|_| MirrorLeg::parse(fields)).collect::<Result<_, _>>()?;
        let features = fields.read_options_then(check_features)?;
        Ok(Self { log, legs, features, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { log, legs, features, spelling: _ } = self;
        log.print(out);
        out.count(legs.len());
        for MirrorLeg { device, offset } in legs {
            out.put(device).put(offset);
        }
        out.options(features);
    }
}

spelled!(MirrorTable);

keywords! {
    exact;
    /// The most severe error of a leg since the table was loaded, or since all regions were last brought into sync.
    /// From the most to the least severe, the errors are `F`, `D`, `S` and `R`.
    pub enum MirrorHealth {
        /// No error.
        Alive = "A",
        /// A write failed; the contents of the leg are out of sync.
        WriteFailed = "D",
        /// Copying a region to or from the leg failed, so that the region is out of sync.
        SyncFailed = "S",
        /// A read failed; the contents of the leg are not affected.
        ReadFailed = "R",
        /// A flush failed; the contents of the leg may be out of sync.
        FlushFailed = "F",
        /// An error that the kernel has no letter for.
        Unknown = "U",
    }
}

/// The status of a `mirror` target: its legs and their errors, how many regions are in sync, and the state of the log.
///
/// ```
/// use dm_targets::mirror::MirrorHealth;
/// use dm_targets::{Mirror, Target};
///
/// let status = Mirror::parse_status("2 7:0 7:1 64/127 1 AD 1 core")?;
/// assert_eq!(status.legs[1].health, MirrorHealth::WriteFailed);
/// assert_eq!((status.in_sync, status.regions), (64, 127));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MirrorStatus {
    /// The legs in the order of the table.
    pub legs: Vec<MirrorLegStatus>,
    /// The number of regions that are in sync according to the log. 0 if a log server in user space does not answer.
    pub in_sync: u64,
    /// The number of all regions.
    pub regions: u64,
    /// The state of the log.
    pub log: MirrorLogStatus,
}

/// The device of one leg of a `mirror` target, and the most severe error of the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MirrorLegStatus {
    /// The device that holds this leg's copy of the data.
    pub device: DeviceNumber,
    /// The most severe error of the leg.
    pub health: MirrorHealth,
}

impl Params for MirrorStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let count: u32 = fields.read(MIRRORS.field())?;
        let devices: Vec<DeviceNumber> = (0..count).map(|_| fields.read("device")).collect::<Result<_, _>>()?;
        let Usage { used: in_sync, total: regions } = fields.read("regions in sync")?;
        fields.read_literal("health word count", "1")?;
        let healths = fields.read_letters("health", devices.len())?;
        let legs = devices.into_iter().zip(healths);
        Ok(Self {
            legs: legs.map(|(device, health)| MirrorLegStatus { device, health }).collect(),
            in_sync,
            regions,
            log: MirrorLogStatus::parse(fields)?,
        })
    }
}

impl fmt::Display for MirrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.count(self.legs.len()).all(self.legs.iter().map(|leg| &leg.device));
        out.put(&Usage { used: self.in_sync, total: self.regions });
        out.word("1").letters(self.legs.iter().map(|leg| &leg.health));
        self.log.print(&mut out);
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Mirror::parse_table(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_word_that_the_constructor_refuses() {
        assert_eq!(refusal("core 1 1000 2 8:0 0 8:16 0"), "mirror table: word 3, region size, must be a power of two");
        assert_eq!(refusal("core 1 1024 1 8:0 0"), "mirror table: word 4, number of mirrors, must be from 2 to 9");
        assert_eq!(
            refusal("core 1 1024 2 8:0 0 8:16 0 1 keep_log"),
            "mirror table: word 10, keep_log, must be given together with handle_errors"
        );
        assert_eq!(refusal("core 1 1024 2 8:0 0 8:16 0 0 more"), "mirror table: word 10 is one word too many");
        let table = Mirror::parse_table("core 1 1024 2 8:0 0 8:16 0").unwrap();
        assert_eq!(Mirror::check(&table, Sectors(1024)), Ok(()));
        assert_eq!(Mirror::check(&table, Sectors(1023)).unwrap_err().to_string(), "region size must be from 2 to 1023");
    }

    #[test]
    fn an_empty_group_of_features_is_kept() {
        let text = "core 1 1024 2 8:0 0 8:16 0 0";
        assert_eq!(format!("{:#}", Mirror::parse_table(text).unwrap()), text);
    }

    #[test]
    fn features_are_compared_exactly_as_the_kernel_does() {
        let table = Mirror::parse_table("core 1 1024 2 8:0 0 8:16 0 1 HANDLE_ERRORS").unwrap();
        assert!(!table.features.handle_errors);
        assert_eq!(table.features.other_features.len(), 1);
    }
}
