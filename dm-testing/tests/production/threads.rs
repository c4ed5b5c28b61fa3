//! Many threads at once, each with cookies of its own.

use std::thread;

use dm_core::udev::{Strategy, Udev};
use dm_core::{
    Buffer, DepsOptions, DmName, Error, RenameOptions, ResumeOptions, SetupOptions, StatusOptions, SuspendOptions,
};
use dm_testing::{MappedDevice, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::cookies::{QUICK, Watch, has_link, has_no_link, remove, set_up};
use crate::support::{LENGTH, REMOVE, exists, info, linear, settle, zero};

const THREADS: usize = 16;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_threads_have_a_device_each() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), Udev::new(Strategy::Cookies).unwrap());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scratch, udev) = (&scratch, &udev);
            scope.spawn(move || {
                let name = scratch.name(format!("{thread}")).unwrap();
                let made = set_up(scratch, udev, name.as_borrowed());
                assert!(has_link(name.as_borrowed(), made.number()));
                remove(scratch, udev, name.as_borrowed());
                assert!(has_no_link(name.as_borrowed()));
            });
        }
    });
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_threads_share_a_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), Udev::new(Strategy::Cookies).unwrap());
    let name = scratch.name("device").unwrap();
    let made = thread::scope(|scope| {
        let set_up = || {
            let mut batch = udev.batch().unwrap();
            let options = SetupOptions::new();
            let made = batch.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), [zero()], options);
            batch.finish().unwrap();
            made
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(set_up)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    // One was the first; the others have touched nothing.
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(made.iter().flat_map(|made| made.as_ref().err()).all(|error| error.cause.already_exists()));
    let number = info(&scratch, &name).number();
    assert!(has_link(name.as_borrowed(), number));

    let removed = thread::scope(|scope| {
        let remove = || {
            let mut batch = udev.batch().unwrap();
            let removed = batch.remove(scratch.dm(), &name, REMOVE);
            batch.finish().unwrap();
            removed.is_ok()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(remove)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|removed| *removed).count()
    });
    assert_eq!(removed, 1);
    assert!(!exists(&scratch, &name) && has_no_link(name.as_borrowed()));
    watch.nothing_is_left();
}

/// What each thread does to a device that all of them work on.
fn work_on(scratch: &Scratch, udev: &Udev, device: &MappedDevice, own_name: DmName<'_>) {
    let (dm, number, mut buffer) = (scratch.dm(), device.number(), Buffer::new());
    let mut batch = udev.batch().unwrap();
    batch.set_flags(QUICK);
    // The kernel refuses what another thread has done between its look and its deed.
    let or_was_slower = |result: Result<_, Error>| match result {
        Err(error) if error.is_invalid() || error.is_not_found() => {}
        result => drop(result.unwrap()),
    };
    or_was_slower(dm.device_suspend(number, SuspendOptions::new()));
    or_was_slower(batch.resume(dm, number, ResumeOptions::new()));
    or_was_slower(batch.rename(dm, info(scratch, number).name().unwrap(), own_name, RenameOptions::new()));
    let status = dm.table_status(&mut buffer, number, StatusOptions::table().noflush(true)).unwrap();
    assert_eq!(status.iter().map(|line| line.unwrap().length).collect::<Vec<_>>(), [LENGTH]);
    assert_eq!(dm.table_deps(&mut buffer, number, DepsOptions::new()).unwrap().iter().count(), 1);
    batch.finish().unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_threads_work_on_one_device() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), Udev::new(Strategy::Cookies).unwrap());
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("device", [linear(disk.number())]).unwrap();
    let names: Vec<_> = (0..THREADS).map(|thread| scratch.name(format!("{thread}")).unwrap()).collect();
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| work_on(&scratch, &udev, &device, name.as_borrowed()));
        }
    });
    watch.nothing_is_left();
    let state = info(&scratch, device.number());
    assert!(state.has_active_table() && !state.is_suspended(), "{state:?}");
    settle();
    let (own, others): (Vec<_>, Vec<_>) =
        names.iter().map(|name| name.as_borrowed()).partition(|name| state.name() == Some(*name));
    assert!(own.len() == 1 && has_link(own[0], device.number()), "{state:?}");
    assert!(others.iter().all(|name| has_no_link(*name)));
    // Not before: udev looks at a device anew whenever a writer closes it, and would hardly come to the threads' cookies.
    Pattern::new(1).write(&device.path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap();
}
