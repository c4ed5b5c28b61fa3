//! Operations that suspend a device depend neither on udev nor on semaphores.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command as Program, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::paths::{is_device, mapper_path};
use dm_core::udev::{Strategy, Udev};
use dm_core::{DmName, Host, Message, RemovePolicy, SetupOptions, Steps};
use dm_testing::{Scratch, require};
use nix::sched::{CloneFlags, unshare};

use crate::daemon::{FewSemaphores, Gone};
use crate::support::{PATIENTLY, exists, info, without_udev, zero};

/// Much shorter than the timeout of 30 s.
const QUICKLY: Duration = Duration::from_secs(20);

/// Every operation that suspends or resumes a device of zeros, which stays resumed, and its removal.
fn suspend_in_every_way(scratch: &Scratch, host: &Host, name: &DmName) {
    host.create(name, [zero()]).unwrap();
    host.suspend(name).unwrap();
    host.resume(name).unwrap();
    host.reload(name, [zero()]).unwrap();
    host.while_suspended(name, Steps::new()).unwrap();
    let suspended = host.suspend_stack(name).unwrap();
    host.resume_stack(&suspended).unwrap();
    assert!(!info(scratch, name).is_suspended());
    // A message that the target does not support fails while the device is suspended.
    let steps = Steps::new().message(host, name, Message::new("nonsense")).unwrap();
    host.while_suspended(name, steps).unwrap_err();
    assert!(!info(scratch, name).is_suspended());
    host.remove_with(name, PATIENTLY).unwrap();
    assert!(!exists(scratch, name));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_semaphores_nothing_stays_suspended() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let name = scratch.name("device").unwrap();
    let _few = FewSemaphores::new();
    for strategy in [Strategy::Auto, Strategy::Cookies] {
        suspend_in_every_way(&scratch, &crate::support::host(&scratch, strategy), &name);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn if_udev_stops_after_the_host_was_opened_nothing_stays_suspended() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let name = scratch.name("device").unwrap();
    let host = scratch.host().clone();
    assert_eq!(host.udev().check_cookies(), Ok(()));
    let _gone = Gone::new();
    suspend_in_every_way(&scratch, &host, &name);
}

/// A process named udevd of an ordinary user, in this thread's IPC namespace.
struct FalseDaemon(Child);

impl FalseDaemon {
    fn new() -> Self {
        let script = "printf udevd >/proc/self/comm; while :; do sleep 1; done";
        let mut program = Program::new("sh");
        program.args(["-c", script]).stdin(Stdio::null()).uid(65534).gid(65534);
        Self(program.spawn().unwrap())
    }
}

impl Drop for FalseDaemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_ordinary_users_process_called_udevd_changes_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev(), require::program("sh")]) else {
        return;
    };
    let name = scratch.name("device").unwrap();
    let _here = FalseDaemon::new();
    let _elsewhere = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWIPC).unwrap();
        FalseDaemon::new()
    })
    .join()
    .unwrap();
    assert_eq!(Udev::default().check_cookies(), Ok(()));
    suspend_in_every_way(&scratch, scratch.host(), &name);
    let _gone = Gone::new();
    let begun = Instant::now();
    suspend_in_every_way(&scratch, &crate::support::host(&scratch, Strategy::Cookies), &name);
    assert!(begun.elapsed() < QUICKLY.saturating_mul(3), "the false daemon was waited for: {:?}", begun.elapsed());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_udev_a_deferred_removal_leaves_no_path_to_the_next_owner_of_the_number() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let [first, second] = ["first", "second"].map(|suffix| scratch.name(suffix).unwrap());
    let _gone = Gone::new();
    let host = scratch.host();
    let number = host.create(&first, [zero()]).unwrap().number();
    assert!(is_device(&mapper_path(&first), number));
    let user = std::fs::File::open(host.path(&first).unwrap()).unwrap();
    let removal = host.remove_with(&first, RemovePolicy::new().deferred(true)).unwrap();
    assert_eq!(removal, dm_core::Removal::Deferred);
    drop(user);
    dm_testing::wait_until("the removal", QUICKLY, || !exists(&scratch, &first)).unwrap();
    // A program that makes no nodes creates a device with the same number.
    let options = SetupOptions::new().minor(number.minor);
    let owner = without_udev(&scratch);
    // The number becomes free a moment after the name.
    let is_made = || owner.create_with(&second, [zero()], options).is_ok();
    dm_testing::wait_until("the number to be free", QUICKLY, is_made).unwrap();
    assert!(mapper_path(&first).symlink_metadata().is_err(), "the old name leads to another device");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_deferred_removal_that_is_cancelled_has_its_node_again() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let name = scratch.name("device").unwrap();
    let _gone = Gone::new();
    let host = scratch.host();
    let number = host.create(&name, [zero()]).unwrap().number();
    let _user = std::fs::File::open(host.path(&name).unwrap()).unwrap();
    host.remove_with(&name, RemovePolicy::new().deferred(true)).unwrap();
    host.cancel_deferred_remove(&name).unwrap();
    assert!(is_device(&mapper_path(&name), number) && !info(&scratch, &name).is_deferred_remove());
}
