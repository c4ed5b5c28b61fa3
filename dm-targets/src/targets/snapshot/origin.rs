//! The table of a device that snapshots are taken of.

use core::fmt;

use super::ORIGIN;
use crate::{Device, Fields, Params, ParseError, Printer};

/// The table of a `snapshot-origin` target: what is written to the device is copied to its snapshots first.
///
/// ```
/// use dm_targets::snapshot::SnapshotOriginTable;
/// use dm_units::DeviceNumber;
///
/// assert_eq!(SnapshotOriginTable::new(DeviceNumber::new(254, 0)).to_string(), "254:0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SnapshotOriginTable {
    /// The device, as the tables of its snapshots name it.
    pub origin: Device,
}

impl SnapshotOriginTable {
    /// The origin of the snapshots of `origin`.
    pub fn new(origin: impl Into<Device>) -> Self {
        Self { origin: origin.into() }
    }
}

impl Params for SnapshotOriginTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self { origin: fields.read(ORIGIN)? })
    }
}

impl fmt::Display for SnapshotOriginTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.origin).end()
    }
}
