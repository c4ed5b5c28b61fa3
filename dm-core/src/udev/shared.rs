//! [`SharedCookie`]: a cookie that several processes share.

use std::num::NonZeroU16;

use nix::errno::Errno;

use super::Udev;
use super::cookies::{Cookie, is_cookie, key};
use super::error::UdevError;
use super::semaphore::Semaphore;
use super::wait::{Answer, PATIENCE, Waiting};
use crate::wire::{UdevCookie, UdevFlags};

/// A [cookie](crate::udev) that several processes use for their commands. It still exists after the process that
/// created it has ended.
///
/// Processes pass the cookie on by its [number](Self::key). [`Udev::on_cookie`] makes the operations of a host use the
/// cookie. `dmsetup udevcreatecookie` creates the same kind of cookie, and `dmsetup --udevcookie` uses it.
///
/// Dropping this value does not remove the semaphore; [`wait`](Self::wait) and [`remove`](Self::remove) do.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_core::udev::{SharedCookie, Strategy, Udev};
///
/// // A first process, after checking that udev completes cookies:
/// let udev = Udev::new(Strategy::Auto);
/// udev.check_cookies()?;
/// let cookie = SharedCookie::create()?;
/// println!("{:#x}", cookie.key());
///
/// // Others, with that number. Their operations do not wait.
/// # let number = cookie.key();
/// let host = Host::open()?.with_udev(udev.clone().on_cookie(SharedCookie::adopt(number)?));
/// host.rename("home", "house")?;
///
/// // The last one:
/// SharedCookie::adopt(number)?.wait(&udev)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "dm_udev_create_cookie")]
#[doc(alias = "udevcreatecookie")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedCookie {
    base: NonZeroU16,
    semaphore: Semaphore,
}

impl SharedCookie {
    /// Creates a cookie. It starts with one step, the creator's, which [`wait`](Self::wait) subtracts.
    ///
    /// # Errors
    /// [`UdevError::Cookie`]: the kernel's limit of semaphores (`kernel.sem`) is reached.
    pub fn create() -> Result<Self, UdevError> {
        let cookie = Cookie::create().map_err(|source| UdevError::Cookie { what: "create", cookie: None, source })?;
        let (base, semaphore) = cookie.into_parts();
        Self::of(base, semaphore)
    }

    /// Looks up a cookie that another process has created, by the number that [`key`](Self::key) and dmsetup print.
    ///
    /// # Errors
    /// - [`UdevError::NotACookie`]: the number is not the key of a cookie.
    /// - [`is_not_found`](UdevError::is_not_found): the cookie no longer exists.
    #[doc(alias = "--udevcookie")]
    pub fn adopt(number: u32) -> Result<Self, UdevError> {
        if !is_cookie(number) {
            return Err(UdevError::NotACookie { number });
        }
        let found = Semaphore::find(number);
        let semaphore = found.map_err(|source| UdevError::Cookie { what: "find", cookie: Some(number), source })?;
        Self::of(UdevCookie::from_number(number).base(), semaphore)
    }

    fn of(base: u16, semaphore: Semaphore) -> Result<Self, UdevError> {
        let base = NonZeroU16::new(base).ok_or(UdevError::NotACookie { number: key(base) })?;
        Ok(Self { base, semaphore })
    }

    /// The number of the cookie, which is the key of its semaphore.
    #[must_use]
    pub const fn key(self) -> u32 {
        key(self.base.get())
    }

    /// Adds a step for a command that will send a uevent, and returns the cookie to send. Not needed for operations of
    /// a host, which add their steps themselves.
    ///
    /// # Errors
    /// - [`is_not_found`](UdevError::is_not_found): the cookie no longer exists.
    /// - [`is_permission_denied`](UdevError::is_permission_denied): the cookie belongs to another user.
    #[doc(alias = "dm_task_set_cookie")]
    pub fn expect(self, flags: UdevFlags) -> Result<UdevCookie, UdevError> {
        self.semaphore.add(1).map_err(|source| self.failed("use", source))?;
        Ok(UdevCookie::new(self.base.get(), flags))
    }

    /// Subtracts the step of a command that failed or sent no uevent. For the other commands, udev's rules subtract the
    /// step.
    ///
    /// # Errors
    /// As [`expect`](Self::expect). [`UdevError::Cookie`] also if no step is outstanding.
    pub fn complete(self) -> Result<(), UdevError> {
        self.semaphore.add(-1).map_err(|source| self.failed("complete", source))
    }

