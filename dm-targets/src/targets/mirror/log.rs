//! The log of a `mirror` target, which records the regions that are in sync.

use alloc::vec::Vec;

use dm_units::{DeviceNumber, Sectors};

use crate::option::keywords::keywords;
use crate::option::{Flag, OptionKind};
use crate::{Device, Fields, InvalidField, Limits, ParseError, Printer, WordBuf};

const LOG_ARG_COUNT: &str = "log argument count";
const LOG_DEVICE: &str = "log device";
const REGION_SIZE: Limits = Limits::new("region size", 2, u32::MAX as u64).power_of_two();
/// The largest number of regions (`create_log_context` in `drivers/md/dm-log.c`).
const MAX_REGIONS: u64 = u32::MAX as u64;
const UUID: &str = "log uuid";
const UUID_LEN: Limits = Limits::new("length of the log uuid", 1, 128);
const CORE_ARGS: Limits = Limits::new(LOG_ARG_COUNT, 1, 2);
const DISK_ARGS: Limits = Limits::new(LOG_ARG_COUNT, 2, 3);
const USERSPACE_ARGS: Limits = Limits::new(LOG_ARG_COUNT, 3, u64::MAX);
const INTEGRATED_FLUSH: &str = "integrated_flush";

/// The place where a `mirror` target records which regions are in sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MirrorLog {
    /// A log in memory, which exists only as long as the table.
    Core {
        /// The size of a region in sectors: a power of two from 2 to 2^31, and at most the length of the mirror. It
        /// must be large enough that the mirror has at most 2^32 - 1 regions.
        region_size: Sectors,
        /// The state that all regions are assumed to have when the table is loaded. `None` means out of sync.
        sync: Option<LogSync>,
    },
    /// A log on a device.
    Disk {
        /// The device that holds the log.
        device: Device,
        /// The size of a region in sectors: a power of two from 2 to 2^31, and at most the length of the mirror. It
        /// must be large enough that the mirror has at most 2^32 - 1 regions.
        region_size: Sectors,
        /// The state that all regions are assumed to have at every resume of the device. `None` means the state that
        /// the log device stores; in a new log, all regions are out of sync.
        sync: Option<LogSync>,
    },
    /// A log that a log server in user space keeps, for example for mirrors that several machines share.
    Userspace {
        /// The name by which the server knows the log, at most 128 bytes.
        uuid: WordBuf,
        /// Sends each flush, together with the regions to mark as out of sync, in one request to the server.
        integrated_flush: bool,
        /// The arguments for the server: at least two words, or with `integrated_flush` at least one word.
        args: Vec<WordBuf>,
    },
    /// A log of a type that this crate does not know.
    Other {
        /// The type of the log.
        log_type: WordBuf,
        /// The arguments of the log.
        args: Vec<WordBuf>,
    },
}

keywords! {
    exact;
    /// The state that all regions are assumed to have, whatever the log records.
    pub enum LogSync {
        /// All regions are out of sync and are copied from the first leg to the others.
        Sync = "sync",
        /// All regions are in sync, and none is copied.
        NoSync = "nosync",
    }
}

impl MirrorLog {
    /// A log in memory with regions of `region_size` sectors.
    #[must_use]
    pub const fn core(region_size: Sectors) -> Self {
        Self::Core { region_size, sync: None }
    }

    /// A log on `device` with regions of `region_size` sectors.
    pub fn disk(device: impl Into<Device>, region_size: Sectors) -> Self {
        Self::Disk { device: device.into(), region_size, sync: None }
    }

    /// A log that the log server in user space knows as `uuid` and creates from `args`.
    pub fn userspace(uuid: WordBuf, args: impl IntoIterator<Item = WordBuf>) -> Self {
        Self::Userspace { uuid, integrated_flush: false, args: args.into_iter().collect() }
    }

    /// Assumes that all regions are out of sync. No effect unless the log is `Core` or `Disk`.
    #[must_use]
    pub fn sync(self) -> Self {
        self.with_sync(LogSync::Sync)
    }

    /// Assumes that all regions are in sync. No effect unless the log is `Core` or `Disk`.
    #[must_use]
    pub fn nosync(self) -> Self {
        self.with_sync(LogSync::NoSync)
    }

    fn with_sync(mut self, new: LogSync) -> Self {
        if let Self::Core { sync, .. } | Self::Disk { sync, .. } = &mut self {
            *sync = Some(new);
        }
        self
    }

    /// Sends each flush, together with the regions to mark as out of sync, in one request to the server. No effect
    /// unless the log is `Userspace`.
    #[must_use]
    pub fn integrated_flush(mut self) -> Self {
        if let Self::Userspace { integrated_flush, .. } = &mut self {
            *integrated_flush = true;
        }
        self
    }

    /// Removes what a log on a disk has recorded since it was first resumed.
    pub(super) fn remove_request(&mut self) {
        if let Self::Disk { sync, .. } = self {
            *sync = None;
        }
    }

