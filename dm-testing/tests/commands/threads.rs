//! One handle, many threads.

use std::thread;

use dm_core::{
    Buffer, CreateOptions, InfoOptions, ListOptions, LoadOptions, RemoveOptions, RenameOptions, ResumeOptions,
    StatusOptions, SuspendOptions, TargetLine,
};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{exists, when_free};

const THREADS: u64 = 6;
const ROUNDS: u64 = 3;

/// The whole life of a device, whose size tells it from those of the others.
fn live(scratch: &Scratch, size: Sectors) {
    let dm = scratch.dm();
    let mut buffer = Buffer::new();
    let [young, old] = ["young", "old"].map(|age| scratch.name(format!("{size}-{age}")).unwrap());
    let number = dm.device_create(young.as_borrowed(), CreateOptions::new()).unwrap().number();
    let line = || [TargetLine::new(Sectors(0), size, "zero", "")];
    dm.table_load(&mut buffer, &young, line(), LoadOptions::new()).unwrap();
    dm.device_resume(&young, ResumeOptions::new()).unwrap();
    Pattern::zeros().verify(format!("/dev/dm-{}", number.minor).as_ref(), Sectors(0), size).unwrap();
    dm.device_suspend(number, SuspendOptions::new()).unwrap();
    dm.table_load(&mut buffer, number, line(), LoadOptions::new()).unwrap();
    dm.device_rename(young.as_borrowed(), old.as_borrowed(), RenameOptions::new()).unwrap();
    dm.device_resume(&old, ResumeOptions::new()).unwrap();
    let status = dm.table_status(&mut buffer, &old, StatusOptions::table()).unwrap();
    assert_eq!(status.iter().map(|line| line.unwrap().length).collect::<Vec<_>>(), [size]);
    let list = dm.list_devices(&mut buffer, ListOptions::new()).unwrap();
    let listed = list.iter().map(Result::unwrap).find(|device| device.number == number).unwrap();
    assert_eq!(listed.name, old.as_borrowed());
    assert_eq!(dm.device_info(number, InfoOptions::new()).unwrap().name(), Some(old.as_borrowed()));
    when_free(|| dm.device_remove(&old, RemoveOptions::new()));
    assert!(!exists(scratch, &young) && !exists(scratch, &old));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn threads_share_a_handle() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let sizes = (0..ROUNDS).map(move |round| Sectors(8 * (1 + thread * ROUNDS + round)));
            let scratch = &scratch;
            scope.spawn(move || sizes.for_each(|size| live(scratch, size)));
        }
    });
}
