//! The tables of `snapshot` and `snapshot-merge` targets.

use core::fmt;

use dm_units::Sectors;

use super::{ORIGIN, STORE};
use crate::option::keywords::keywords;
use crate::option::{Flag, OptionGroup, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Fields, InvalidField, Limits, Params, ParseError, Printer, Problem, TableDifference, WordBuf,
};

const COW: &str = "COW device";
const CHUNK_SIZE: Limits = Limits::new("chunk size", 1, i32::MAX as u64 >> 9).power_of_two();

keywords! {
    exact;
    /// The type of the exception store on the COW device, which holds the preserved chunks.
    ///
    /// The kernel prints these words. Its constructor accepts more spellings: it reads only the first letter, or the
    /// first two letters if the first is `P`, and ignores case. Other spellings are parsed as `Other`.
    pub enum SnapshotStore {
        /// Stores chunks and metadata on the COW device, so that the snapshot survives deactivation.
        Persistent = "P",
        /// The same as [`Persistent`](Self::Persistent), except that the status becomes `Overflow` instead of `Invalid`
        /// when a write to the snapshot finds the COW device full.
        PersistentOverflow = "PO",
        /// Stores chunks on the COW device, but metadata in memory, so that the snapshot is lost when the device is
        /// removed.
        Transient = "N",
    }
}

impl SnapshotStore {
    /// The store type that the constructor understands from the word; `None` if it refuses the word.
    pub(super) fn reads_as(&self) -> Option<Self> {
        let mut letters = self.as_str().bytes().map(|byte| byte.to_ascii_uppercase());
        match (letters.next(), letters.next()) {
            (Some(b'N'), _) => Some(Self::Transient),
            (Some(b'P'), None) => Some(Self::Persistent),
            (Some(b'P'), Some(b'O')) => Some(Self::PersistentOverflow),
            _ => None,
        }
    }
}

options! {
    /// How a snapshot handles discards. Without these features, it accepts no discards.
    ///
    /// [`FEATURES`](Self::FEATURES) also has the store type `PO`, with the first version of the `snapshot` target that
    /// supports it.
    pub struct SnapshotFeatures for SnapshotTable.features {
        /// Makes the snapshot accept discards if both the origin and the COW device support them. A discard of a whole
        /// chunk zeroes this chunk on the COW device. A discard of a part of a chunk is passed to the COW device.
        /// Neither has an effect if the chunk is not on the COW device.
        ///
        /// Linux 6.13 to at least 7.2 crashes with a division by zero when it loads a table with this option, if the
        /// chunks have fewer than 512 sectors and the origin or the COW device supports discards. `snapshot_io_hints`
        /// in `drivers/md/dm-snap.c` passes the chunk size in sectors instead of bytes, and
        /// `queue_limit_discard_alignment` in `block/blk-settings.c` no longer checks its divisor.
        discard_zeroes_cow(): bool = Flag("discard_zeroes_cow"), since (1, 16, 0);
        /// Also passes every discard to the origin. **This destroys data of the origin without first copying it to the
        /// snapshots.** Requires `discard_zeroes_cow`.
        discard_passdown_origin(): bool = Flag("discard_passdown_origin"), since (1, 16, 0);
    }
    other {
        /// Features that this crate does not know; they are printed after the others.
        other_features: WordBuf = "feature";
    }
    case: Any;
    count: LeftOut, Limits::new("number of features", 0, 2);
    features: "PO" since (1, 15, 0);
}

fn check_features(features: &SnapshotFeatures) -> Result<(), InvalidField> {
    if features.discard_passdown_origin && !features.discard_zeroes_cow {
        let problem = Problem::Expected("given together with discard_zeroes_cow");
        return Err(InvalidField::new("discard_passdown_origin", problem));
    }
    features.check()
}

/// The arguments of a `snapshot` target: its origin, and how and where it stores chunks.
///
/// ```
/// use dm_targets::snapshot::{SnapshotStore, SnapshotTable};
/// use dm_targets::{Snapshot, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [origin, cow] = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 32)];
/// let table = SnapshotTable::new(origin, cow, SnapshotStore::Persistent, Sectors(512)).discard_zeroes_cow();
/// assert_eq!(table.to_string(), "254:0 254:32 P 512 1 discard_zeroes_cow");
/// assert_eq!(Snapshot::parse_table("254:0 254:32 P 512 1 discard_zeroes_cow")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SnapshotTable {
    /// The device whose contents the snapshot preserves.
    pub origin: Device,
    /// The COW (copy-on-write) device, which holds chunks that were preserved or written to the snapshot.
    pub cow: Device,
    /// The type of the exception store.
    pub store: SnapshotStore,
    /// The number of sectors that are copied together: a power of two, at most 2097152. For a persistent store, 0 means
    /// the default. An existing persistent store keeps the size stored on disk.
    pub chunk_size: Sectors,
    /// How discards are handled.
    pub features: SnapshotFeatures,
    spelling: Spelling,
}

