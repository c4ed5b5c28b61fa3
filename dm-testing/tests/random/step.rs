//! The steps of a sequence.

use dm_core::TableSlot;

/// The identification of a device.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Id {
    Name(u8),
    Uuid(u8),
    /// The number of the device with this name.
    Number(u8),
}

/// The device below a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Below {
    Disk(u8),
    /// The device with this name, if it is older than its user, so that there is no cycle.
    Device(u8),
}

/// A part of a device below, from a sector on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area(pub(crate) Below, pub(crate) u64);

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Zero,
    Error,
    Linear(Area),
    /// With the chunk size in sectors.
    Striped(u64, Vec<Area>),
    Delay(Area, Option<Area>),
    /// With the up and down intervals in seconds, and features.
    Flakey(Area, [u8; 2], &'static str),
    /// On its disks, with the low water mark and features.
    ThinPool(u64, &'static str),
    /// In the pool with this name, with its id and external origin.
    Thin(u8, u32, Option<Below>),
    Origin(Below),
    /// `snapshot`: of an origin, with a disk for its exceptions, and its store.
    Snapshot(Below, u8, &'static str),
    /// `snapshot-merge`: of a disk, with the same fields.
    Merge(u8, u8, &'static str),
    /// The name and params of a target. In the params, each `$` stands for the next device, and `META`, `DATA`, `FAST`, `ONE`
    /// and `TWO` for disks.
    Filled(&'static str, String, Vec<Below>),
    /// The name and params of a target, which are refused or unusual.
    Text(&'static str, &'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) length: u64,
    pub(crate) target: Target,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) lines: Vec<Line>,
    /// The gap before each line but the first.
    pub(crate) gap: u64,
    pub(crate) read_only: bool,
}

/// An operation of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Create,
    Setup,
    Reload,
    Suspend,
    Resume,
    WhileSuspended,
    Rename(u8),
    Remove,
    RemoveDeferred,
    RemoveForced,
    CancelRemoval,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Creates a device, loads a table and resumes.
    Map(u8, Table),
    /// Loads a table and resumes, which suspends the device for a moment.
    Reload(u8, Table),
    Create {
        name: u8,
        uuid: Option<u8>,
        minor: Option<u8>,
    },
    Remove {
        id: Id,
        deferred: bool,
    },
    Rename(u8, u8),
    SetUuid(u8, u8),
    Suspend {
        id: Id,
        noflush: bool,
        skip_lockfs: bool,
    },
    Resume {
        id: Id,
        noflush: bool,
    },
    Load(Id, Table),
    Clear(Id),
    Info(Id, bool),
    Deps(Id, bool),
    Status {
        id: Id,
        table: bool,
        inactive: bool,
        noflush: bool,
    },
    /// Waits for an event number other than the last one.
    Wait(Id, u8),
    List {
        uuids: bool,
        prefix: Option<u8>,
    },
    Message(Id, u64, &'static str),
    Geometry(Id, u64),
    /// Reads four sectors.
    Read(u8, u64),
    Write(u8, u64),
    /// Discards a number of sectors.
    Discard(u8, u64, u64),
    Open(u8),
    /// Closes the device that was opened first.
    Close,
    Version(&'static str),
    /// An operation on a device in which one command fails with an errno, before or after it is executed.
    Fail {
        name: u8,
        table: Table,
        operation: Operation,
        n: usize,
        errno: i32,
        after: bool,
    },
}

/// The steps without those that make kernels since 5.15 free memory twice and crash later.
///
/// Clearing a table makes the kernel's measurements of the inactive slot point to those of the active one
/// (`dm_ima_measure_on_table_clear` in drivers/md/dm-ima.c), and a rename frees the latter
/// (`dm_ima_measure_on_device_rename`). So nothing is renamed after a table was cleared, which the undo of an operation
/// may do.
#[cfg(feature = "real")]
pub(crate) fn spared(steps: &[Step]) -> Vec<Step> {
    let mut has_cleared = false;
    let mut spared = Vec::new();
    for step in steps {
        let renames =
            matches!(step, Step::Rename(..) | Step::SetUuid(..) | Step::Fail { operation: Operation::Rename(_), .. });
        if !(renames && has_cleared) {
            spared.push(step.clone());
        }
        has_cleared |= matches!(step, Step::Clear(_) | Step::Fail { .. });
    }
    spared
}

impl Step {
    /// Whether it loads a table with a target of one of these types.
    pub(crate) fn loads(&self, types: &[&str]) -> bool {
        let (Self::Map(_, table) | Self::Reload(_, table) | Self::Load(_, table) | Self::Fail { table, .. }) = self
        else {
            return false;
        };
        let is_of =
            |line: &Line| matches!(line.target, Target::Filled(target_type, ..) if types.contains(&target_type));
        table.lines.iter().any(is_of)
    }

    /// Whether it can be repeated.
    pub(crate) const fn changes_nothing(&self) -> bool {
        matches!(self, Self::Info(..) | Self::Deps(..) | Self::Status { .. } | Self::List { .. } | Self::Read(..))
    }
}

/// The slot that a step reads or clears.
pub(crate) const fn slot(inactive: bool) -> TableSlot {
    if inactive { TableSlot::Inactive } else { TableSlot::Active }
}