    /// The number of uevents that udev has not completed. While another process is in [`wait`](Self::wait), the number
    /// is one too small, but never below 0.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    pub fn pending(self) -> Result<u32, UdevError> {
        let value = self.semaphore.value().map_err(|source| self.failed("read", source))?;
        // The creator's 1 is not a uevent.
        Ok(u32::try_from(value).unwrap_or(0).saturating_sub(1))
    }

    /// Whether [`pending`](Self::pending) is 0. udev has then completed the uevents of all commands so far, unless
    /// another process is in [`wait`](Self::wait).
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    #[doc(alias = "dm_udev_wait_immediate")]
    pub fn is_done(self) -> Result<bool, UdevError> {
        Ok(self.pending()? == 0)
    }

    /// Waits until udev has completed all uevents, but at most for the timeout of `udev`. Then removes the cookie, even
    /// after a timeout or if no udev daemon runs. Call this in one process only, since it subtracts the creator's step.
    ///
    /// # Errors
    /// - [`is_timed_out`](UdevError::is_timed_out): udev has not finished within the timeout.
    /// - [`is_not_found`](UdevError::is_not_found): another process has removed the cookie.
    /// - [`is_permission_denied`](UdevError::is_permission_denied): the cookie belongs to another user.
    /// - [`UdevError::NoDaemon`]: no udev daemon runs. Call [`Host::make_nodes`](crate::Host::make_nodes) to make the
    ///   nodes.
    #[doc(alias = "dm_udev_wait")]
    #[doc(alias = "udevreleasecookie")]
    pub fn wait(self, udev: &Udev) -> Result<(), UdevError> {
        // The wait takes every error of the semaphore for its removal.
        self.semaphore.value().map_err(|source| self.failed("wait for", source))?;
        let mut cookie = Cookie::adopted(self.base.get(), self.semaphore);
        let mut waiting = Waiting::new(&udev.facts, &udev.dev, udev.timeout, PATIENCE);
        match waiting.for_cookie(&mut cookie) {
            Answer::Done => Ok(()),
            Answer::NoDaemon => Err(UdevError::NoDaemon { cookie: self.key() }),
            Answer::Removed => Err(self.failed("wait for", Errno::EIDRM)),
            Answer::Late { pending, stopped } => Err(waiting.late_cookie(self.key(), &[], pending, stopped)),
        }
    }

    /// Removes the cookie. Threads in [`wait`](Self::wait) are woken and get an error.
    ///
    /// # Errors
    /// - [`is_not_found`](UdevError::is_not_found): another process has removed the cookie.
    /// - [`is_permission_denied`](UdevError::is_permission_denied): the cookie belongs to another user.
    #[doc(alias = "udevcomplete_all")]
    pub fn remove(self) -> Result<(), UdevError> {
        self.semaphore.remove().map_err(|source| self.failed("remove", source))
    }

    const fn failed(self, what: &'static str, source: Errno) -> UdevError {
        UdevError::Cookie { what, cookie: Some(self.key()), source }
    }
}

