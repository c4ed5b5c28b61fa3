//! Operations where udev answers no cookies.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dm_core::paths::{is_device, mapper_dir, mapper_path};
use dm_core::udev::{NoCookies, Strategy, Udev, UdevError};
use dm_core::{Host, OpErrorKind};
use dm_testing::{Scratch, require, wait_until};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, mknod};

use crate::child;
use crate::cookies::{CookieWatch, create, has_link, has_no_link};
use crate::daemon::{Gone, Stopped};
use crate::support::{PATIENTLY, SOON, cover, exists, host, info, with_own_mounts};

/// Waits until a link is as expected. Without a cookie, the end of udev's work is unknown: it may still process an
/// earlier event, and remove a link for a moment to replace it.
fn soon(link_is_right: impl Fn() -> bool) -> bool {
    wait_until("the links to be as they should", SOON, link_is_right).is_ok()
}

/// Checks `/dev` after each operation of a device's life.
fn links_follow(host: &Host, scratch: &Scratch) {
    let [old, new] = ["my old", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let number = create(host, &old).unwrap().number();
    assert!(soon(|| has_link(&old, number)));
    assert!(soon(|| host.path(&old).unwrap().starts_with(mapper_dir())));
    host.rename(&old, &new).unwrap();
    assert!(soon(|| has_link(&new, number) && has_no_link(&old)));
    host.remove_with(&new, PATIENTLY).unwrap();
    assert!(!exists(scratch, &new) && soon(|| has_no_link(&new)));
}

/// The reason why udev answers no cookies.
fn reason() -> NoCookies {
    Udev::default().check_cookies().unwrap_err()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_can_be_waited_for() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = CookieWatch::new();
    links_follow(&host(&scratch, Strategy::WaitForNodes), &scratch);
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_are_waited_for_until_the_timeout() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let name = scratch.name("device").unwrap();
    let udev = Udev::new(Strategy::WaitForNodes).timeout(Duration::from_millis(100));
    let host = scratch.host().clone().with_udev(udev);
    let _stopped = Stopped::new();
    let batch = host.batch();
    create(&batch, &name).unwrap();
    let error = batch.finish().unwrap_err();
    assert!(matches!(error.kind(), OpErrorKind::Udev(UdevError::NodeTimedOut { .. })), "{error}");
    assert!(error.is_timed_out() && error.is_done(), "{error}");
    assert!(info(&scratch, &name).has_active_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_can_be_left_alone() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let (watch, host) = (CookieWatch::new(), host(&scratch, Strategy::None));
    let name = scratch.name("device").unwrap();
    let number = create(&host, &name).unwrap().number();
    assert!(is_device(&host.path(&name).unwrap(), number));
    host.remove_with(&name, PATIENTLY).unwrap();
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn links_are_waited_for_in_another_ipc_namespace() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    thread::scope(|scope| {
        // A thread can have a separate one, like a process.
        scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWIPC).unwrap();
            assert_eq!(reason(), NoCookies::OtherIpcNamespace);
            links_follow(scratch.host(), &scratch);
            // udev does not see this semaphore.
            links_follow(&host(&scratch, Strategy::Cookies), &scratch);
        });
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_program_detects_that_udev_is_in_another_ipc_namespace() {
    if child::order().is_some() {
        return assert_eq!(reason(), NoCookies::OtherIpcNamespace);
    }
    if require::met(&[require::udev(), require::program("unshare")]) {
        assert!(child::command("look", &["unshare", "--ipc"]).status().unwrap().success());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_udev_nodes_are_made_here() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), scratch.host());
    // The daemon is killed, so its control socket still exists.
    let gone = Gone::new();
    links_follow(host, &scratch);

    // A wrong or broken link in the place of a node is replaced.
    let [first, second] = ["first", "second"].map(|suffix| scratch.name(suffix).unwrap());
    let other = create(host, &first).unwrap().number();
    let place = mapper_path(&second);
    let stale: [&dyn Fn(); 3] = [
        &|| symlink(format!("../dm-{}", other.minor), &place).unwrap(),
        &|| symlink("../nowhere", &place).unwrap(),
        &|| mknod(&place, SFlag::S_IFBLK, Mode::S_IRUSR, other.to_dev_t()).unwrap(),
    ];
    for make in stale {
        make();
        let number = create(host, &second).unwrap().number();
        assert!(has_link(&second, number));
        host.remove_with(&second, PATIENTLY).unwrap();
        assert!(has_no_link(&second) && has_link(&first, other));
    }
    host.remove_with(&first, PATIENTLY).unwrap();
    drop(gone);
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_host_adapts_when_udev_stops_and_starts() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = CookieWatch::new();
    for strategy in [Strategy::Auto, Strategy::Cookies] {
        let host = host(&scratch, strategy);
        links_follow(&host, &scratch);
        let gone = Gone::new();
        links_follow(&host, &scratch);
        drop(gone);
        links_follow(&host, &scratch);
    }
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_a_control_socket_of_udev_nodes_are_made_here() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let nothing = tempfile::tempdir().unwrap();
    // The daemon must not make the links.
    let _stopped = Stopped::new();
    with_own_mounts(|| {
        cover("/run/udev", nothing.path());
        assert_eq!(reason(), NoCookies::NoUdev);
        links_follow(scratch.host(), &scratch);
    });
}

/// The directories of udev's rules.
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
    // The daemon still has its rules, but must not make the links.
    let _stopped = Stopped::new();
    with_own_mounts(|| {
        RULES.iter().filter(|folder| Path::new(folder).exists()).for_each(|folder| cover(folder, nothing.path()));
        assert_eq!(reason(), NoCookies::NoRules);
        links_follow(scratch.host(), &scratch);
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_environment_can_say_that_there_is_no_udev() {
    if child::order().is_some() {
        return assert_eq!(reason(), NoCookies::Disabled);
    }
    if require::met(&[require::udev()]) {
        assert_eq!(Udev::default().check_cookies(), Ok(()));
        assert!(child::command("look", &[]).env("DM_DISABLE_UDEV", "1").status().unwrap().success());
    }
}
