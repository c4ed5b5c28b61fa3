//! The table of a `snapshot-origin` target.

use core::fmt;

use super::ORIGIN;
use crate::{Device, Fields, Params, ParseError, Printer};

/// The argument of a `snapshot-origin` target: the origin. The target copies a chunk of the origin to the snapshots
/// before the chunk is overwritten.
///
/// ```
/// use dm_targets::snapshot::SnapshotOriginTable;
/// use dm_targets::{SnapshotOrigin, Target};
/// use dm_units::DeviceNumber;
///
/// let table = SnapshotOriginTable::new(DeviceNumber::new(254, 0));
/// assert_eq!(table.to_string(), "254:0");
/// assert_eq!(SnapshotOrigin::parse_table("254:0")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SnapshotOriginTable {
    /// The same device as the origin in the tables of the snapshots.
    pub origin: Device,
}

impl SnapshotOriginTable {
    /// Maps `origin`, and preserves the chunks of `origin` for its snapshots.
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
