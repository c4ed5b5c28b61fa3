//! Other processes and threads change the same devices at every moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dm_core::{Host, Message, Steps};

use crate::cases::{all, era, line, number, old, state};
use crate::kernel::{Kernel, Plan};
use crate::model::{Device, Table};

/// A device with a table in its inactive slot, which a resume would activate.
fn stranger() -> Device {
    Device { inactive: Some(Table::new("zero", "")), ..Device::new("stranger", Some(old())) }
}

/// Makes another process remove the device and create another one with its number. Returns whether it could.
fn take_number(kernel: &Kernel) -> bool {
    let is_closed = kernel.state().devices.contains_key(&0) && kernel.state().open_count(0) == 0;
    if is_closed {
        kernel.other().device_remove(number(0)).unwrap();
        kernel.add(0, &stranger());
    }
    is_closed
}

#[test]
fn a_device_that_took_the_number_of_a_removed_one_is_left_alone() {
    let mut runs = 0;
    let by_name_or_uuid = |name: &str| !name.contains("by number") && !name.contains("resumption of a stack");
    for case in all().into_iter().filter(|case| by_name_or_uuid(&case.name)) {
        if !case.before.devices.contains_key(&0) || case.before.open_count(0) > 0 {
            continue;
        }
        for n in 2..30 {
            let kernel = Kernel::new(&case.before);
            kernel.set_plan(Plan::default());
            let is_taken = Arc::new(AtomicBool::new(false));
            let taken = Arc::clone(&is_taken);
            kernel.interfere(n, move |kernel| taken.store(take_number(kernel), Ordering::SeqCst));
            let result = (case.run)(&kernel.host());
            if kernel.sent().len() < n {
                break;
            }
            if !is_taken.load(Ordering::SeqCst) {
                continue;
            }
            runs += 1;
            let now = kernel.state();
            assert_eq!(now.devices.get(&0), Some(&stranger()), "{}, at command {n}: {result:?}", case.name);
        }
    }
    assert!(runs > 100, "{runs}");
}

#[test]
fn a_device_that_is_renamed_meanwhile_is_not_left_suspended_without_a_word() {
    let mut runs = 0;
    for case in all() {
        if case.name.contains("by number") || case.before.named("a").is_none_or(|device| device.suspended) {
            continue;
        }
        for n in 2..30 {
            let kernel = Kernel::new(&case.before);
            kernel.set_plan(Plan::default());
            kernel.interfere(n, |kernel| {
                let _ = kernel.other().device_rename("a", "renamed");
            });
            let result = (case.run)(&kernel.host());
            if kernel.sent().len() < n {
                break;
            }
            runs += 1;
            let is_suspended = kernel.state().named("renamed").is_some_and(|device| device.suspended);
            let is_told = match &result {
                Ok(()) => case.name.starts_with("suspend"),
                Err(error) => !error.is_undone(),
            };
            assert!(!is_suspended || is_told, "{}, at command {n}: {result:?}", case.name);
        }
    }
    assert!(runs > 100, "{runs}");
}

/// An origin and its pool.
fn pool() -> Kernel {
    let kernel = Kernel::new(&state([Device::new("origin", Some(old())), Device::new("pool", Some(era()))]));
    kernel.take_messages_only_while_suspended("origin");
    kernel
}

#[test]
fn no_snapshot_is_taken_while_the_origin_serves_io() {
    let kernel = pool();
    let host = kernel.host();
    let (is_over, host) = (&AtomicBool::new(false), &host);
    thread::scope(|threads| {
        let snapshots: Vec<_> = (0..4)
            .map(|_| {
                threads.spawn(move || {
                    for _ in 0..100 {
                        let message = Message::new("checkpoint");
                        let steps = Steps::new().message(host, "pool", message).unwrap();
                        host.while_suspended("origin", steps).unwrap();
                    }
                })
            })
            .collect();
        // Devices that look unfinished or suspended belong to another thread.
        let others: [fn(&Host); 4] = [
            |host| {
                host.setup("origin", line()).unwrap();
            },
            |host| {
                host.reload("origin", line()).unwrap();
            },
            |host| {
                host.resume("origin").unwrap();
            },
            |host| {
                host.suspend_stack("origin").unwrap();
                host.resume_stack(&[number(0)]).unwrap();
            },
        ];
        for other in others {
            threads.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    other(host);
                    thread::yield_now();
                }
            });
        }
        let ended: Vec<_> = snapshots.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(ended.into_iter().all(|ended| ended.is_ok()));
    });
    let state = kernel.state();
    assert_eq!(state.messages, 400);
    assert!(!kernel.has_suspended());
}

#[test]
fn hosts_of_two_processes_take_turns_by_a_lock_directory() {
    let kernel = pool();
    let folder = tempfile::tempdir().unwrap();
    // Hosts that are not clones share only the directory, like those of two processes.
    thread::scope(|threads| {
        for _ in 0..4 {
            let host = kernel.host().with_lock_dir(folder.path());
            threads.spawn(move || {
                for _ in 0..25 {
                    let message = Message::new("checkpoint");
                    let steps = Steps::new().message(&host, "pool", message).unwrap();
                    host.while_suspended("origin", steps).unwrap();
                }
            });
        }
    });
    assert!(kernel.state().messages == 100 && !kernel.has_suspended());
}
