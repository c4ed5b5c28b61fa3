//! `snapshot`, `snapshot-merge` and `snapshot-origin`: a device as it was, by copying what is overwritten.
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
//! | origin, cow | [`Device`] | | not the same |
//! | chunk_size | [`Sectors`] | sectors | a power of two of at most 2097152, a multiple of both devices' block sizes |
//! | #features | count | words | at most 2; left out by the kernel where there are none |
//! | allocated, total, metadata | [`Sectors`] | sectors of the COW device | metadata is part of allocated |
//!
//! A chunk size of 0 stands for the one that a persistent store has on disk, or 32 for a new one; the kernel prints the
//! size in effect, but 0 for a table that waits to take over the store of an active one. A `snapshot-merge` copies the
//! store back into its origin, which needs a persistent store; it is complete when allocated and metadata are equal.
//!
//! None of them takes messages.
//!
//! Kernel: `snapshot_ctr`, `snapshot_status` and `origin_ctr` in `drivers/md/dm-snap.c`, `dm_exception_store_create` in
//! `drivers/md/dm-exception-store.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::flags::{Flag, flags};
use crate::keywords::keywords;
use crate::{
    Concern, Device, Feature, Fields, Health, InvalidField, Limits, NoMessage, NoStatus, Params, ParseError, Printer,
    Problem, Target, Usage, WordBuf,
};

const ORIGIN: &str = "origin device";
const COW: &str = "COW device";
const STORE: &str = "exception store type";
const CHUNK_SIZE: Limits = Limits::new("chunk size", 1, i32::MAX as u64 >> 9).power_of_two();
const FEATURE_COUNT: Limits = Limits::new("number of features", 0, 2);

const FLAGS: [Flag<SnapshotTable>; 2] = flags![discard_zeroes_cow, discard_passdown_origin];

/// The `snapshot` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {}

impl Target for Snapshot {
    const TYPE: &'static str = "snapshot";
    type Table = SnapshotTable;
    type Status = SnapshotStatus;
    type Message = NoMessage;

    const FEATURES: &'static [Feature] = &[
        Feature { name: "PO", since: (1, 15, 0) },
        Feature { name: "discard_zeroes_cow", since: (1, 16, 0) },
        Feature { name: "discard_passdown_origin", since: (1, 16, 0) },
    ];

    fn check(table: &SnapshotTable, _: Sectors) -> Result<(), InvalidField> {
        table.check()
    }

    fn health(status: &SnapshotStatus) -> Health {
        status.health()
    }
}

/// The `snapshot-merge` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMerge {}

impl Target for SnapshotMerge {
    const TYPE: &'static str = "snapshot-merge";
    type Table = SnapshotMergeTable;
    type Status = SnapshotStatus;
    type Message = NoMessage;

    const FEATURES: &'static [Feature] = &[
        Feature { name: "PO", since: (1, 4, 0) },
        Feature { name: "discard_zeroes_cow", since: (1, 5, 0) },
        Feature { name: "discard_passdown_origin", since: (1, 5, 0) },
    ];

    fn check(SnapshotMergeTable(table): &SnapshotMergeTable, _: Sectors) -> Result<(), InvalidField> {
        table.check()?;
        if table.store.reads_as() == Some(SnapshotStore::Transient) {
            return Err(InvalidField::new(STORE, Problem::Expected("P or PO: only what is on disk can be merged")));
        }
        Ok(())
    }

    fn health(status: &SnapshotStatus) -> Health {
        status.health()
    }
}

/// The `snapshot-origin` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOrigin {}

impl Target for SnapshotOrigin {
    const TYPE: &'static str = "snapshot-origin";
    type Table = SnapshotOriginTable;
    type Status = NoStatus;
    type Message = NoMessage;
}

keywords! {
    exact;
    /// Where a snapshot keeps what is overwritten in its origin.
    ///
    /// These are the words as the kernel prints them. Its constructor only looks at the first two letters, in whatever
    /// case; a word that is spelled in another way is kept as `Other`.
    pub enum SnapshotStore {
        /// On the COW device together with a map, so it outlives the mapping.
        Persistent = "P",
        /// The same, and user space knows the status `Overflow`: a full COW device does not make it `Invalid`.
        PersistentOverflow = "PO",
        /// On the COW device with the map in memory, for as long as the mapping lives.
        Transient = "N",
    }
}

impl SnapshotStore {
    /// What the constructor takes the word for, if it is one.
    fn reads_as(&self) -> Option<Self> {
        let mut letters = self.as_str().bytes().map(|byte| byte.to_ascii_uppercase());
        match (letters.next(), letters.next()) {
            (Some(b'N'), _) => Some(Self::Transient),
            (Some(b'P'), None) => Some(Self::Persistent),
            (Some(b'P'), Some(b'O')) => Some(Self::PersistentOverflow),
            _ => None,
        }
    }
}

