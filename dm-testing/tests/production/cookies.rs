//! Work together with udev, by cookies.

use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use dm_core::paths::{is_device, kernel_path, mapper_path, udev_path};
use dm_core::udev::{CookieInfo, Strategy, Udev, UdevError, cookies, remove_stale_cookies};
use dm_core::{Buffer, DeviceInfo, DmName, RenameOptions, ResumeOptions, SetupOptions, UdevFlags};
use dm_testing::{Scratch, require, wait_until};
use dm_units::DeviceNumber;

use crate::child;
use crate::daemon::{FewSemaphores, Stopped};
use crate::support::{REMOVE, SOON, info, settle, zero};

/// The cookies that were there before, such as those of other programs.
pub(crate) struct Watch(Vec<u32>);

impl Watch {
    pub(crate) fn new() -> Self {
        Self(cookies().unwrap().iter().map(|cookie| cookie.key).collect())
    }

    fn new_ones(&self) -> Vec<CookieInfo> {
        let mut all = cookies().unwrap();
        all.retain(|cookie| !self.0.contains(&cookie.key));
        all
    }

    pub(crate) fn nothing_is_left(&self) {
        assert_eq!(self.new_ones(), []);
    }
}

/// What takes udev long, and has nothing to do with links and cookies.
pub(crate) const QUICK: UdevFlags =
    UdevFlags::DISABLE_DISK_RULES.union(UdevFlags::DISABLE_OTHER_RULES).union(UdevFlags::DISABLE_SUBSYSTEM_RULES);

fn udev() -> Udev {
    Udev::new(Strategy::Cookies).unwrap()
}

/// Sets a device up in a batch of its own.
pub(crate) fn set_up(scratch: &Scratch, udev: &Udev, name: DmName<'_>) -> DeviceInfo {
    let mut batch = udev.batch().unwrap();
    let set_up = batch.setup(scratch.dm(), &mut Buffer::new(), name, [zero()], SetupOptions::new()).unwrap();
    batch.finish().unwrap();
    set_up
}

pub(crate) fn remove(scratch: &Scratch, udev: &Udev, name: DmName<'_>) {
    let mut batch = udev.batch().unwrap();
    batch.remove(scratch.dm(), name, REMOVE).unwrap();
    batch.finish().unwrap();
}

/// Under `/dev/mapper` there is a link to the device.
pub(crate) fn has_link(name: DmName<'_>, number: DeviceNumber) -> bool {
    [mapper_path(name), udev_path(name)].iter().any(|path| is_device(path, number))
}

