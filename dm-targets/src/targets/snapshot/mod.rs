//! `snapshot`, `snapshot-merge` and `snapshot-origin`: preserve the contents of a device by copying chunks before they
//! change.
//!
//! ```text
//! snapshot, snapshot-merge
//!   table   = <origin> <cow> <store> <chunk_size> [<#features> {<feature>} {<ignored>}]
//!   store   = P | PO | N
//!   feature = discard_zeroes_cow | discard_passdown_origin
//!   status  = <allocated>/<total> <metadata>
//!           | Invalid | Merge failed | Overflow | Unknown
//! snapshot-origin
//!   table   = <origin>
//!   status  =
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | origin, cow | [`Device`](crate::Device) | | two different devices |
//! | chunk_size | [`Sectors`] | sectors | a power of two, at most 2097152, and a multiple of both devices' block sizes; or 0, except for `N` |
//! | #features | count | words | at most 2; not printed by the kernel if 0 |
//! | allocated, total, metadata | [`Sectors`] | sectors of the COW device | `allocated` includes `metadata` |
//!
//! The COW (copy-on-write) device holds the exception store: the chunks that were preserved or written to the snapshot.
//! A `snapshot-merge` copies a persistent store back into its origin. The merge is complete when `allocated` equals
//! `metadata`.
//!
//! An existing persistent store keeps the chunk size that is stored on disk, regardless of the table. For a new store,
//! 0 means 32 sectors or the COW device's block size, whichever is larger. The kernel prints the size in effect, or 0
//! for a table that waits to take over the store of an active snapshot. [`difference`](Target::difference) therefore
//! compares chunk sizes for transient stores only.
//!
//! None of these targets takes messages.
//!
//! Kernel: `snapshot_ctr`, `snapshot_status` and `origin_ctr` in `drivers/md/dm-snap.c`, `dm_exception_store_create` in
//! `drivers/md/dm-exception-store.c`.

mod origin;
mod status;
mod table;

pub use origin::SnapshotOriginTable;
pub use status::SnapshotStatus;
pub use table::{SnapshotFeatures, SnapshotMergeTable, SnapshotStore, SnapshotTable};

use dm_units::{Sectors, Version};

use crate::{Feature, Health, InvalidField, NoMessage, NoStatus, Problem, TableDifference, Target};

const ORIGIN: &str = "origin device";
const STORE: &str = "exception store type";

/// The `snapshot` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {}

impl Target for Snapshot {
    const TYPE: &'static str = "snapshot";
    type Table = SnapshotTable;
    type Status = SnapshotStatus;
    type Message = NoMessage;

    /// The features of a table and the store type `PO`, with the first target version that supports them.
    const FEATURES: &'static [Feature] = SnapshotFeatures::FEATURES;

    fn check(table: &SnapshotTable, _length: Sectors) -> Result<(), InvalidField> {
        table.check()
    }

    fn difference(one: &SnapshotTable, other: &SnapshotTable) -> Option<TableDifference> {
        one.difference(other)
    }

    fn health(status: &SnapshotStatus) -> Health {
        status.health()
    }
}

/// The `snapshot-merge` target as a type parameter. The trait [`Target`] has the functions that parse its table, status
/// and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMerge {}

impl Target for SnapshotMerge {
    const TYPE: &'static str = "snapshot-merge";
    type Table = SnapshotMergeTable;
    type Status = SnapshotStatus;
    type Message = NoMessage;

    /// The features of a table and the store type `PO`, with the first target version that supports them.
    const FEATURES: &'static [Feature] = &[
        Feature { name: "PO", since: Version::new(1, 4, 0) },
        Feature { name: "discard_zeroes_cow", since: Version::new(1, 5, 0) },
        Feature { name: "discard_passdown_origin", since: Version::new(1, 5, 0) },
    ];

    fn check(SnapshotMergeTable(table): &SnapshotMergeTable, _length: Sectors) -> Result<(), InvalidField> {
        table.check()?;
        if table.store.reads_as() == Some(SnapshotStore::Transient) {
            return Err(InvalidField::new(STORE, Problem::Expected("P or PO: only a persistent store can be merged")));
        }
        Ok(())
    }

    fn difference(one: &SnapshotMergeTable, other: &SnapshotMergeTable) -> Option<TableDifference> {
        one.0.difference(&other.0)
    }

    fn health(status: &SnapshotStatus) -> Health {
        status.merge_health()
    }
}

/// The `snapshot-origin` target as a type parameter. The trait [`Target`] has the functions that parse its table,
/// status and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOrigin {}

impl Target for SnapshotOrigin {
    const TYPE: &'static str = "snapshot-origin";
    type Table = SnapshotOriginTable;
    type Status = NoStatus;
    type Message = NoMessage;
}

#[cfg(test)]
mod tests;