    /// The log as it was requested, if it is on a disk and need not be synchronized for the request.
    pub(super) fn as_requested(&self, requested: &Self) -> Self {
        let mut log = self.clone();
        if let (Self::Disk { sync, .. }, Self::Disk { sync: wanted @ (None | Some(LogSync::NoSync)), .. }) =
            (&mut log, requested)
        {
            sync.clone_from(wanted);
        }
        log
    }

    pub(super) fn check(&self, length: Sectors) -> Result<(), InvalidField> {
        match self {
            Self::Core { region_size, .. } | Self::Disk { region_size, .. } => {
                REGION_SIZE.check(*region_size)?;
                let smallest = length.0.div_ceil(MAX_REGIONS).next_power_of_two().max(2);
                Limits::new(REGION_SIZE.field(), smallest, length.0).check(*region_size)
            }
            Self::Userspace { uuid, integrated_flush, args } => {
                UUID_LEN.check(uuid.len() as u64)?;
                let args = (args.len() as u64).saturating_add(1).saturating_add((*integrated_flush).into());
                USERSPACE_ARGS.check(args)
            }
            Self::Other { .. } => Ok(()),
        }
    }

    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let log_type: WordBuf = fields.read("log type")?;
        let limits = match log_type.as_str() {
            "core" => CORE_ARGS,
            "disk" => DISK_ARGS,
            "userspace" => USERSPACE_ARGS,
            _ => Limits::new(LOG_ARG_COUNT, 0, u64::MAX),
        };
        fields.clone().read_within::<u32>(&limits)?;
        let mut args = fields.read_group(LOG_ARG_COUNT)?;
        Ok(match log_type.as_str() {
            "core" => Self::Core { region_size: args.read_within(&REGION_SIZE)?, sync: args.read_optional("sync")? },
            "disk" => Self::Disk {
                device: args.read(LOG_DEVICE)?,
                region_size: args.read_within(&REGION_SIZE)?,
                sync: args.read_optional("sync")?,
            },
            "userspace" => {
                let uuid = args.read(UUID)?;
                let integrated_flush = args.peek().is_some_and(|word| word.is(INTEGRATED_FLUSH));
                if integrated_flush {
                    args.next_word();
                }
                Self::Userspace { uuid, integrated_flush, args: args.read_rest("log argument")? }
            }
            _ => Self::Other { log_type, args: args.read_rest("log argument")? },
        })
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        match self {
            Self::Core { region_size, sync } => {
                out.word("core").group(|out| {
                    out.put(region_size).all(sync);
                });
            }
            Self::Disk { device, region_size, sync } => {
                out.word("disk").group(|out| {
                    out.put(device).put(region_size).all(sync);
                });
            }
            Self::Userspace { uuid, integrated_flush, args } => {
                out.word("userspace").group(|out| {
                    out.put(uuid);
                    Flag(INTEGRATED_FLUSH).print(integrated_flush, out);
                    out.all(args);
                });
            }
            Self::Other { log_type, args } => {
                out.put(log_type).group(|out| {
                    out.all(args);
                });
            }
        }
    }
}

keywords! {
    exact;
    /// The state of the device that holds a log.
    pub enum LogHealth {
        /// No request has failed.
        Alive = "A",
        /// A request has failed.
        Dead = "D",
        /// A flush has failed.
        FlushFailed = "F",
    }
}

/// The log's part of the status of a `mirror` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum MirrorLogStatus {
    /// A log in memory, which cannot fail.
    Core,
    /// A log on a device.
    Disk {
        /// The device that holds the log.
        device: DeviceNumber,
        /// Whether requests to the device have failed.
        health: LogHealth,
    },
    /// The log server in user space did not return a status.
    CommunicationFailure,
    /// The reply of the log server, or words of a later kernel.
    Other(Vec<WordBuf>),
}

const CORE_STATUS: &str = "1 core";
const COM_FAILURE: &str = "userspace 1 COM_FAILURE";

