//! The status of a `snapshot` or `snapshot-merge` target.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf, Work, WorkKind};

/// How full the store of a `snapshot` or `snapshot-merge` target is, or why it cannot be used.
///
/// ```
/// use dm_targets::snapshot::SnapshotStatus;
/// use dm_targets::{Snapshot, Target};
/// use dm_units::Sectors;
///
/// let SnapshotStatus::Valid { space, .. } = Snapshot::parse_status("32/131072 16")? else { return Ok(()) };
/// assert_eq!((space.used, space.total), (Sectors(32), Sectors(131072)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SnapshotStatus {
    /// The snapshot is valid.
    Valid {
        /// The used and total sectors of the COW device.
        space: Usage<Sectors>,
        /// The number of used sectors that hold the metadata of the exception store.
        metadata: Sectors,
        /// Words after the known ones, which a later kernel may print.
        #[cfg_attr(feature = "serde", serde(default))]
        extra: Vec<WordBuf>,
    },
    /// The snapshot is lost: a chunk could not be copied, or there was no space or memory for it. With the store type
    /// `PO`, a full store can lead to [`Overflow`](Self::Overflow) instead.
    Invalid,
    /// An error stopped the merge. Writes that waited for the merge failed; other I/O continues. Suspending and
    /// resuming the device tries the merge again, but the status stays the same until the table is replaced.
    MergeFailed,
    /// A store of the type [`PersistentOverflow`](super::SnapshotStore::PersistentOverflow) became full. A `snapshot`
    /// is then read-only. It becomes [`Invalid`](Self::Invalid) if there is no space to preserve a chunk of the origin.
    Overflow,
    /// The exception store cannot report how much space it uses.
    Unknown,
}

impl SnapshotStatus {
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Valid { space, .. } => Health { data: Some(space.numbers()), ..Health::default() }
                .concern(Concern::OutOfDataSpace, space.is_full()),
            Self::Invalid => Health::only(Concern::Invalid),
            Self::Overflow => Health::only(Concern::OutOfDataSpace).concern(Concern::ReadOnly, true),
            Self::MergeFailed => Health { repairs: 1, ..Health::only(Concern::Disabled) },
            Self::Unknown => Health::only(Concern::NoFigures),
        }
    }

    /// The health of a `snapshot-merge` target. It is good even if the store is full, because merging frees space.
    pub(super) fn merge_health(&self) -> Health {
        match self {
            Self::Valid { space, .. } => {
                let work = (!self.is_merged()).then_some(Work::new(WorkKind::Merge, None));
                Health { data: Some(space.numbers()), work, ..Health::default() }
            }
            // It was full as a `snapshot`. A merge needs no free space in the store.
            Self::Overflow => Health { work: Some(Work::new(WorkKind::Merge, None)), ..Health::default() },
            _ => self.health(),
        }
    }

    /// Returns whether the store holds only metadata: all chunks have been merged, or no chunk was ever stored.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        matches!(self, Self::Valid { space, metadata, .. } if space.used == *metadata)
    }
}

impl Params for SnapshotStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let specials = [
            ("Invalid", Self::Invalid),
            ("Merge failed", Self::MergeFailed),
            ("Overflow", Self::Overflow),
            ("Unknown", Self::Unknown),
        ];
        for (text, status) in specials {
            if fields.take_all(text) {
                return Ok(status);
            }
        }
        Ok(Self::Valid {
            space: fields.read("allocated/total sectors")?,
            metadata: fields.read("metadata sectors")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for SnapshotStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid { space, metadata, extra } => Printer::printed(f).put(space).put(metadata).all(extra).end(),
            Self::Invalid => f.write_str("Invalid"),
            Self::MergeFailed => f.write_str("Merge failed"),
            Self::Overflow => f.write_str("Overflow"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}
