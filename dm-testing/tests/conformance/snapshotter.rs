//! The example `snapshotter`: on both kinds of kernels, and in memory with a failure at every command.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dm_core::{DmNameBuf, Host, RemovePolicy, Retry};
use dm_targets::devices::ThinPoolDev;
use dm_targets::thin_pool::{ThinPoolStatus, ThinPoolTable};
use dm_targets::{Table, TableLine, ThinPool};
use dm_testing::{MemoryKernel, Outcome, Sweep, TestKernel};
use dm_units::{Bytes, DataBlocks, Sectors};

use example::{Error, Kind, Progress, Records, Snapshotter, Store};

#[path = "../../examples/snapshotter/snapshotter.rs"]
mod example;

on_both_kernels! { ["thin-pool", "thin"];
    images_are_unpacked_committed_and_branched,
    snapshots_in_use_or_with_children_are_kept,
    a_restart_makes_the_mapped_devices_again,
    a_key_that_cannot_be_a_name_changes_nothing,
}

const BLOCK: Sectors = Sectors(128);
const LENGTH: Sectors = Sectors(1024);

/// Records that survive a crash.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Records>>);

impl Kept {
    fn records(&self) -> Records {
        self.0.lock().unwrap().clone()
    }
}

impl Store for Kept {
    fn save(&mut self, records: &Records) -> io::Result<()> {
        self.0.lock().unwrap().clone_from(records);
        Ok(())
    }
}

fn make_pool(kernel: &dyn TestKernel) {
    let [metadata, data] = [2 << 20, 4 << 20].map(|size| kernel.disk(Bytes(size)));
    let table = ThinPoolTable::new(metadata, data, BLOCK, DataBlocks(0));
    let table = Table::new([TableLine::<ThinPool>::new(Sectors(0), Sectors(8192), table)]).unwrap();
    ThinPoolDev::create(&kernel.host(), kernel.name("pool"), &table).unwrap();
}

fn start(host: Host, pool: &DmNameBuf, prefix: &str, kept: &Kept) -> Result<Snapshotter<Kept>, Error> {
    let pool = ThinPoolDev::open(&host, pool).map_err(Error::Device)?;
    Snapshotter::start(host, pool, prefix, kept.records(), kept.clone())
}

fn started(kernel: &dyn TestKernel, kept: &Kept) -> Snapshotter<Kept> {
    let prefix = format!("{}snap-", kernel.prefix());
    start(kernel.host(), &kernel.name("pool"), &prefix, kept).unwrap()
}

fn number(kernel: &dyn TestKernel, key: &str) -> dm_units::DeviceNumber {
    kernel.host().dm().device_info(kernel.name(&format!("snap-{key}"))).unwrap().number()
}

fn write(kernel: &dyn TestKernel, key: &str, byte: u8) {
    kernel.write(number(kernel, key), Sectors(0), &[byte; 4096]).unwrap();
}

fn first_byte(kernel: &dyn TestKernel, key: &str) -> u8 {
    let mut data = [0; 4096];
    kernel.read(number(kernel, key), Sectors(0), &mut data).unwrap();
    data[0]
}

fn a_key_that_cannot_be_a_name_changes_nothing(kernel: &dyn TestKernel) {
    make_pool(kernel);
    let kept = Kept::default();
    let mut snapshotter = started(kernel, &kept);
    snapshotter.create("good", LENGTH).unwrap();
    let before = kept.records();
    for key in ["a/b", &"x".repeat(200)] {
        assert!(matches!(snapshotter.create(key, LENGTH), Err(Error::Name(_))), "{key}");
        assert!(matches!(snapshotter.commit("good", key), Err(Error::Name(_))), "{key}");
        assert_eq!(kept.records(), before);
    }
    snapshotter.commit("good", "image").unwrap();
    for key in ["a/b", &"x".repeat(200)] {
        assert!(matches!(snapshotter.prepare(key, "image"), Err(Error::Name(_))), "{key}");
    }
    started(kernel, &kept);
}

fn images_are_unpacked_committed_and_branched(kernel: &dyn TestKernel) {
    make_pool(kernel);
    let mut snapshotter = started(kernel, &Kept::default());
    snapshotter.create("unpacking", LENGTH).unwrap();
    write(kernel, "unpacking", 1);
    snapshotter.commit("unpacking", "image").unwrap();
    assert!(kernel.host().dm().device_info(kernel.name("snap-unpacking")).unwrap_err().is_not_found());

    snapshotter.prepare("container", "image").unwrap();
    snapshotter.view("look", "image").unwrap();
    write(kernel, "container", 2);
    assert_eq!(["container", "look"].map(|key| first_byte(kernel, key)), [2, 1]);
    assert!(kernel.host().dm().device_info(kernel.name("snap-look")).unwrap().is_read_only());
}