/// The table of a `snapshot` target.
///
/// ```
/// use dm_targets::snapshot::{SnapshotStore, SnapshotTable};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [origin, cow] = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 32)];
/// let table = SnapshotTable::new(origin, cow, SnapshotStore::Persistent, Sectors(16)).discard_zeroes_cow();
/// assert_eq!(table.to_string(), "254:0 254:32 P 16 1 discard_zeroes_cow");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotTable {
    /// The device that the snapshot was taken of.
    pub origin: Device,
    /// Holds what is overwritten in the origin or written to the snapshot.
    pub cow: Device,
    /// How the COW device is used.
    pub store: SnapshotStore,
    /// How much is copied at once; 0 for what a persistent store has on disk.
    pub chunk_size: Sectors,
    /// A discard of a whole chunk zeroes it in the snapshot.
    pub discard_zeroes_cow: bool,
    /// A discard is passed to the origin too; needs `discard_zeroes_cow`.
    pub discard_passdown_origin: bool,
    /// Features that this version does not know; they are printed after the others.
    pub other_features: Vec<WordBuf>,
    /// Words after the features, which the kernel ignores.
    pub extra: Vec<WordBuf>,
    /// There is a count of features although it is 0 and nothing follows; the kernel does not print that.
    counts_none: bool,
}

impl SnapshotTable {
    /// A snapshot of `origin` with no features.
    pub fn new(origin: impl Into<Device>, cow: impl Into<Device>, store: SnapshotStore, chunk_size: Sectors) -> Self {
        Self {
            origin: origin.into(),
            cow: cow.into(),
            store,
            chunk_size,
            discard_zeroes_cow: false,
            discard_passdown_origin: false,
            other_features: Vec::new(),
            extra: Vec::new(),
            counts_none: false,
        }
    }

    /// Zeroes chunks in the snapshot that are discarded as a whole.
    #[must_use]
    pub fn discard_zeroes_cow(self) -> Self {
        Self { discard_zeroes_cow: true, ..self }
    }

    /// Passes discards to the origin too, which implies [`discard_zeroes_cow`](Self::discard_zeroes_cow).
    #[must_use]
    pub fn discard_passdown_origin(self) -> Self {
        Self { discard_passdown_origin: true, ..self.discard_zeroes_cow() }
    }

    fn check(&self) -> Result<(), InvalidField> {
        check_devices(&self.origin, &self.cow)?;
        let Some(store) = self.store.reads_as() else {
            return Err(InvalidField::new(STORE, Problem::Expected("P, PO or N")));
        };
        if self.chunk_size != Sectors(0) || store == SnapshotStore::Transient {
            CHUNK_SIZE.check(self.chunk_size)?;
        }
        self.check_features()
    }

    fn check_features(&self) -> Result<(), InvalidField> {
        FEATURE_COUNT.check(self.feature_count())?;
        if self.discard_passdown_origin && !self.discard_zeroes_cow {
            let problem = Problem::Expected("together with discard_zeroes_cow");
            return Err(InvalidField::new("discard_passdown_origin", problem));
        }
        Ok(())
    }

    fn feature_count(&self) -> u64 {
        Flag::count(&FLAGS, self, &self.other_features) as u64
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.put(&self.origin).put(&self.cow).put(&self.store).put(&self.chunk_size);
        if self.counts_none || !self.extra.is_empty() || self.feature_count() > 0 {
            out.flags(&FLAGS, self, &self.other_features);
        }
        out.all(&self.extra).end()
    }
}

fn check_devices(origin: &Device, cow: &Device) -> Result<(), InvalidField> {
    if origin == cow {
        return Err(InvalidField::new(COW, Problem::SameAs(ORIGIN)));
    }
    Ok(())
}

impl Params for SnapshotTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (origin, cow): (Device, Device) = (fields.read(ORIGIN)?, fields.read(COW)?);
        check_devices(&origin, &cow).map_err(|invalid| fields.blame(invalid))?;
        let mut table = Self::new(origin, cow, fields.read(STORE)?, fields.read(CHUNK_SIZE.field())?);
        if table.chunk_size != Sectors(0) {
            CHUNK_SIZE.check(table.chunk_size).map_err(|invalid| fields.blame(invalid))?;
        }
        let counted = !fields.is_empty();
        let mut features = fields.read_optional_group(FEATURE_COUNT.field())?;
        table.other_features = features.read_flags("feature", &FLAGS, &mut table)?;
        table.check_features().map_err(|invalid| features.blame(invalid))?;
        table.extra = fields.read_rest("extra")?;
        table.counts_none = counted && table.extra.is_empty() && table.feature_count() == 0;
        Ok(table)
    }
}

impl fmt::Display for SnapshotTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(&mut Printer::new(f))
    }
}

