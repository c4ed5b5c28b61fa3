//! Cooperation with udev by cookies.

use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use dm_core::paths::{is_device, kernel_path, mapper_path, udev_path};
use dm_core::udev::{CookieInfo, Strategy, Udev, UdevError, cookies, remove_stale_cookies};
use dm_core::{AsDmName, DeviceInfo, DmName, Host, OpError, OpErrorKind, SetupOptions, UdevFlags};
use dm_testing::{Scratch, require, wait_until};
use dm_units::DeviceNumber;

use crate::child;
use crate::daemon::{FewSemaphores, Stopped};
use crate::support::{PATIENTLY, SOON, exists, host, info, linear, settle, table, without_udev, zero};

/// The keys of the cookies that existed at the start, such as those of other programs.
pub(crate) struct CookieWatch(Vec<u32>);

impl CookieWatch {
    pub(crate) fn new() -> Self {
        Self(cookies().unwrap().iter().map(|cookie| cookie.key).collect())
    }

    fn new_ones(&self) -> Vec<CookieInfo> {
        let mut all = cookies().unwrap();
        all.retain(|cookie| !self.0.contains(&cookie.key));
        all
    }

    pub(crate) fn assert_no_new_cookies(&self) {
        assert_eq!(self.new_ones(), []);
    }
}

/// Options that disable the udev rules that take long, but not those for links and cookies.
pub(crate) fn without_slow_rules<'a>() -> SetupOptions<'a> {
    let slow = UdevFlags::DISABLE_DISK_RULES | UdevFlags::DISABLE_OTHER_RULES | UdevFlags::DISABLE_SUBSYSTEM_RULES;
    SetupOptions::new().udev_flags(slow)
}

/// Creates a device of zeros.
pub(crate) fn create(host: &Host, name: impl AsDmName) -> Result<DeviceInfo, OpError> {
    host.create(name, [zero()])
}

/// Whether `/dev/mapper` has a link to the device.
pub(crate) fn has_link(name: &DmName, number: DeviceNumber) -> bool {
    [mapper_path(name), udev_path(name)].iter().any(|path| is_device(path, number))
}

/// Whether `/dev/mapper` has no link with this name, not even a broken one.
pub(crate) fn has_no_link(name: &DmName) -> bool {
    [mapper_path(name), udev_path(name)].iter().all(|path| path.symlink_metadata().is_err())
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn links_follow_the_life_of_a_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), scratch.host());
    assert_eq!(host.udev().check_cookies(), Ok(()));
    let [old, new] = ["мой диск", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let number = create(host, &old).unwrap().number();
    assert!(has_link(&old, number));
    assert_eq!(host.path(&old).unwrap(), udev_path(&old));

    host.rename(&old, &new).unwrap();
    assert!(has_link(&new, number) && has_no_link(&old));

    host.remove_with(&new, PATIENTLY).unwrap();
    assert!(has_no_link(&new) && !is_device(&kernel_path(number), number));
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn one_cookie_is_enough_for_many_operations() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = CookieWatch::new();
    let names: Vec<_> = (0..5).map(|index| scratch.name(format!("device {index}")).unwrap()).collect();
    let batch = scratch.host().batch();
    let create = |name: &dm_core::DmNameBuf| {
        let created = create(&batch, name).unwrap();
        // This has no effect, so udev does not answer it.
        batch.resume(name).unwrap();
        assert_eq!(watch.new_ones().len(), 1);
        created.number()
    };
    let numbers: Vec<_> = names.iter().map(create).collect();
    batch.finish().unwrap();
    for (name, &number) in names.iter().zip(&numbers) {
        assert!(has_link(name, number));
    }
    let batch = scratch.host().batch();
    for name in &names {
        batch.remove_with(name, PATIENTLY).unwrap();
    }
    batch.finish().unwrap();
    assert!(names.iter().all(|name| has_no_link(name)));
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn commands_that_fail_are_not_waited_for() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = CookieWatch::new();
    let [device, taken] = ["device", "taken"].map(|suffix| scratch.map(suffix, [zero()]).unwrap());
    let missing = scratch.name("missing").unwrap();
    let user = File::open(device.path()).unwrap();
    let batch = scratch.host().batch();
    assert!(batch.remove(&device).unwrap_err().is_busy());
    assert!(batch.remove(&missing).unwrap_err().is_not_found());
    assert!(batch.resume(&missing).unwrap_err().is_not_found());
    assert!(batch.rename(&device, taken.name()).unwrap_err().is_already_exists());
    let begun = Instant::now();
    batch.finish().unwrap();
    assert!(begun.elapsed() < SOON);
    watch.assert_no_new_cookies();
    drop(user);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn flags_reach_the_rules() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, name) = (CookieWatch::new(), scratch.name("device").unwrap());
    let options = SetupOptions::new().udev_flags(UdevFlags::DISABLE_DM_RULES);
    let number = scratch.host().create_with(&name, [zero()], options).unwrap().number();
    assert!(has_no_link(&name));
    assert_eq!(scratch.host().path(&name).unwrap(), kernel_path(number));
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn cookies_of_killed_programs_are_found_and_removed() {
    const AGE: Duration = Duration::from_secs(2);
    if let Some(name) = child::order() {
        let batch = Host::open().unwrap().batch();
        create(&batch, &name).unwrap();
        child::die();
    }
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = CookieWatch::new();
    assert!(child::was_killed(child::run(&scratch.name("device").unwrap().to_string())));
    let is_answered = |cookie: &CookieInfo| cookie.pending == Some(1) && cookie.uid == 0;
    wait_until("udev's answer", SOON, || matches!(&watch.new_ones()[..], [cookie] if is_answered(cookie))).unwrap();
    let found = watch.new_ones();
    // It is too recent.
    remove_stale_cookies(&found, Duration::from_secs(3600)).unwrap();
    assert_eq!(watch.new_ones(), found);
    let is_removed = || {
        let stale = remove_stale_cookies(&found, AGE).unwrap();
        stale.iter().any(|stale| found.contains(&stale.cookie) && stale.removed.is_ok())
    };
    wait_until("the cookie to be old", SOON, is_removed).unwrap();
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_panic_leaves_no_semaphore() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, name) = (CookieWatch::new(), scratch.name("device").unwrap());
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let batch = scratch.host().batch();
        create(&batch, &name).unwrap();
        assert_eq!(watch.new_ones().len(), 1);
        panic::resume_unwind(Box::new("in the middle"));
    }));
    assert!(caught.is_err());
    watch.assert_no_new_cookies();
    assert!(info(&scratch, &name).has_active_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_late_answer_is_not_taken_for_that_of_the_next_batch() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, name) = (CookieWatch::new(), scratch.name("device").unwrap());
    let stopped = Stopped::new();
    let forgotten = scratch.host().batch();
    create(&forgotten, &name).unwrap();
    drop(forgotten);
    let next = scratch.host().batch();
    // This has no effect, so only the batch's own step is pending.
    next.resume(&name).unwrap();
    drop(stopped);
    settle();
    let pending: Vec<_> = watch.new_ones().iter().map(|cookie| cookie.pending).collect();
    assert_eq!(pending, [Some(1)]);
    next.finish().unwrap();
    watch.assert_no_new_cookies();
}

