//! Where cookies don't work.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dm_core::paths::{is_device, mapper_dir, mapper_path};
use dm_core::udev::{NoCookies, Strategy, Udev, UdevError};
use dm_core::{Buffer, RenameOptions, SetupOptions};
use dm_testing::{Scratch, require};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, mknod};

use crate::child;
use crate::cookies::{Watch, has_link, has_no_link, remove, set_up};
use crate::daemon::{Gone, Stopped};
use crate::support::{cover, exists, info, with_own_mounts, zero};

/// What `/dev` looks like after each command of a device's life.
fn links_follow(scratch: &Scratch, udev: &Udev) {
    let [old, new] = ["my old", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let (old, new) = (old.as_borrowed(), new.as_borrowed());
    let number = set_up(scratch, udev, old).number();
    assert!(has_link(old, number));
    assert!(udev.path_of(old, number).unwrap().starts_with(mapper_dir()));
    let mut batch = udev.batch().unwrap();
    batch.rename(scratch.dm(), old, new, RenameOptions::new()).unwrap();
    batch.finish().unwrap();
    assert!(has_link(new, number) && has_no_link(old));
    remove(scratch, udev, new);
    assert!(!exists(scratch, new) && has_no_link(new));
}

fn refusal() -> NoCookies {
    match Udev::new(Strategy::Cookies) {
        Err(UdevError::WouldHang(reason)) => reason,
        other => unreachable!("{other:?}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_can_be_waited_for() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    links_follow(&scratch, &Udev::new(Strategy::WaitForNodes).unwrap());
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_are_not_waited_for_for_ever() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let name = scratch.name("device").unwrap();
    let udev = Udev::new(Strategy::WaitForNodes).unwrap().deadline(Duration::from_millis(100));
    let _stopped = Stopped::new();
    let mut batch = udev.batch().unwrap();
    let options = SetupOptions::new();
    batch.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), [zero()], options).unwrap();
    let error = batch.finish().unwrap_err();
    assert!(matches!(error, UdevError::NodeTimedOut { .. }), "{error}");
    assert!(error.to_string().starts_with("the operation took effect"), "{error}");
    assert!(info(&scratch, &name).has_active_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nothing_need_be_done_about_nodes() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let watch = Watch::new();
    let name = scratch.name("device").unwrap();
    let udev = Udev::new(Strategy::None).unwrap();
    let number = set_up(&scratch, &udev, name.as_borrowed()).number();
    assert!(is_device(&udev.path_of(name.as_borrowed(), number).unwrap(), number));
    remove(&scratch, &udev, name.as_borrowed());
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn udev_does_not_see_semaphores_of_another_namespace() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let before = Udev::new(Strategy::Cookies).unwrap();
    thread::scope(|scope| {
        // A thread can have one of its own, as a process can.
        scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWIPC).unwrap();
            assert_eq!(refusal(), NoCookies::OtherIpcNamespace);
            assert!(matches!(before.batch(), Err(UdevError::WouldHang(NoCookies::OtherIpcNamespace))));
            let udev = Udev::new(Strategy::Auto).unwrap();
            assert_eq!(udev.strategy(), Strategy::WaitForNodes);
            links_follow(&scratch, &udev);
        });
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_program_in_another_namespace_recognises_it() {
    if child::order().is_some() {
        assert_eq!(refusal(), NoCookies::OtherIpcNamespace);
        assert_eq!(Udev::new(Strategy::Auto).unwrap().strategy(), Strategy::WaitForNodes);
        return;
    }
    if require::met(&[require::udev(), require::program("unshare")]) {
        assert!(child::command("look", &["unshare", "--ipc"]).status().unwrap().success());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_udev_nodes_are_made_here() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    let before = Udev::new(Strategy::Cookies).unwrap();
    let _gone = Gone::new();
    assert_eq!(refusal(), NoCookies::NoUdev);
    assert!(matches!(before.batch(), Err(UdevError::WouldHang(NoCookies::NoUdev))));
    let udev = Udev::new(Strategy::Auto).unwrap();
    assert_eq!(udev.strategy(), Strategy::MakeNodes);
    links_follow(&scratch, &udev);

    // What stands there for another device, or for none, gives way.
    let [first, second] = ["first", "second"].map(|suffix| scratch.name(suffix).unwrap());
    let (first, second) = (first.as_borrowed(), second.as_borrowed());
    let other = set_up(&scratch, &udev, first).number();
    let place = mapper_path(second);
    let stale: [&dyn Fn(); 3] = [
        &|| symlink(format!("../dm-{}", other.minor), &place).unwrap(),
        &|| symlink("../nowhere", &place).unwrap(),
        &|| mknod(&place, SFlag::S_IFBLK, Mode::S_IRUSR, other.to_dev_t()).unwrap(),
    ];
    for make in stale {
        make();
        let number = set_up(&scratch, &udev, second).number();
        assert!(has_link(second, number));
        remove(&scratch, &udev, second);
        assert!(has_no_link(second) && has_link(first, other));
    }
    remove(&scratch, &udev, first);
    watch.nothing_is_left();
}

/// The folders that udev reads rules from.
const RULES: [&str; 5] = [
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_rules_nodes_are_made_here() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let nothing = tempfile::tempdir().unwrap();
    // The daemon still has its rules, and must not be the one who makes links.
    let _stopped = Stopped::new();
    with_own_mounts(|| {
        RULES.iter().filter(|folder| Path::new(folder).exists()).for_each(|folder| cover(folder, nothing.path()));
        assert_eq!(refusal(), NoCookies::NoRules);
        let udev = Udev::new(Strategy::Auto).unwrap();
        assert_eq!(udev.strategy(), Strategy::MakeNodes);
        links_follow(&scratch, &udev);
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_environment_can_say_that_there_is_no_udev() {
    if child::order().is_some() {
        assert_eq!(refusal(), NoCookies::Disabled);
        assert_eq!(Udev::new(Strategy::Auto).unwrap().strategy(), Strategy::MakeNodes);
        return;
    }
    if require::met(&[require::udev()]) {
        assert_eq!(Udev::new(Strategy::Auto).unwrap().strategy(), Strategy::Cookies);
        assert!(child::command("look", &[]).env("DM_DISABLE_UDEV", "1").status().unwrap().success());
    }
}
