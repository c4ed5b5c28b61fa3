//! Many threads at the same time, each with separate cookies.

use std::thread;

use dm_core::udev::Strategy;
use dm_core::{DmName, Host, OpError, StatusOptions};
use dm_testing::{MappedDevice, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::cookies::{CookieWatch, create, has_link, has_no_link};
use crate::support::{LENGTH, PATIENTLY, exists, host, info, linear, settle, zero};

const THREADS: usize = 16;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_threads_have_a_device_each() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), host(&scratch, Strategy::Cookies));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scratch, host) = (&scratch, &host);
            scope.spawn(move || {
                let name = scratch.name(format!("{thread}")).unwrap();
                let number = create(host, &name).unwrap().number();
                assert!(has_link(&name, number));
                host.remove_with(&name, PATIENTLY).unwrap();
                assert!(has_no_link(&name));
            });
        }
    });
    watch.assert_no_new_cookies();
}

/// The results of the same operation in many threads.
fn in_threads<R: Send>(operation: impl Fn() -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(&operation)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn of_many_threads_one_creates_and_one_removes_a_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), host(&scratch, Strategy::Cookies));
    let name = scratch.name("device").unwrap();
    let mut created = in_threads(|| create(&host, &name));
    // The other threads have changed nothing.
    created.retain(|created| !created.as_ref().is_err_and(|error| error.is_already_exists() && error.is_undone()));
    assert!(matches!(created[..], [Ok(_)]), "{created:?}");
    assert!(has_link(&name, info(&scratch, &name).number()));

    let mut removed = in_threads(|| host.remove_with(&name, PATIENTLY));
    removed.retain(|removed| !removed.as_ref().is_err_and(OpError::is_not_found));
    assert!(matches!(removed[..], [Ok(_)]), "{removed:?}");
    assert!(!exists(&scratch, &name) && has_no_link(&name));
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_threads_set_up_one_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), host(&scratch, Strategy::Cookies));
    let name = scratch.name("device").unwrap();
    let numbers: Vec<_> =
        in_threads(|| host.setup(&name, [zero()])).into_iter().map(|set_up| set_up.unwrap().number()).collect();
    let number = info(&scratch, &name).number();
    assert!(numbers.iter().all(|other| *other == number) && has_link(&name, number), "{numbers:?}");
    watch.assert_no_new_cookies();
}

/// The operations of each thread on a device that all use.
fn work_on(host: &Host, device: &MappedDevice, own_name: &DmName) {
    let (dm, batch) = (host.dm(), host.batch());
    // The kernel refuses a change that another thread has made after this one has read the state.
    let or_was_slower = |result: Result<_, OpError>| match result {
        Err(error) if error.is_invalid() || error.is_not_found() => {}
        result => drop(result.unwrap()),
    };
    or_was_slower(batch.suspend(device));
    or_was_slower(batch.resume(device));
    or_was_slower(batch.rename(device, own_name));
    let status = dm.table_status_with(device, StatusOptions::table().noflush(true)).unwrap();
    assert_eq!(status.iter().map(|line| line.unwrap().length).collect::<Vec<_>>(), [LENGTH]);
    assert_eq!(dm.table_deps(device).unwrap().len(), 1);
    batch.finish().unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_threads_work_on_one_device() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), host(&scratch, Strategy::Cookies));
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("device", [linear(disk.number())]).unwrap();
    let names: Vec<_> = (0..THREADS).map(|thread| scratch.name(format!("{thread}")).unwrap()).collect();
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| work_on(&host, &device, name));
        }
    });
    watch.assert_no_new_cookies();
    let state = info(&scratch, &device);
    assert!(state.has_active_table() && !state.is_suspended(), "{state:?}");
    settle();
    let (own, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| state.name() == Some(name));
    assert!(own.len() == 1 && has_link(own[0], device.number()), "{state:?}");
    assert!(others.iter().all(|name| has_no_link(name)));
    // Not earlier: udev processes a device again whenever a writer closes it, and would delay the threads' cookies.
    Pattern::new(1).write(&device.path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap();
}