impl SnapshotTable {
    /// A snapshot of `origin` without features.
    ///
    /// The values are not checked; [`Snapshot::check`](crate::Target::check) does that.
    pub fn new(origin: impl Into<Device>, cow: impl Into<Device>, store: SnapshotStore, chunk_size: Sectors) -> Self {
        let (features, spelling) = (SnapshotFeatures::default(), Spelling::default());
        Self { origin: origin.into(), cow: cow.into(), store, chunk_size, features, spelling }
    }

    /// Compares with the table that a kernel printed. A persistent store has the chunk size that it was created with, which
    /// the kernel prints instead of the requested size.
    pub(super) fn difference(&self, other: &Self) -> Option<TableDifference> {
        let [one, other] = [self, other].map(Self::as_compared);
        Comparison::new(&one, &other)
            .layout("origin", |table| &table.origin)
            .layout("COW device", |table| &table.cow)
            .layout("store", |table| &table.store)
            .layout("chunk size", |table| &table.chunk_size)
            .tunable("features", |table| &table.features)
            .result()
    }

    /// With the type of the store as the kernel prints it, and without the chunk size of a persistent store.
    fn as_compared(&self) -> Self {
        let mut table = self.clone();
        table.store = table.store.reads_as().unwrap_or(table.store);
        if table.store != SnapshotStore::Transient {
            table.chunk_size = Sectors(0);
        }
        table
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        check_devices(&self.origin, &self.cow)?;
        let Some(store) = self.store.reads_as() else {
            return Err(InvalidField::new(STORE, Problem::Expected("P, PO or N")));
        };
        if self.chunk_size != Sectors(0) || store == SnapshotStore::Transient {
            CHUNK_SIZE.check(self.chunk_size)?;
        }
        check_features(&self.features)
    }
}

fn check_devices(origin: &Device, cow: &Device) -> Result<(), InvalidField> {
    if origin == cow {
        return Err(InvalidField::new(COW, Problem::SameAs(ORIGIN)));
    }
    Ok(())
}

impl Spelled for SnapshotTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (origin, cow): (Device, Device) = (fields.read(ORIGIN)?, fields.read(COW)?);
        check_devices(&origin, &cow).map_err(|invalid| fields.blame(invalid))?;
        let (store, chunk_size) = (fields.read(STORE)?, fields.read(CHUNK_SIZE.field())?);
        if chunk_size != Sectors(0) {
            CHUNK_SIZE.check(chunk_size).map_err(|invalid| fields.blame(invalid))?;
        }
        let features = fields.read_options_then(check_features)?;
        fields.ignore_rest()?;
        Ok(Self { origin, cow, store, chunk_size, features, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { origin, cow, store, chunk_size, features, spelling: _ } = self;
        out.put(origin).put(cow).put(store).put(chunk_size).options(features);
    }
}

spelled!(SnapshotTable);

/// The arguments of a `snapshot-merge` target: the same as those of the snapshot that it replaces.
///
/// ```
/// use dm_targets::snapshot::{SnapshotMergeTable, SnapshotStore, SnapshotTable};
/// use dm_targets::{SnapshotMerge, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [origin, cow] = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 32)];
/// let snapshot = SnapshotTable::new(origin, cow, SnapshotStore::Persistent, Sectors(16));
/// let merge = SnapshotMergeTable::from(snapshot);
/// assert_eq!(merge.to_string(), "254:0 254:32 P 16");
/// assert_eq!(SnapshotMerge::parse_table("254:0 254:32 P 16")?, merge);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotMergeTable(pub SnapshotTable);

impl From<SnapshotTable> for SnapshotMergeTable {
    fn from(snapshot: SnapshotTable) -> Self {
        Self(snapshot)
    }
}

impl Params for SnapshotMergeTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        SnapshotTable::parse(fields).map(Self)
    }
}

impl fmt::Display for SnapshotMergeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
