//! Cookies: how libdm and udev's rules agree on when udev is done.
//!
//! A cookie is a semaphore that counts what is outstanding. Whoever makes one starts it at 1, adds 1 for each command that
//! sends a uevent with the cookie, and the rules take 1 away when they are done with a uevent (`dmsetup udevcomplete`). At
//! the end the maker takes its own 1 away, waits for 0, and removes the semaphore.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use dm_sys::{DM_COOKIE_MAGIC, DM_UDEV_FLAGS_SHIFT};
use nix::errno::Errno;

use super::semaphore::Semaphore;
use super::{UdevError, UdevFlags};
use crate::wire::cookie::UdevCookie;

/// A cookie of our own. Its semaphore is removed when it is dropped, on every path.
#[derive(Debug)]
pub(super) struct Cookie {
    base: u16,
    semaphore: Semaphore,
}

/// The key of the semaphore that belongs to a cookie.
const fn key(base: u16) -> u32 {
    DM_COOKIE_MAGIC << DM_UDEV_FLAGS_SHIFT | base as u32
}

/// The base of a cookie from the key of its semaphore; `None` for a semaphore that is something else.
fn base_of(key: u32) -> Option<u16> {
    (key >> DM_UDEV_FLAGS_SHIFT == DM_COOKIE_MAGIC).then_some(u16::try_from(key & 0xffff).ok()?)
}

impl Cookie {
    /// Makes a cookie that nobody else has.
    pub(super) fn create() -> Result<Self, UdevError> {
        // Any number does that is not in use. A random one, since udev may still be about to answer a cookie that was not
        // waited for to the end, and must not take that off a new one.
        let random = RandomState::new().build_hasher().finish();
        let start = u16::try_from(random & 0xffff).unwrap_or(0);
        let candidates = (0..=u16::MAX).map(|step| start.wrapping_add(step)).filter(|&base| base != 0);
        for base in candidates {
            match Semaphore::create(key(base)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(UdevError::semaphore("make", source)),
                Ok(semaphore) => {
                    let cookie = Self { base, semaphore };
                    semaphore.add(1).map_err(|source| UdevError::semaphore("set", source))?;
                    return Ok(cookie);
                }
            }
        }
        Err(UdevError::semaphore("make", Errno::EEXIST.into()))
    }

    pub(super) const fn number(&self, flags: UdevFlags) -> UdevCookie {
        UdevCookie::new(self.base, flags)
    }

    /// A command is about to send a uevent.
    pub(super) fn expect_one(&self) -> Result<(), UdevError> {
        self.semaphore.add(1).map_err(|source| UdevError::semaphore("count up", source))
    }

    /// The command has sent none.
    pub(super) fn expect_one_less(&self) -> Result<(), UdevError> {
        self.semaphore.add(-1).map_err(|source| UdevError::semaphore("count down", source))
    }

    /// Waits until udev has done all that is outstanding.
    pub(super) fn wait(self, deadline: Duration) -> Result<(), UdevError> {
        self.expect_one_less()?;
        let start = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            let pending = match self.semaphore.value() {
                Ok(0) => return Ok(()),
                // Somebody has declared all cookies done.
                Err(error) if is_gone(&error) => return Ok(()),
                Err(source) => return Err(UdevError::semaphore("read", source)),
                Ok(pending) => pending,
            };
            let left = deadline.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(UdevError::TimedOut { cookie: key(self.base), pending, waited: start.elapsed() });
            }
            thread::sleep(pause.min(left));
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

const LONGEST_PAUSE: Duration = Duration::from_millis(10);

impl Drop for Cookie {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.semaphore.remove();
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EIDRM | Errno::EINVAL))
}

/// A cookie that exists on this system, whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CookieInfo {
    /// The key of its semaphore, as `dmsetup udevcookies` shows it.
    pub key: u32,
    /// How many steps are outstanding; `None` where it may not be read.
    pub pending: Option<i32>,
    /// The user who made it.
    pub uid: u32,
    /// When it was last changed, in seconds since 1970; 0 for never.
    pub changed: u64,
}

