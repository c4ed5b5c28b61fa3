//! Cookies, by which udev's rules tell libdm's programs that they have finished.
//!
//! A cookie is a semaphore that counts outstanding steps. Its creator starts it at 1 and adds 1 for each command that
//! sends a uevent with the cookie; the rules subtract 1 when they have finished with a uevent (`dmsetup udevcomplete`).
//! At the end the creator subtracts its 1, waits for 0, and removes the semaphore.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use dm_sys::{DM_COOKIE_MAGIC, DM_UDEV_FLAGS_SHIFT};
use nix::errno::Errno;

use super::error::UdevError;
use super::semaphore::{Semaphore, Waited};
use crate::wire::{UdevCookie, UdevFlags};

/// A cookie of this process. Its semaphore is removed on drop.
#[derive(Debug)]
pub(super) struct Cookie {
    base: u16,
    semaphore: Semaphore,
    /// The number of steps added, including the creator's 1, whether completed or not.
    counted: i32,
}

/// The number of random numbers that are tried. With the kernel's default limit of 32 000 semaphores, half of all
/// numbers are free even if a user has created that many cookies.
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
    /// Creates a cookie with an unused number.
    ///
    /// The number is random, because udev may still complete an abandoned cookie and must not decrement a new one.
    pub(super) fn create() -> Result<Self, Errno> {
        for _ in 0..TRIES {
            let random = RandomState::new().build_hasher().finish();
            let base = u16::try_from(random & 0xffff).unwrap_or(0);
            // A cookie with base 0 means that no process waits.
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

    /// A cookie that another process has created, and that this process waits for and removes.
    pub(super) fn adopted(base: u16, semaphore: Semaphore) -> Self {
        let counted = semaphore.value().unwrap_or(0);
        Self { base, semaphore, counted }
    }

    /// Returns the semaphore, which is then not removed on drop.
    pub(super) fn into_parts(self) -> (u16, Semaphore) {
        let this = std::mem::ManuallyDrop::new(self);
        (this.base, this.semaphore)
    }

    /// The number to send with a command.
    pub(super) const fn number(&self, flags: UdevFlags) -> UdevCookie {
        UdevCookie::new(self.base, flags)
    }

    pub(super) const fn key(&self) -> u32 {
        key(self.base)
    }

    /// Adds a step, for a command that will send a uevent.
    pub(super) fn expect_one(&mut self) -> Result<(), Errno> {
        self.semaphore.add(1)?;
        self.counted = self.counted.saturating_add(1);
        Ok(())
    }

    /// Subtracts a step, for a command that has not sent a uevent.
    pub(super) fn expect_one_less(&mut self) -> Result<(), Errno> {
        self.semaphore.add(-1)?;
        self.counted = self.counted.saturating_sub(1);
        Ok(())
    }

    /// The number of steps added, including the creator's 1, whether completed or not.
    pub(super) const fn counted(&self) -> i32 {
        self.counted
    }

    /// Waits until udev has completed all steps, after the creator's 1 was subtracted.
    pub(super) fn wait(&self, timeout: Duration) -> Result<Waited, Errno> {
        self.semaphore.wait_for_zero(timeout)
    }

    /// The number of outstanding steps; `None` if the semaphore was removed.
    pub(super) fn pending(&self) -> Option<i32> {
        self.semaphore.value().ok()
    }
}

impl Drop for Cookie {
    fn drop(&mut self) {
        // An error means that it was removed already.
        let _ = self.semaphore.remove();
    }
}

/// Completes one step of a cookie, for a program that udev's rules run instead of `dmsetup udevcomplete`.
///
/// This tells the waiting process that udev has finished with one uevent. The cookie is the number in the uevent's
/// `DM_COOKIE`. Does nothing if the cookie's [base](UdevCookie::base) is 0, since no process waits for such a cookie.
/// Useful in an initramfs without dmsetup.
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
/// - [`is_not_found`](UdevError::is_not_found): the cookie no longer exists, for example because its creator's wait
///   timed out.
/// - [`is_permission_denied`](UdevError::is_permission_denied): the cookie belongs to another user.
/// - Another [`UdevError::Cookie`]: the cookie has no outstanding step.
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