impl MirrorLogStatus {
    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.take_all(CORE_STATUS) {
            return Ok(Self::Core);
        }
        if fields.take_all(COM_FAILURE) {
            return Ok(Self::CommunicationFailure);
        }
        let mut ahead = fields.clone();
        let starts = [ahead.next_word(), ahead.next_word()].map(|word| word.map_or("", |word| word.spelling()));
        if starts != ["3", "disk"] {
            return fields.read_rest("log status").map(Self::Other);
        }
        *fields = ahead;
        Ok(Self::Disk { device: fields.read(LOG_DEVICE)?, health: fields.read("log health")? })
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        match self {
            MirrorLogStatus::Core => out.word(CORE_STATUS),
            MirrorLogStatus::Disk { device, health } => out.word("3 disk").put(device).put(health),
            MirrorLogStatus::CommunicationFailure => out.word(COM_FAILURE),
            MirrorLogStatus::Other(words) => out.all(words),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{MirrorLeg, MirrorTable};
    use crate::{Mirror, Target};

    #[test]
    fn log_arguments_are_as_many_as_counted() {
        let refusal = |text| Mirror::parse_table(text).unwrap_err().to_string();
        let count = "mirror table: word 2, log argument count,";
        assert_eq!(refusal("core 0 2 8:0 0 8:16 0"), format!("{count} must be from 1 to 2"));
        assert_eq!(refusal("disk 4 8:32 1024 sync 2 2 8:0 0 8:16 0"), format!("{count} must be from 2 to 3"));
        assert_eq!(refusal("userspace 2 id clustered-core 2 8:0 0 8:16 0"), format!("{count} must be at least 3"));
        assert_eq!(refusal("disk 3 8:32 1024"), format!("{count} counts 3 words, but 2 follow"));
    }

    #[test]
    fn a_userspace_log_without_arguments_is_refused() {
        let check = |uuid: &str, args: &[WordBuf]| {
            let log = MirrorLog::userspace(WordBuf::new(uuid).unwrap(), args.iter().cloned());
            Mirror::check(
                &MirrorTable::new(log, [0, 16].map(|minor| MirrorLeg::new(DeviceNumber::new(8, minor), Sectors(0)))),
                Sectors(65536),
            )
        };
        let args = ["clustered-core", "1024"].map(|word| WordBuf::new(word).unwrap());
        assert_eq!(check("id", &args), Ok(()));
        assert_eq!(check("id", &args[..1]).unwrap_err().to_string(), "log argument count must be at least 3");
        assert_eq!(check(&"x".repeat(128), &args), Ok(()));
        assert_eq!(
            check(&"x".repeat(129), &args).unwrap_err().to_string(),
            "length of the log uuid must be from 1 to 128"
        );
    }

    #[test]
    fn a_mirror_has_less_than_2_to_the_32_regions() {
        let check = |log: &str, length| {
            let table = Mirror::parse_table(&format!("{log} 2 8:0 0 8:16 0")).unwrap();
            Mirror::check(&table, Sectors(length)).map_err(|refusal| refusal.to_string())
        };
        let most = u64::from(u32::MAX);
        for log in ["core 1 2", "disk 2 8:32 2"] {
            assert_eq!(check(log, 2 * most), Ok(()), "{log}");
            let refusal = check(log, 2 * most + 1).unwrap_err();
            assert!(refusal.starts_with("region size must be from 4 to"), "{refusal}");
        }
        assert_eq!(check("core 1 4", 2 * most + 1), Ok(()));
    }

    #[test]
    fn options_of_logs_go_where_they_belong() {
        let uuid = WordBuf::new("id").unwrap();
        let log = MirrorLog::userspace(uuid.clone(), [uuid]);
        assert_eq!(log.clone().nosync(), log);
        assert_ne!(log.clone().integrated_flush(), log);
        assert_eq!(MirrorLog::core(Sectors(8)).integrated_flush(), MirrorLog::core(Sectors(8)));
        assert!(matches!(MirrorLog::core(Sectors(8)).sync(), MirrorLog::Core { sync: Some(LogSync::Sync), .. }));
    }

    #[test]
    fn what_a_log_on_a_disk_records_is_neither_repeated_nor_compared() {
        let table = |log: &str| Mirror::parse_table(&format!("{log} 2 8:0 0 8:16 0")).unwrap();
        let rest = |log: &str| {
            let mut table = table(log);
            Mirror::remove_requests(&mut table);
            table
        };
        let [sync, nosync, plain] = ["disk 3 8:32 8 sync", "disk 3 8:32 8 nosync", "disk 2 8:32 8"];
        assert_eq!([rest(sync), rest(nosync)], [plain, plain].map(table));
        assert_eq!(rest("core 2 8 nosync"), table("core 2 8 nosync"), "a log in memory records nothing");

        let differs = |wanted: &str, printed: &str| Mirror::difference(&table(wanted), &table(printed)).is_some();
        for printed in [sync, nosync, plain] {
            assert_eq!([plain, nosync, sync].map(|wanted| differs(wanted, printed)), [false, false, printed != sync]);
        }
        assert!(differs(nosync, "disk 3 8:32 16 nosync") && differs("core 2 8 nosync", "core 1 8"));
    }

    #[test]
    fn any_words_of_the_log_server_are_kept() {
        let status = |text: &str| Mirror::parse_status(text).unwrap().log;
        let start = "2 8:0 8:16 1/64 1 AA";
        assert_eq!(status(&format!("{start} {COM_FAILURE}")), MirrorLogStatus::CommunicationFailure);
        assert_eq!(status(start), MirrorLogStatus::Other(Vec::new()));
        assert_eq!(status(&format!("{start} 1\t core")), MirrorLogStatus::Core);
        assert!(
            matches!(status(&format!("{start} 1 clustered-core")), MirrorLogStatus::Other(words) if words.len() == 2)
        );
        assert_eq!(
            Mirror::parse_status(&format!("{start} 3 disk 8:32")).unwrap_err().to_string(),
            "mirror status: word 10, log health, is missing"
        );
    }
}
