//! Merges of a snapshot that fail at any command.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use dm_core::{Command, Dm, DmUuid, Host, SetupOptions, Transport};
use dm_targets::devices::{MappedDev, OriginDev, SnapshotDev};
use dm_targets::snapshot::{SnapshotOriginTable, SnapshotStore, SnapshotTable};
use dm_targets::{SnapshotMerge, SnapshotOrigin};
use dm_testing::memory::OpenDevice;
use dm_testing::{FailAt, MemoryKernel};
use dm_units::Sectors;

use crate::devices::{LENGTH, disk, make_disks, one, open};

const EIO: i32 = 5;
const EBUSY: i32 = 16;

/// An origin and its snapshot, which has a uuid.
pub(crate) fn origin_and_snapshot() -> (MemoryKernel, OriginDev, SnapshotDev) {
    let memory = MemoryKernel::new();
    make_disks(&memory);
    let host = memory.host();
    let origin = OriginDev::create(&host, "torigin", &one(LENGTH, SnapshotOriginTable::new(disk(0)))).unwrap();
    origin.suspend(&host).unwrap();
    let table = SnapshotTable::new(disk(0), disk(1), SnapshotStore::Persistent, Sectors(16));
    let options = SetupOptions::new().uuid(DmUuid::new("U-snapshot").unwrap());
    let snapshot = SnapshotDev::create_with(&host, "tsnapshot", &one(LENGTH, table), options).unwrap();
    origin.resume(&host).unwrap();
    (memory, origin, snapshot)
}

/// Whether the snapshot serves its data, from its own device or from the origin's.
fn has_snapshot(memory: &MemoryKernel) -> bool {
    let is_active = |info: dm_core::DeviceInfo| info.has_active_table() && !info.is_suspended();
    open::<SnapshotMerge>(memory, "torigin").is_ok() || memory.dm().device_info("tsnapshot").is_ok_and(is_active)
}

#[test]
fn a_snapshot_that_is_not_merged_keeps_its_uuid() {
    let mut kept = 0;
    for failing in 1..16 {
        let (memory, origin, snapshot) = origin_and_snapshot();
        let faulty = Host::new(FailAt::new(&memory.dm(), failing, EIO).dm());
        if origin.merge(&faulty, &snapshot).is_err() && open::<SnapshotOrigin>(&memory, "torigin").is_ok() {
            let uuid = snapshot.info(&memory.host()).unwrap().uuid().map(ToOwned::to_owned);
            assert_eq!(uuid.as_deref(), DmUuid::new("U-snapshot").ok(), "command {failing}");
            kept += 1;
        }
    }
    assert!(kept > 4);
}

/// After each command, the origin serves I/O only if its writes reach the snapshot or come after the merge began.
#[derive(Debug)]
struct Watched(Dm, MemoryKernel);

impl Transport for Watched {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let result = self.0.transport().ioctl(command, request);
        let is_suspended = self.1.dm().device_info("torigin").unwrap().is_suspended();
        assert!(is_suspended || has_snapshot(&self.1), "after {command:?}");
        result
    }
}

#[test]
fn no_write_is_missed_while_a_merge_begins_or_is_undone() {
    let mut undone = 0;
    for failing in 1..30 {
        let (memory, origin, snapshot) = origin_and_snapshot();
        let faulty = FailAt::new(&memory.dm(), failing, EIO).dm();
        let watched = Host::new(Dm::with_transport(Watched(faulty, memory.clone())));
        undone += usize::from(origin.merge(&watched, &snapshot).is_err());
        let serves: MappedDev<dm_targets::Any> = open(&memory, "torigin").unwrap();
        assert!(!serves.info(&memory.host()).unwrap().is_suspended(), "command {failing}");
    }
    assert!(undone > 6, "{undone}");
}

/// A kernel in which a program opens every device just before its removal.
#[derive(Debug)]
struct Busy(Dm);

impl Transport for Busy {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        match command {
            Command::DeviceRemove => Err(io::Error::from_raw_os_error(EBUSY)),
            _ => self.0.transport().ioctl(command, request),
        }
    }
}

#[test]
fn a_snapshot_in_use_is_not_merged_and_its_origin_serves_io() {
    let (memory, origin, snapshot) = origin_and_snapshot();
    let host = memory.host();
    let error = origin.merge(&Host::new(Dm::with_transport(Busy(memory.dm()))), &snapshot).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(!origin.info(&host).unwrap().is_suspended() && !snapshot.info(&host).unwrap().is_suspended());
    assert_eq!(origin.table(&host).unwrap(), one(LENGTH, SnapshotOriginTable::new(disk(0))));
}

#[test]
fn a_suspended_origin_stays_suspended_if_its_snapshot_is_not_merged() {
    let mut failed = 0;
    for failing in 1..30 {
        let (memory, origin, snapshot) = origin_and_snapshot();
        origin.suspend(&memory.host()).unwrap();
        let faulty = Host::new(FailAt::new(&memory.dm(), failing, EIO).dm());
        if origin.merge(&faulty, &snapshot).is_err() && open::<SnapshotOrigin>(&memory, "torigin").is_ok() {
            assert!(origin.info(&memory.host()).unwrap().is_suspended(), "command {failing}");
            failed += 1;
        }
    }
    assert!(failed > 4, "{failed}");
}

/// A kernel in which a program closes the snapshot when its state was read several times.
#[derive(Debug)]
struct Closing(Dm, Mutex<Option<OpenDevice>>, AtomicU32);

impl Transport for Closing {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let mut opened = self.1.lock().unwrap();
        match command {
            Command::DeviceInfo if self.2.fetch_add(1, Ordering::SeqCst) == 5 => *opened = None,
            Command::DeviceSuspend => assert!(opened.is_none(), "the origin is suspended while the snapshot is in use"),
            _ => {}
        }
        self.0.transport().ioctl(command, request)
    }
}

#[test]
fn the_origin_serves_io_until_its_snapshot_is_closed() {
    let (memory, origin, snapshot) = origin_and_snapshot();
    let opened = Mutex::new(memory.open("tsnapshot"));
    let host = Host::new(Dm::with_transport(Closing(memory.dm(), opened, AtomicU32::new(0))));
    origin.merge(&host, &snapshot).unwrap();
    open::<SnapshotMerge>(&memory, "torigin").unwrap();
}