/// The table of a `snapshot-merge` target, which is that of the snapshot that it takes the place of.
///
/// ```
/// use dm_targets::snapshot::{SnapshotMergeTable, SnapshotStore, SnapshotTable};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [origin, cow] = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 32)];
/// let snapshot = SnapshotTable::new(origin, cow, SnapshotStore::Persistent, Sectors(16));
/// let merge = SnapshotMergeTable::from(snapshot);
/// assert_eq!(merge.to_string(), "254:0 254:32 P 16");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The status of a `snapshot` or `snapshot-merge` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SnapshotStatus {
    /// The snapshot is in use.
    Valid {
        /// How full the COW device is.
        space: Usage<Sectors>,
        /// How much of what is used holds the store's own map.
        metadata: Sectors,
        /// Words that later kernels may print.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
        extra: Vec<WordBuf>,
    },
    /// The snapshot is lost: its store is broken, or the COW device of a store without `O` is full.
    Invalid,
    /// Merging has stopped at an error; the snapshot can still be read.
    MergeFailed,
    /// The COW device is full: the snapshot can be read but not written, and is lost with the next write to its origin
    /// that has to be copied.
    Overflow,
    /// The store cannot tell how much it uses.
    Unknown,
}

impl SnapshotStatus {
    fn health(&self) -> Health {
        match self {
            Self::Valid { space, .. } => Health { data: Some(space.numbers()), ..Health::default() },
            Self::Invalid => Health::only(Concern::Invalid),
            Self::Overflow => Health::only(Concern::OutOfDataSpace).concern(Concern::ReadOnly, true),
            Self::MergeFailed => Health { repairs: 1, ..Health::only(Concern::Failed) },
            Self::Unknown => Health::only(Concern::NoFigures),
        }
    }

    /// Whether a merge has nothing left to copy.
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

/// The table of a `snapshot-origin` target: what is written to the device is copied to its snapshots first.
///
/// ```
/// use dm_targets::snapshot::SnapshotOriginTable;
/// use dm_units::DeviceNumber;
///
/// assert_eq!(SnapshotOriginTable::new(DeviceNumber::new(254, 0)).to_string(), "254:0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Snapshot::parse_table(text).unwrap_err().to_string()
    }

    fn check(text: &str) -> Result<(), String> {
        let table = Snapshot::parse_table(text).unwrap();
        Snapshot::check(&table, Sectors(8)).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn what_the_constructor_refuses_is_named() {
        let same = "snapshot table: word 2, COW device, must not be the same as the origin device";
        assert_eq!(refusal("254:0 254:0 P 16"), same);
        assert_eq!(refusal("254:0 254:32 P 24"), "snapshot table: word 4, chunk size, must be a power of two");
        assert_eq!(refusal("254:0 254:32 P 8388608"), "snapshot table: word 4, chunk size, must be from 1 to 4194303");
        assert_eq!(
            refusal("254:0 254:32 P 16 1 discard_passdown_origin"),
            "snapshot table: word 6, discard_passdown_origin, must be together with discard_zeroes_cow"
        );
        assert_eq!(
            refusal("254:0 254:32 P 16 2 discard_zeroes_cow discard_zeroes_cow"),
            "snapshot table: word 7, feature, is given twice"
        );
    }

    #[test]
    fn a_chunk_size_of_0_needs_a_store_on_disk() {
        assert_eq!(check("254:0 254:32 P 0"), Ok(()));
        assert_eq!(check("254:0 254:32 N 0"), Err("chunk size must be from 1 to 4194303".into()));
    }

    #[test]
    fn the_store_is_known_by_its_first_letters() {
        for store in ["p", "po", "Post", "n", "none"] {
            let text = format!("254:0 254:32 {store} 16");
            assert_eq!(check(&text), Ok(()));
            assert_eq!(Snapshot::parse_table(&text).unwrap().to_string(), text);
        }
        for store in ["persistent", "X"] {
            let text = format!("254:0 254:32 {store} 16");
            assert_eq!(check(&text), Err("exception store type must be P, PO or N".into()));
        }
    }

    #[test]
    fn only_what_is_on_disk_can_be_merged() {
        let check = |text| SnapshotMerge::check(&SnapshotMerge::parse_table(text).unwrap(), Sectors(8));
        assert_eq!(check("254:0 254:32 PO 16"), Ok(()));
        assert!(check("254:0 254:32 N 16").is_err());
        assert!(check("254:0 254:32 none 16").is_err());
    }

    #[test]
    fn words_after_the_features_are_kept() {
        for text in ["254:0 254:32 P 16 0", "254:0 254:32 P 16 0 more", "254:0 254:32 P 16 1 discard_zeroes_cow more"] {
            assert_eq!(Snapshot::parse_table(text).unwrap().to_string(), text);
        }
        assert!(Snapshot::parse_table("254:0 254:32 P 16 more").is_err());
        let mut table = Snapshot::parse_table("254:0 254:32 P 16").unwrap();
        table.extra = vec![WordBuf::new("more").unwrap()];
        assert_eq!(table.to_string(), "254:0 254:32 P 16 0 more");
    }

    #[test]
    fn special_statuses_stand_alone() {
        assert_eq!(Snapshot::parse_status("Merge failed"), Ok(SnapshotStatus::MergeFailed));
        for text in ["Merge", "Invalid 7", "failed", ""] {
            assert!(Snapshot::parse_status(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_merge_ends_when_only_the_map_is_left() {
        assert!(SnapshotMerge::parse_status("32/1024 32").unwrap().is_merged());
        assert!(!SnapshotMerge::parse_status("48/1024 32").unwrap().is_merged());
        assert!(!SnapshotStatus::MergeFailed.is_merged());
    }
}
