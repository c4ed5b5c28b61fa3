//! `error`: fails every read, write and discard.
//!
//! ```text
//! table  = [<device> <start>]
//! ```
//!
//! If there are exactly two words, version 1.7.0 and later opens the device and takes over its properties, such as its
//! zones. The start is in sectors. If there is any other number of words, the kernel ignores them. Earlier versions
//! ignore all words. The kernel always prints an empty table.
//!
//! The status is empty, and the target takes no messages. A table with an `error` line can replace the active table of
//! an immutable target, such as `thin-pool`. Otherwise only a table of the same target can.
//!
//! Kernel: `io_err_ctr` and `io_err_get_args` in `drivers/md/dm-target.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{Sectors, Version};

use crate::{
    Comparison, Device, Feature, Fields, NoMessage, NoStatus, Params, ParseError, Printer, TableDifference, Target,
    WordBuf,
};

/// The `error` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorTarget {}

impl Target for ErrorTarget {
    const TYPE: &'static str = "error";
    type Table = ErrorTable;
    type Status = NoStatus;
    type Message = NoMessage;

    const FEATURES: &'static [Feature] = &[Feature { name: "device", since: Version::new(1, 7, 0) }];

    /// Compares two tables; see [`Target::difference`]. An empty table equals every other table, because the kernel
    /// prints every `error` table as empty.
    fn difference(one: &ErrorTable, other: &ErrorTable) -> Option<TableDifference> {
        let is_printed = [one, other].contains(&&ErrorTable::default());
        Comparison::new(one, other).layout("table", |table| table).result().filter(|_| !is_printed)
    }
}

/// The arguments of an `error` target: none, or a device whose properties the target takes over.
///
/// ```
/// use dm_targets::error::ErrorTable;
/// use dm_targets::{ErrorTarget, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// assert_eq!(ErrorTable::new().to_string(), "");
/// let table = ErrorTable::new().like(DeviceNumber::new(254, 0), Sectors(8));
/// assert_eq!(ErrorTarget::parse_table("254:0 8")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ErrorTable {
    /// The device whose properties the target takes over, and a start sector on this device. Versions before 1.7.0
    /// ignore both. `None` for a plain `error` target.
    pub device: Option<(Device, Sectors)>,
    /// Words that the kernel ignores; exactly two would be a device and a start.
    extra: Vec<WordBuf>,
}

impl ErrorTable {
    /// A plain `error` target, which needs no device.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over the properties, such as the zones, of `device` from sector `start` on.
    #[must_use]
    pub fn like(self, device: impl Into<Device>, start: Sectors) -> Self {
        Self { device: Some((device.into(), start)), ..self }
    }
}

impl Params for ErrorTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.is_empty() {
            return Ok(Self::new());
        }
        let mut ahead = fields.clone();
        let words = core::iter::from_fn(|| ahead.next_word()).count();
        if words != 2 {
            return Ok(Self { device: None, extra: fields.read_rest("ignored words")? });
        }
        let device = Some((fields.read("device")?, fields.read("start")?));
        Ok(Self { device, extra: Vec::new() })
    }
}

impl fmt::Display for ErrorTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        if let Some((device, start)) = &self.device {
            out.put(device).put(start);
        }
        out.all(&self.extra).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_a_device_and_any_others_are_ignored() {
        let table = ErrorTarget::parse_table("254:0 8").unwrap();
        assert!(table.device.is_some());
        let error = ErrorTarget::parse_table("254:0 x").unwrap_err();
        assert_eq!(error.to_string(), "error table: word 2, start, must be a decimal number");

        for ignored in ["254:0", "254:0 8 x"] {
            let table = ErrorTarget::parse_table(ignored).unwrap();
            assert_eq!(table.device, None);
            assert_eq!(table.to_string(), ignored);
        }
    }

    #[test]
    fn version_1_7_brought_the_device() {
        assert_eq!(ErrorTarget::has_feature("device", Version::new(1, 6, 0)), Some(false));
        assert_eq!(ErrorTarget::has_feature("device", Version::new(1, 7, 0)), Some(true));
        assert_eq!(ErrorTarget::has_feature("door", Version::new(1, 7, 0)), None);
    }
}
