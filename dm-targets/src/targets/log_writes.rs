//! `log-writes`: logs writes to a second device, so that you can replay them up to any entry of the log.
//!
//! ```text
//! table   = <device> <log_device>
//! status  = <logged> <highest> [logging_disabled]
//! message = mark <text>
//! ```
//!
//! | word | type | unit |
//! |---|---|---|
//! | device, log_device | [`Device`] | |
//! | logged | `u64` | entries in the log |
//! | highest | [`Sectors`] | last allocated sector of the log device |
//! | text | [`WordBuf`] | one word |
//!
//! Logging stops if the log device is full or fails, or if memory runs out, and starts again only when the table is
//! loaded again. The kernel truncates a mark to the logical block size of `device` minus 33 bytes. Words after the two
//! devices are ignored.
//!
//! Kernel: `log_writes_ctr`, `log_writes_status` and `log_writes_message` in `drivers/md/dm-log-writes.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::{Concern, Device, Fields, Health, Message, NoReply, Params, ParseError, Printer, Problem, Target, WordBuf};

const LOGGING_DISABLED: &str = "logging_disabled";

/// The `log-writes` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogWrites {}

impl Target for LogWrites {
    const TYPE: &'static str = "log-writes";
    type Table = LogWritesTable;
    type Status = LogWritesStatus;
    type Message = LogWritesMessage;

    fn health(status: &LogWritesStatus) -> Health {
        Health::default().concern(Concern::Disabled, status.logging_disabled)
    }
}

/// The arguments of a `log-writes` target: the device that is mapped, and the device for the log.
///
/// ```
/// use dm_targets::log_writes::LogWritesTable;
/// use dm_targets::{LogWrites, Target};
/// use dm_units::DeviceNumber;
///
/// let table = LogWritesTable::new(DeviceNumber::new(254, 0), DeviceNumber::new(254, 16));
/// assert_eq!(table.to_string(), "254:0 254:16");
/// assert_eq!(LogWrites::parse_table("254:0 254:16")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogWritesTable {
    /// The device that is mapped. Sector `n` of the mapped device is always sector `n` of this device, even if the line
    /// does not start at sector 0.
    pub device: Device,
    /// The device that holds the log. The log starts at sector 0 and overwrites the contents of the device.
    pub log_device: Device,
}

impl LogWritesTable {
    /// Maps `device` and logs its writes to `log_device`.
    pub fn new(device: impl Into<Device>, log_device: impl Into<Device>) -> Self {
        Self { device: device.into(), log_device: log_device.into() }
    }
}

impl Params for LogWritesTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (device, log_device) = (fields.read("device")?, fields.read("log device")?);
        fields.ignore_rest_of_input()?;
        Ok(Self { device, log_device })
    }
}

impl fmt::Display for LogWritesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.device).put(&self.log_device).end()
    }
}

/// The status of a `log-writes` target: how much it has logged, and whether it still logs.
///
/// ```
/// use dm_targets::{LogWrites, Target};
/// use dm_units::Sectors;
///
/// let status = LogWrites::parse_status("7 96")?;
/// assert_eq!((status.logged_entries, status.highest_sector), (7, Sectors(96)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LogWritesStatus {
    /// The number of entries in the log.
    pub logged_entries: u64,
    /// The last sector of the log device that was allocated to the log. Once the log is full, this sector can lie
    /// beyond the end of the log device.
    pub highest_sector: Sectors,
    /// Whether logging has stopped because the log device is full or has failed, or because memory ran out.
    pub logging_disabled: bool,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for LogWritesStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let logged_entries = fields.read("logged entries")?;
        let highest_sector = fields.read("highest allocated sector")?;
        let logging_disabled = fields.peek().is_some_and(|word| word.spelling() == LOGGING_DISABLED);
        if logging_disabled {
            fields.read_literal("logging", LOGGING_DISABLED)?;
        }
        Ok(Self { logged_entries, highest_sector, logging_disabled, extra: fields.read_rest("extra")? })
    }
}

impl fmt::Display for LogWritesStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.logged_entries).put(&self.highest_sector);
        if self.logging_disabled {
            out.word(LOGGING_DISABLED);
        }
        out.all(&self.extra).end()
    }
}

/// A message to a `log-writes` target: adds a mark to the log.
///
/// ```
/// use dm_targets::WordBuf;
/// use dm_targets::log_writes::LogWritesMessage;
///
/// let message = LogWritesMessage::Mark(WordBuf::new("after mkfs")?);
/// assert_eq!(message.to_string(), r"mark after\ mkfs");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogWritesMessage {
    /// Adds a mark to the log. A replay can stop at the mark.
    Mark(WordBuf),
}

impl Message for LogWritesMessage {
    type Reply = NoReply;
}

impl Params for LogWritesMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        if !name.is("mark") {
            return Err(fields.error("message", Problem::Unknown));
        }
        Ok(Self::Mark(fields.read("mark")?))
    }
}

impl fmt::Display for LogWritesMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark(text) => Printer::new(f).word("mark").put(text).end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_shows_whether_logging_is_disabled() {
        let disabled = |text| LogWrites::parse_status(text).unwrap().logging_disabled;
        assert!(!disabled("1 1"));
        assert!(disabled("812 9027 logging_disabled"));
        let status = LogWrites::parse_status("1 1 new words").unwrap();
        assert_eq!(status.to_string(), "1 1 new words");
    }

    #[test]
    fn a_mark_is_one_word() {
        let error = |text| LogWrites::parse_message(text).unwrap_err().to_string();
        assert_eq!(error("mark"), "log-writes message: word 2, mark, is missing");
        assert_eq!(error("mark one two"), "log-writes message: word 3 is one word too many");
        assert_eq!(error("park here"), "log-writes message: word 1, message, is not known");
    }
}
