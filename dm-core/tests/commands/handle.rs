//! Handles are cloned cheaply and used from several threads, and replies outlive them.

use std::thread;

use dm_core::{Command, Dm, OpenError};

use crate::support::{Answer, Layout, Script, devices};

/// A kernel that lists two devices.
fn lists_two() -> Script {
    let payload = devices(&["one", "two"], Layout::EventNumbers);
    Script::new().answer(Command::ListDevices, Answer::new().payload(payload))
}

#[test]
fn replies_outlive_the_handle_and_each_other() {
    let dm = lists_two().dm();
    let replies: Vec<_> = (0..10).map(|_| dm.list_devices().unwrap()).collect();
    drop(dm);
    for list in &replies {
        let names: Vec<_> = list.iter().map(|device| device.unwrap().name.to_string()).collect();
        assert_eq!(names, ["one", "two"]);
    }
}

#[test]
fn clones_share_the_memory_that_replies_gave_back() {
    let dm = lists_two().dm();
    drop(dm.list_devices().unwrap());
    let idle = dm.idle_memory();
    assert!(idle > 0);
    let clone = dm.clone();
    assert_eq!(clone.idle_memory(), idle);
    let list = clone.list_devices().unwrap();
    assert_eq!(dm.idle_memory(), 0, "the reply uses it");
    drop(list);
    assert_eq!(dm.idle_memory(), idle);
}

#[test]
fn no_more_than_a_few_replies_are_kept_for_later() {
    let dm = lists_two().dm();
    let replies: Vec<_> = (0..50).map(|_| dm.list_devices().unwrap()).collect();
    drop(replies);
    assert!(dm.idle_memory() <= 4 * 16 * 1024, "{}", dm.idle_memory());
}

#[test]
fn threads_share_a_handle() {
    fn is_send_and_sync<T: Clone + Send + Sync + 'static>() {}
    is_send_and_sync::<Dm>();
    let (dm, script) = lists_two().start();
    thread::scope(|scope| {
        for _ in 0..4 {
            let dm = dm.clone();
            scope.spawn(move || {
                for _ in 0..200 {
                    let list = dm.list_devices().unwrap();
                    assert_eq!(list.iter().filter(|device| device.is_ok()).count(), 2);
                    dm.device_info("one").unwrap();
                }
            });
        }
    });
    assert_eq!(script.sent().len(), 4 * 200 * 2);
}

#[test]
fn a_transport_can_be_wrapped_by_another_one() {
    let (dm, script) = lists_two().start();
    let wrapped = Dm::with_transport(dm.transport());
    assert_eq!(wrapped.list_devices().unwrap().iter().count(), 2);
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn a_transport_without_descriptors_has_none() {
    let dm = lists_two().dm();
    assert!(dm.poll_fd().is_none());
    assert!(matches!(dm.reopen(), Err(OpenError::NoSecondNode)));
}
