//! Cookies: how libdm and udev's rules agree on when udev has finished.
//!
//! A cookie is a semaphore that counts outstanding steps. Its creator starts it at 1 and adds 1 for each command that sends a
//! uevent with the cookie; the rules subtract 1 when they have finished with a uevent (`dmsetup udevcomplete`). At the end
//! the creator subtracts its 1, waits for 0, and removes the semaphore.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use dm_sys::{DM_COOKIE_MAGIC, DM_UDEV_FLAGS_SHIFT};
use nix::errno::Errno;

use super::error::UdevError;
use super::semaphore::{Semaphore, Waited};
use crate::wire::{UdevCookie, UdevFlags};

/// A cookie made here. Its semaphore is removed on drop.
#[derive(Debug)]
pub(super) struct Cookie {
    base: u16,
    semaphore: Semaphore,
    /// What was counted here, without what udev has completed.
    counted: i32,
}

/// How many random numbers are tried. The kernel's limit of 32 000 semaphores leaves half of all numbers free, even
/// if a user has taken all semaphores.
const TRIES: usize = 64;

/// The key of a cookie's semaphore.
pub(super) const fn key(base: u16) -> u32 {
    DM_COOKIE_MAGIC << DM_UDEV_FLAGS_SHIFT | base as u32
}

/// Whether a key is that of a cookie.
pub(super) const fn is_cookie(key: u32) -> bool {
    key >> DM_UDEV_FLAGS_SHIFT == DM_COOKIE_MAGIC
}

impl Cookie {
    /// Makes a cookie with an unused number.
    ///
    /// The number is random, since udev may still be about to complete an earlier cookie that was given up, and must not
    /// count a new one down.
    pub(super) fn create() -> Result<Self, Errno> {
        for _ in 0..TRIES {
            let random = RandomState::new().build_hasher().finish();
            let base = u16::try_from(random & 0xffff).unwrap_or(0);
            // A cookie of base 0 is one that is not waited for.
            if base == 0 {
                continue;
            }
            match Semaphore::create(key(base)) {
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
                Ok(semaphore) => {
                    let cookie = Self { base, semaphore, counted: 1 };
                    semaphore.add(1)?;
                    return Ok(cookie);
                }
            }
        }
        Err(Errno::EEXIST)
    }

    /// One that another process made, which is waited for and removed here.
    pub(super) fn adopted(base: u16, semaphore: Semaphore) -> Self {
        let counted = semaphore.value().unwrap_or(0);
        Self { base, semaphore, counted }
    }

    /// The semaphore, which is not removed any more.
    pub(super) fn into_parts(self) -> (u16, Semaphore) {
        let this = std::mem::ManuallyDrop::new(self);
        (this.base, this.semaphore)
    }

    /// The number that a command sends.
    pub(super) const fn number(&self, flags: UdevFlags) -> UdevCookie {
        UdevCookie::new(self.base, flags)
    }

    pub(super) const fn key(&self) -> u32 {
        key(self.base)
    }

    /// Counts up: a command is about to send a uevent.
    pub(super) fn expect_one(&mut self) -> Result<(), Errno> {
        self.semaphore.add(1)?;
        self.counted = self.counted.saturating_add(1);
        Ok(())
    }

    /// Counts down: the command has not sent one.
    pub(super) fn expect_one_less(&mut self) -> Result<(), Errno> {
        self.semaphore.add(-1)?;
        self.counted = self.counted.saturating_sub(1);
        Ok(())
    }

    /// How many steps were outstanding before udev completed any.
    pub(super) const fn counted(&self) -> i32 {
        self.counted
    }

    /// Waits until udev has completed all steps, after the creator's 1 was subtracted.
    pub(super) fn wait(&self, timeout: Duration) -> Result<Waited, Errno> {
        self.semaphore.wait_for_zero(timeout)
    }

    /// How many steps are outstanding; `None` if the semaphore was removed.
    pub(super) fn pending(&self) -> Option<i32> {
        self.semaphore.value().ok()
    }
}

impl Drop for Cookie {
    fn drop(&mut self) {
        // If it was removed already, nothing is left to do.
        let _ = self.semaphore.remove();
    }
}

/// Completes one step of a cookie, as `dmsetup udevcomplete` does in udev's rules, with the number from the uevent's
/// `DM_COOKIE`.
///
/// A cookie of base 0 is not waited for, so completing it does nothing. With this, an initramfs needs no dmsetup.
///
/// ```no_run
/// use dm_core::{UdevCookie, udev};
///
/// let number: u32 = std::env::var("DM_COOKIE")?.parse()?;
/// udev::complete(UdevCookie::from_number(number))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`UdevError::Cookie`]: the cookie does not exist any more ([`is_not_found`](UdevError::is_not_found)), as after a timeout of
/// its creator; it has no outstanding step; or it belongs to another user.
#[doc(alias = "dm_udev_complete")]
#[doc(alias = "udevcomplete")]
pub fn complete(cookie: UdevCookie) -> Result<(), UdevError> {
    if cookie.base() == 0 {
        return Ok(());
    }
    let key = key(cookie.base());
    let completed = Semaphore::find(key).and_then(|semaphore| semaphore.add(-1));
    completed.map_err(|source| UdevError::Cookie { what: "complete", cookie: Some(key), source })
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn cookies_have_different_numbers() {
        let cookies = [(); 4].map(|()| Cookie::create().unwrap());
        let keys = cookies.each_ref().map(Cookie::key);
        assert!(keys.iter().all(|key| is_cookie(*key)));
        assert!((1..4).all(|index| !keys[..index].contains(&keys[index])), "{keys:?}");
    }

    #[test]
    fn a_wait_ends_when_all_steps_are_completed() {
        let mut cookie = Cookie::create().unwrap();
        let number = cookie.number(UdevFlags::PRIMARY_SOURCE);
        cookie.expect_one().unwrap();
        cookie.expect_one().unwrap();
        cookie.expect_one_less().unwrap();
        cookie.expect_one_less().unwrap();
        assert_eq!(cookie.wait(Duration::from_millis(20)), Ok(Waited::TimedOut));
        let start = Instant::now();
        let udev = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            complete(number).unwrap();
        });
        assert_eq!(cookie.wait(LONG), Ok(Waited::Zero));
        udev.join().unwrap();
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn completing_too_much_or_nothing_is_an_error() {
        let cookie = Cookie::create().unwrap();
        let number = cookie.number(UdevFlags::empty());
        complete(number).unwrap();
        let error = complete(number).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EAGAIN as i32), "{error}");
        assert!(!error.is_not_found());
        drop(cookie);
        let error = complete(number).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        complete(UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE)).unwrap();
    }

    #[test]
    fn a_dropped_cookie_leaves_no_semaphore_behind_also_after_a_panic() {
        let mut key = 0;
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let cookie = Cookie::create().unwrap();
            key = cookie.key();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(Semaphore::find(key), Err(Errno::ENOENT));
    }
}