/// Lists the cookies of this IPC namespace, from `/proc/sysvipc/sem`.
///
/// # Errors
/// The file can't be read.
pub fn cookies() -> Result<Vec<CookieInfo>, UdevError> {
    let text = fs::read_to_string("/proc/sysvipc/sem").map_err(|source| UdevError::semaphore("list", source))?;
    let mut found = parse_list(&text);
    for cookie in &mut found {
        cookie.pending = Semaphore::find(cookie.key).and_then(Semaphore::value).ok();
    }
    Ok(found)
}

/// Reads lines of `key semid perms nsems uid gid cuid cgid otime ctime`, of which the key is a signed number.
fn parse_list(text: &str) -> Vec<CookieInfo> {
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let key = u32::from_ne_bytes(words.next()?.parse::<i32>().ok()?.to_ne_bytes());
        base_of(key)?;
        let uid = words.nth(3)?.parse().ok()?;
        let last_operation: u64 = words.nth(3)?.parse().ok()?;
        let last_change: u64 = words.next()?.parse().ok()?;
        Some(CookieInfo { key, pending: None, uid, changed: last_operation.max(last_change) })
    };
    text.lines().filter_map(parse).collect()
}

/// Removes the cookies that were last changed longer ago than `age`, and says which: those of programs that were killed
/// while they waited. Whoever still waits for one goes on as if udev were done.
///
/// # Errors
/// The list can't be read, or a cookie can't be removed.
pub fn remove_stale_cookies(age: Duration) -> Result<Vec<CookieInfo>, UdevError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let limit = now.saturating_sub(age).as_secs();
    let mut removed = cookies()?;
    removed.retain(|cookie| cookie.changed < limit);
    for cookie in &removed {
        match Semaphore::find(cookie.key).and_then(Semaphore::remove) {
            Err(error) if error.kind() == ErrorKind::NotFound || is_gone(&error) => {}
            result => result.map_err(|source| UdevError::semaphore("remove", source))?,
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_told_from_other_semaphores() {
        let text = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n \
            223215341          3   600          1  1000     0     0     0 1700000010 1700000000\n         \
            0          0   600          1     0     0     0     0          0 1700000000\n";
        let cookie = CookieInfo { key: 0x0d4d_feed, pending: None, uid: 1000, changed: 1_700_000_010 };
        assert_eq!(parse_list(text), [cookie]);
    }

    #[test]
    fn a_cookie_has_not_the_number_of_the_last_one() {
        let bases = [(); 4].map(|()| Cookie::create().unwrap().base);
        assert!(bases.iter().any(|base| *base != bases[0]), "{bases:?}");
    }

    #[test]
    fn waiting_ends_when_all_is_done_and_removes_the_semaphore() {
        let cookie = Cookie::create().unwrap();
        let key = key(cookie.base);
        cookie.expect_one().unwrap();
        assert!(cookies().unwrap().iter().any(|known| known.key == key && known.pending == Some(2)));
        let semaphore = cookie.semaphore;
        let udev = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            semaphore.add(-1).unwrap();
        });
        cookie.wait(Duration::from_secs(10)).unwrap();
        udev.join().unwrap();
        assert!(Semaphore::find(key).is_err());
    }

    #[test]
    fn waiting_has_an_end_and_removes_the_semaphore() {
        let cookie = Cookie::create().unwrap();
        let key = key(cookie.base);
        cookie.expect_one().unwrap();
        let start = Instant::now();
        let error = cookie.wait(Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, UdevError::TimedOut { pending: 1, .. }), "{error}");
        assert!((Duration::from_millis(50)..Duration::from_secs(5)).contains(&start.elapsed()));
        assert!(Semaphore::find(key).is_err());
    }

    #[test]
    fn a_panic_removes_the_semaphore() {
        let mut key_of_it = 0;
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let cookie = Cookie::create().unwrap();
            key_of_it = key(cookie.base);
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(Semaphore::find(key_of_it).is_err());
    }
}