/// The time to wait for a udev that does not answer.
const TIMEOUT: Duration = Duration::from_millis(300);

/// The scratch's host with a short timeout for cookies.
fn impatient(scratch: &Scratch) -> Host {
    scratch.host().clone().with_udev(Udev::new(Strategy::Cookies).timeout(TIMEOUT))
}

fn is_late(error: &OpError) -> bool {
    matches!(error.kind(), OpErrorKind::Udev(UdevError::TimedOut { pending: 1, .. })) && error.is_timed_out()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_creation_that_udev_does_not_answer_is_undone() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, name) = (CookieWatch::new(), scratch.name("device").unwrap());
    let stopped = Stopped::new();
    let begun = Instant::now();
    let error = create(&impatient(&scratch), &name).unwrap_err();
    assert!((TIMEOUT..SOON).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(is_late(&error) && error.is_undone() && !exists(&scratch, &name), "{error}");
    watch.assert_no_new_cookies();
    drop(stopped);
    settle();
    assert!(has_no_link(&name));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn operations_that_udev_does_not_answer_are_carried_out() {
    let Some(scratch) = Scratch::new(&["linear", "zero"].map(require::target)) else { return };
    if !require::met(&[require::udev()]) {
        return;
    }
    let (watch, host) = (CookieWatch::new(), impatient(&scratch));
    let lower = scratch.map("lower", [zero()]).unwrap();
    let [old, new] = ["old", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let stopped = Stopped::new();
    let batch = host.batch();
    let number = create(&batch, &old).unwrap().number();
    let is_done = |error: OpError| assert!(is_late(&error) && error.is_done(), "{error}");
    is_done(batch.finish().unwrap_err());
    assert!(info(&scratch, &old).has_active_table());
    assert_eq!(host.path(&old).unwrap(), kernel_path(number));

    is_done(host.reload(&old, [linear(lower.number())]).unwrap_err());
    assert_eq!(table(&scratch, &old), [format!("0 64 linear {} 0", lower.number())]);
    is_done(host.rename(&old, &new).unwrap_err());
    assert_eq!(info(&scratch, &new).number(), number);
    watch.assert_no_new_cookies();
    drop(stopped);
    wait_until("udev", SOON, || has_link(&new, number)).unwrap();

    let stopped = Stopped::new();
    is_done(host.remove_with(&new, PATIENTLY).unwrap_err());
    assert!(!exists(&scratch, &new));
    drop(stopped);
    wait_until("udev", SOON, || has_no_link(&new)).unwrap();
    watch.assert_no_new_cookies();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_path_never_leads_to_another_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (host, name) = (scratch.host(), scratch.name("device").unwrap());
    let old = create(host, &name).unwrap().number();
    let link = mapper_path(&name);
    assert!(is_device(&link, old));
    // While udev is stopped, the number is given to another device, and the name to a third one.
    let (stopped, quiet) = (Stopped::new(), without_udev(&scratch));
    quiet.remove_with(old, PATIENTLY).unwrap();
    let heir = scratch.name("heir").unwrap();
    let options = SetupOptions::new().minor(old.minor);
    assert_eq!(quiet.create_with(&heir, [zero()], options).unwrap().number(), old);
    let new = create(&quiet, &name).unwrap().number();
    assert!(new != old && is_device(&link, old), "the link is stale");
    assert_eq!(host.path(&name).unwrap(), kernel_path(new));
    assert!(host.path(DeviceNumber::new(4000, 1)).unwrap_err().is_not_found());
    drop(stopped);
    wait_until("udev", SOON, || is_device(&link, new)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_semaphores_links_are_waited_for() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = CookieWatch::new();
    let name = scratch.name("device").unwrap();
    let few = FewSemaphores::new();
    for strategy in [Strategy::Auto, Strategy::Cookies] {
        let host = host(&scratch, strategy);
        let number = create(&host, &name).unwrap().number();
        assert!(has_link(&name, number));
        host.remove_with(&name, PATIENTLY).unwrap();
        assert!(has_no_link(&name));
    }
    drop(few);
    watch.assert_no_new_cookies();
}