/// Returns the names of the variables that represent the flags of a cookie in udev's rules. `dmsetup udevflags` prints
/// each name with the value `1`.
#[doc(alias = "udevflags")]
pub fn rule_variables(flags: UdevFlags) -> impl Iterator<Item = String> {
    const NAMES: [&str; 8] = [
        "DM_UDEV_DISABLE_DM_RULES_FLAG",
        "DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG",
        "DM_UDEV_DISABLE_DISK_RULES_FLAG",
        "DM_UDEV_DISABLE_OTHER_RULES_FLAG",
        "DM_UDEV_LOW_PRIORITY_FLAG",
        "DM_UDEV_DISABLE_LIBRARY_FALLBACK_FLAG",
        "DM_UDEV_PRIMARY_SOURCE_FLAG",
        "DM_UDEV_FLAG7",
    ];
    let own = NAMES.into_iter().map(str::to_owned);
    let subsystems = (0..8).map(|index| format!("DM_SUBSYSTEM_UDEV_FLAG{index}"));
    let is_set = move |bit: &u32| flags.bits().checked_shr(*bit).is_some_and(|bits| bits & 1 == 1);
    (0_u32..).zip(own.chain(subsystems)).filter(move |(bit, _)| is_set(bit)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::udev::alive::fake::{Fake, Process};
    use crate::udev::{Strategy, complete};

    fn udev(fake: &Fake, timeout: Duration) -> Udev {
        Udev { facts: fake.facts(), ..Udev::new(Strategy::Auto).timeout(timeout) }
    }

    fn with_daemon() -> Fake {
        let fake = Fake::new();
        fake.process(20, &Process::UDEV);
        fake
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_cookie_is_handed_over_by_its_number_and_counted_by_all() {
        let made = SharedCookie::create().unwrap();
        let adopted = SharedCookie::adopt(made.key()).unwrap();
        assert_eq!(adopted, made);
        assert!(made.is_done().unwrap());
        let sent = [made, adopted].map(|cookie| cookie.expect(UdevFlags::PRIMARY_SOURCE).unwrap());
        assert_eq!(sent[0], sent[1]);
        assert_eq!(made.pending().unwrap(), 2);
        complete(sent[0]).unwrap();
        assert!(!adopted.is_done().unwrap());
        adopted.complete().unwrap();
        assert!(made.is_done().unwrap());
        adopted.wait(&udev(&with_daemon(), LONG)).unwrap();
        assert!(made.is_done().unwrap_err().is_not_found());
        assert!(SharedCookie::adopt(made.key()).unwrap_err().is_not_found());
    }

    #[test]
    fn the_wait_ends_with_the_last_uevent_of_any_process() {
        let cookie = SharedCookie::create().unwrap();
        let sent = cookie.expect(UdevFlags::empty()).unwrap();
        let rules = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            complete(sent).unwrap();
        });
        let start = Instant::now();
        cookie.wait(&udev(&with_daemon(), LONG)).unwrap();
        rules.join().unwrap();
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn after_an_error_nothing_is_left() {
        let pending = || {
            let cookie = SharedCookie::create().unwrap();
            cookie.expect(UdevFlags::empty()).unwrap();
            cookie
        };
        let late = pending();
        let error = late.wait(&udev(&with_daemon(), Duration::from_millis(30))).unwrap_err();
        assert!(error.is_timed_out() && late.is_done().unwrap_err().is_not_found(), "{error}");
        let unanswered = pending();
        let error = unanswered.wait(&udev(&Fake::new(), LONG)).unwrap_err();
        assert!(matches!(error, UdevError::NoDaemon { .. }), "{error}");
        assert!(unanswered.is_done().unwrap_err().is_not_found());
        let removed = pending();
        removed.remove().unwrap();
        assert!(removed.remove().unwrap_err().is_not_found());
        assert!(removed.wait(&udev(&with_daemon(), LONG)).unwrap_err().is_not_found());
    }

    #[test]
    fn other_numbers_are_refused() {
        for number in [0, 0x1234, 0x0d4d_0000, 0x0044_beef] {
            let error = SharedCookie::adopt(number).unwrap_err();
            assert!(error.is_invalid() || number == 0x0d4d_0000 && error.is_not_found(), "{error}");
        }
    }

    #[test]
    fn commands_on_a_shared_cookie_are_counted_and_not_waited_for() {
        let fake = with_daemon();
        fake.file("run/udev/control", "");
        fake.file("usr/lib/udev/rules.d/95-dm-notify.rules", "rule");
        let shared = SharedCookie::create().unwrap();
        let udev = udev(&fake, LONG).on_cookie(shared);
        for uevent in [true, false] {
            let mut pending = udev.begin(true);
            assert_eq!(pending.expect(UdevFlags::empty()).base(), UdevCookie::from_number(shared.key()).base());
            pending.sent(uevent);
            pending.finish().unwrap();
        }
        assert_eq!(shared.pending().unwrap(), 1);
        shared.remove().unwrap();
        // If udev does not complete cookies, the cookie is not used.
        std::fs::remove_file(fake.path("run/udev/control")).unwrap();
        assert_eq!(udev.begin(true).expect(UdevFlags::empty()), UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE));
    }

    #[test]
    fn flags_are_named_as_the_rules_name_them() {
        let names = |flags| rule_variables(flags).collect::<Vec<_>>();
        let flags = UdevFlags::DISABLE_DM_RULES | UdevFlags::PRIMARY_SOURCE | UdevFlags::SUBSYSTEM_0;
        let expected = ["DM_UDEV_DISABLE_DM_RULES_FLAG", "DM_UDEV_PRIMARY_SOURCE_FLAG", "DM_SUBSYSTEM_UDEV_FLAG0"];
        assert_eq!(names(flags), expected);
        assert_eq!(names(UdevFlags::from_bits_retain(0xffff)).len(), 16);
        assert_eq!(names(UdevFlags::empty()), [] as [&str; 0]);
    }
}