/// There is none to any device, also none that leads nowhere.
pub(crate) fn has_no_link(name: DmName<'_>) -> bool {
    [mapper_path(name), udev_path(name)].iter().all(|path| path.symlink_metadata().is_err())
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn links_follow_the_life_of_a_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    let udev = Udev::new(Strategy::Auto).unwrap();
    assert_eq!(udev.strategy(), Strategy::Cookies);
    let [old, new] = ["мой диск", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let (old, new) = (old.as_borrowed(), new.as_borrowed());
    let number = set_up(&scratch, &udev, old).number();
    assert!(has_link(old, number));
    assert_eq!(udev.path_of(old, number).unwrap(), udev_path(old));

    let mut batch = udev.batch().unwrap();
    batch.rename(scratch.dm(), old, new, RenameOptions::new()).unwrap();
    batch.finish().unwrap();
    assert!(has_link(new, number) && has_no_link(old));

    remove(&scratch, &udev, new);
    assert!(has_no_link(new) && !is_device(&kernel_path(number), number));
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn one_cookie_does_for_many_commands() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), udev());
    let names: Vec<_> = (0..5).map(|index| scratch.name(format!("device {index}")).unwrap()).collect();
    let mut batch = udev.batch().unwrap();
    let set_up = |name: &dm_core::DmNameBuf| {
        let lines = [zero()];
        let options = SetupOptions::new();
        let made = batch.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), lines, options).unwrap();
        assert_eq!(watch.new_ones().len(), 1);
        // There is nothing to do, so nobody will answer this one.
        batch.resume(scratch.dm(), name, ResumeOptions::new()).unwrap();
        made.number()
    };
    let numbers: Vec<_> = names.iter().map(set_up).collect();
    batch.finish().unwrap();
    for (name, &number) in names.iter().zip(&numbers) {
        assert!(has_link(name.as_borrowed(), number));
    }
    let mut batch = udev.batch().unwrap();
    for name in &names {
        batch.remove(scratch.dm(), name, REMOVE).unwrap();
    }
    batch.finish().unwrap();
    assert!(names.iter().all(|name| has_no_link(name.as_borrowed())));
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn commands_that_fail_are_not_waited_for() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), udev());
    let missing = scratch.name("missing").unwrap();
    let mut batch = udev.batch().unwrap();
    batch.remove(scratch.dm(), &missing, REMOVE).unwrap_err();
    batch.resume(scratch.dm(), &missing, ResumeOptions::new()).unwrap_err();
    let new = missing.as_borrowed();
    batch.rename(scratch.dm(), new, new, RenameOptions::new()).unwrap_err();
    let begun = Instant::now();
    batch.finish().unwrap();
    assert!(begun.elapsed() < SOON);
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn flags_reach_the_rules() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), udev());
    let name = scratch.name("device").unwrap();
    let mut batch = udev.batch().unwrap();
    batch.set_flags(UdevFlags::DISABLE_DM_RULES);
    let options = SetupOptions::new();
    let made = batch.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), [zero()], options).unwrap();
    batch.finish().unwrap();
    assert!(has_no_link(name.as_borrowed()));
    assert_eq!(udev.path_of(name.as_borrowed(), made.number()).unwrap(), kernel_path(made.number()));
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn what_killed_programs_leave_is_found_and_removed() {
    if child::order().is_some() {
        let _batch = udev().batch().unwrap();
        child::die();
    }
    let Some(_scratch) = Scratch::new(&[require::udev()]) else { return };
    let watch = Watch::new();
    assert!(child::was_killed(child::run("die")));
    let found = watch.new_ones();
    assert!(matches!(found[..], [CookieInfo { pending: Some(1), uid: 0, .. }]), "{found:?}");
    // It is too young.
    remove_stale_cookies(Duration::from_secs(3600)).unwrap();
    assert_eq!(watch.new_ones(), found);
    // The kernel counts in seconds.
    let removed = || remove_stale_cookies(Duration::ZERO).unwrap().iter().any(|cookie| found.contains(cookie));
    wait_until("the cookie to be old", SOON, removed).unwrap();
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_panic_leaves_no_semaphore() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    let name = scratch.name("device").unwrap();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut batch = udev().batch().unwrap();
        let options = SetupOptions::new();
        batch.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), [zero()], options).unwrap();
        panic::resume_unwind(Box::new("in the middle"));
    }));
    assert!(caught.is_err());
    watch.nothing_is_left();
    assert!(info(&scratch, &name).has_active_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, udev) = (Watch::new(), udev());
    let name = scratch.name("device").unwrap();
    let stopped = Stopped::new();
    let mut forgotten = udev.batch().unwrap();
    let options = SetupOptions::new();
    forgotten.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), [zero()], options).unwrap();
    drop(forgotten);
    let next = udev.batch().unwrap();
    drop(stopped);
    settle();
    let pending: Vec<_> = watch.new_ones().iter().map(|cookie| cookie.pending).collect();
    assert_eq!(pending, [Some(1)]);
    next.finish().unwrap();
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn udev_that_does_not_answer_is_not_waited_for_for_ever() {
    const DEADLINE: Duration = Duration::from_millis(300);
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    let name = scratch.name("device").unwrap();
    let mut batch = udev().deadline(DEADLINE).batch().unwrap();
    let stopped = Stopped::new();
    let options = SetupOptions::new();
    let made = batch.setup(scratch.dm(), &mut Buffer::new(), name.as_borrowed(), [zero()], options).unwrap();
    let begun = Instant::now();
    let error = batch.finish().unwrap_err();
    assert!((DEADLINE..SOON).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(matches!(error, UdevError::TimedOut { pending: 1, .. }), "{error}");
    assert!(error.to_string().starts_with("the operation took effect, but udev was not done"), "{error}");
    watch.nothing_is_left();
    // It did take effect.
    assert!(info(&scratch, &name).has_active_table());
    assert_eq!(udev().path_of(name.as_borrowed(), made.number()).unwrap(), kernel_path(made.number()));
    drop(stopped);
    wait_until("udev", SOON, || has_link(name.as_borrowed(), made.number())).unwrap();
    remove(&scratch, &udev(), name.as_borrowed());
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_path_never_leads_to_another_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let udev = udev();
    let name = scratch.name("device").unwrap();
    let old = set_up(&scratch, &udev, name.as_borrowed()).number();
    let link = mapper_path(name.as_borrowed());
    assert!(is_device(&link, old));
    // While udev sleeps, the number goes to another device, and the name to a third one.
    let stopped = Stopped::new();
    scratch.dm().device_remove(old, REMOVE).unwrap();
    let create = dm_core::CreateOptions::new().minor(old.minor);
    let set_up = |name: &dm_core::DmNameBuf, options| {
        scratch.dm().device_setup(&mut Buffer::new(), name.as_borrowed(), [zero()], options).unwrap().number()
    };
    assert_eq!(set_up(&scratch.name("heir").unwrap(), SetupOptions::new().create(create)), old);
    let new = set_up(&name, SetupOptions::new());
    assert!(new != old && is_device(&link, old), "the link is stale");
    assert_eq!(udev.path_of(name.as_borrowed(), new).unwrap(), kernel_path(new));
    assert!(matches!(
        udev.path_of(name.as_borrowed(), dm_units::DeviceNumber::new(4000, 1)),
        Err(UdevError::NoNode { .. })
    ));
    drop(stopped);
    wait_until("udev", SOON, || is_device(&link, new)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn semaphores_can_run_out() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    let udev = udev();
    let few = FewSemaphores::new();
    let error = udev.batch().unwrap_err();
    drop(few);
    assert!(matches!(error, UdevError::Semaphore { .. }) && error.to_string().contains("raise kernel.sem"), "{error}");
    watch.nothing_is_left();
    let name = scratch.name("device").unwrap();
    set_up(&scratch, &udev, name.as_borrowed());
}