fn snapshots_in_use_or_with_children_are_kept(kernel: &dyn TestKernel) {
    make_pool(kernel);
    let mut snapshotter = started(kernel, &Kept::default());
    snapshotter.create("base", LENGTH).unwrap();
    assert!(matches!(snapshotter.prepare("container", "base").unwrap_err(), Error::Unfit { needed: "committed", .. }));
    snapshotter.commit("base", "image").unwrap();
    snapshotter.prepare("container", "image").unwrap();
    assert!(matches!(snapshotter.remove("image").unwrap_err(), Error::IsParent(key) if key == "image"));
    assert!(matches!(snapshotter.prepare("container", "image").unwrap_err(), Error::Taken(_)));
    snapshotter.remove("container").unwrap();
    snapshotter.remove("image").unwrap();
    assert!(snapshotter.records().is_empty());
}

fn a_restart_makes_the_mapped_devices_again(kernel: &dyn TestKernel) {
    make_pool(kernel);
    let kept = Kept::default();
    let mut snapshotter = started(kernel, &kept);
    snapshotter.create("base", LENGTH).unwrap();
    write(kernel, "base", 1);
    snapshotter.commit("base", "image").unwrap();
    snapshotter.prepare("container", "image").unwrap();
    // As after a restart of the machine.
    let patiently = RemovePolicy::new().retry(Retry::within(Duration::from_secs(60)));
    kernel.host().remove_with(kernel.name("snap-container"), patiently).unwrap();
    let snapshotter = started(kernel, &kept);
    assert_eq!(first_byte(kernel, "container"), 1);
    assert_eq!(snapshotter.records().len(), 2);
    // As after a restart of only the program.
    started(kernel, &kept);
}

/// The records of a test.
#[derive(Clone, Default)]
struct World {
    kept: Kept,
}

/// After any failure and a new start, records and devices agree, and all operations work.
#[test]
fn a_new_start_repairs_the_state_after_any_failure() {
    type Step = fn(&mut Snapshotter<Kept>) -> Result<(), Error>;
    let steps: [(&str, Step); 5] = [
        ("create", |snapshotter| snapshotter.create("new", LENGTH).map(drop)),
        ("prepare", |snapshotter| snapshotter.prepare("new", "image").map(drop)),
        ("view", |snapshotter| snapshotter.view("new", "image").map(drop)),
        ("commit", |snapshotter| snapshotter.commit("container", "new")),
        ("remove", |snapshotter| snapshotter.remove("container")),
    ];
    for (what, step) in steps {
        let world = Mutex::new(World::default());
        let prepare = |memory: &MemoryKernel| {
            let fresh = World::default();
            make_pool(memory);
            let mut snapshotter = started(memory, &fresh.kept);
            snapshotter.create("base", LENGTH).unwrap();
            write(memory, "base", 1);
            snapshotter.commit("base", "image").unwrap();
            snapshotter.prepare("container", "image").unwrap();
            write(memory, "container", 2);
            *world.lock().unwrap() = fresh;
        };
        let program = |memory: &MemoryKernel| {
            let kept = world.lock().unwrap().kept.clone();
            let prefix = format!("{}snap-", TestKernel::prefix(memory));
            let mut snapshotter = start(memory.host(), &TestKernel::name(memory, "pool"), &prefix, &kept)?;
            step(&mut snapshotter)
        };
        let report = Sweep::new(prepare).run(program, |memory, outcome: &Outcome<Result<(), Error>>| {
            let kept = world.lock().unwrap().kept.clone();
            let mut snapshotter = started(memory, &kept);
            check(memory, &snapshotter, what);
            // A second attempt works, unless the first one succeeded.
            if !matches!(outcome, Outcome::Returned(Ok(()))) && kept.records().contains_key("container") {
                let _ = snapshotter.remove("new");
                step(&mut snapshotter).unwrap_or_else(|error| unreachable!("{what}: {error}"));
                check(memory, &snapshotter, what);
            }
        });
        assert!(report.runs > report.commands, "{what}: {report:?}");
    }
}

/// Checks that records, mapped devices and thin devices agree, and that written data is intact.
fn check(memory: &MemoryKernel, snapshotter: &Snapshotter<Kept>, what: &str) {
    let dm = memory.dm();
    for (key, record) in snapshotter.records() {
        assert_eq!(record.progress, Progress::Done, "{what}: {key}");
        let name = TestKernel::name(memory, &format!("snap-{key}"));
        match (dm.device_info(&name), record.kind) {
            (Ok(info), Kind::Active | Kind::View) => {
                assert!(info.has_active_table() && !info.is_suspended(), "{info:?}")
            }
            (Err(error), Kind::Committed) => assert!(error.is_not_found(), "{what}: {error}"),
            other => unreachable!("{what}: {key}: {other:?}"),
        }
    }
    // The pool, and one device for each snapshot with a mapped device.
    let shown = snapshotter.records().values().filter(|record| record.kind != Kind::Committed).count();
    assert_eq!(dm.list_devices().unwrap().iter().count(), shown.saturating_add(1), "{what}");
    if snapshotter.records().contains_key("container") {
        assert_eq!(first_byte(memory, "container"), 2, "{what}");
    }
    let pool = ThinPoolDev::open(&memory.host(), TestKernel::name(memory, "pool")).unwrap();
    let status = pool.status(&memory.host()).unwrap();
    assert!(matches!(status, ThinPoolStatus::Working(_)), "{what}: {status:?}");
}
