//! Lists the cookies of this system, and removes those left behind.

use std::fs;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::cookies::is_cookie;
use super::error::{UdevError, errno_of};
use super::semaphore::Semaphore;

/// A cookie that exists in this IPC namespace.
///
/// Equality compares all public fields, but not the time at which the cookie was read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CookieInfo {
    /// The id of the cookie's semaphore. A later semaphore has another id, even if it has the same key.
    pub id: i32,
    /// The key of the cookie's semaphore, as `dmsetup udevcookies` shows it.
    pub key: u32,
    /// The value of the semaphore: the number of uevents that udev has not completed, plus 1 until the creator begins
    /// to wait. `None` if the value could not be read.
    pub pending: Option<i32>,
    /// The number of threads that wait for the cookie. `None` if the number could not be read.
    pub waiters: Option<i32>,
    /// The id of the user who owns the semaphore.
    pub uid: u32,
    /// The later of `last_operation` and `created`. Only for display, since the clock may have been set.
    pub changed: u64,
    /// The wall-clock time of the last `semop(2)`, in seconds since 1970; 0 if there was none.
    pub last_operation: u64,
    /// The wall-clock time of the semaphore's creation or of its last change by `semctl(2)`, in seconds since 1970.
    pub created: u64,
    seen: Instant,
}

impl CookieInfo {
    const fn state(&self) -> (i32, u32, Option<i32>, Option<i32>, u32, [u64; 2]) {
        (self.id, self.key, self.pending, self.waiters, self.uid, [self.last_operation, self.created])
    }
}

impl PartialEq for CookieInfo {
    fn eq(&self, other: &Self) -> bool {
        self.state() == other.state()
    }
}

impl Eq for CookieInfo {}

/// Lists the cookies of this IPC namespace, from `/proc/sysvipc/sem`.
///
/// # Errors
/// [`UdevError::Cookie`]: the file cannot be read.
#[doc(alias = "udevcookies")]
pub fn cookies() -> Result<Vec<CookieInfo>, UdevError> {
    let text = fs::read_to_string("/proc/sysvipc/sem").map_err(|error| UdevError::Cookie {
        what: "list",
        cookie: None,
        source: errno_of(&error),
    })?;
    let mut found = parse_list(&text);
    for cookie in &mut found {
        let semaphore = Semaphore::from_id(cookie.id);
        cookie.pending = semaphore.value().ok();
        cookie.waiters = semaphore.waiters().ok();
    }
    Ok(found)
}

/// Reads lines of `key semid perms nsems uid gid cuid cgid otime ctime`; the key is a signed number.
fn parse_list(text: &str) -> Vec<CookieInfo> {
    let seen = Instant::now();
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let key = u32::from_ne_bytes(words.next()?.parse::<i32>().ok()?.to_ne_bytes());
        if !is_cookie(key) {
            return None;
        }
        let id = words.next()?.parse().ok()?;
        let uid = words.nth(2)?.parse().ok()?;
        let last_operation: u64 = words.nth(3)?.parse().ok()?;
        let created: u64 = words.next()?.parse().ok()?;
        let changed = last_operation.max(created);
        Some(CookieInfo { id, key, pending: None, waiters: None, uid, changed, last_operation, created, seen })
    };
    text.lines().filter_map(parse).collect()
}

/// A cookie that [`remove_stale_cookies`] regards as left behind by a program that was killed, and the result of
/// removing it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StaleCookie {
    /// The state of the cookie before the removal.
    pub cookie: CookieInfo,
    /// The result of the removal. It is an error, for example, if the cookie belongs to another user.
    pub removed: Result<(), UdevError>,
}

/// Removes cookies of programs that were killed before they waited.
///
/// `earlier` is an earlier result of [`cookies`]. A cookie in `earlier` is removed if it was listed at least `age` ago,
/// has not changed since, and no thread waits for it.
///
/// `age` must be longer than any program takes between two commands of one batch, or a cookie in use can be removed.
/// A shorter `age` than two seconds counts as two seconds, since the kernel records changes in whole seconds.
///
/// Cookies of other users need capabilities: `CAP_SYS_ADMIN` to remove them, and `CAP_IPC_OWNER` to count the threads
/// that wait for them. A cookie is kept if this process cannot count these threads.
///
/// The kernel records changes only by the wall clock. If that clock is set, a cookie in use can look old. The time
/// since [`cookies`] listed a cookie is therefore measured by the monotonic clock.
///
/// ```no_run
/// use std::time::Duration;
/// use dm_core::udev::{cookies, remove_stale_cookies};
///
/// let age = Duration::from_secs(60);
/// let earlier = cookies()?;
/// std::thread::sleep(age);
/// for stale in remove_stale_cookies(&earlier, age)? {
///     println!("{:#x}: {:?}", stale.cookie.key, stale.removed);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`UdevError::Cookie`]: the cookies cannot be listed. If a cookie cannot be removed, [`StaleCookie::removed`] has the
/// error, and the other cookies are removed nevertheless.
pub fn remove_stale_cookies(earlier: &[CookieInfo], age: Duration) -> Result<Vec<StaleCookie>, UdevError> {
    let now = cookies()?;
    let stale = now.into_iter().filter(|cookie| earlier.iter().any(|before| is_stale(before, cookie, age)));
    let removed = stale.filter_map(|cookie| match Semaphore::from_id(cookie.id).remove() {
        Ok(()) => Some(StaleCookie { cookie, removed: Ok(()) }),
        // Another process has removed it.
        Err(Errno::EINVAL | Errno::EIDRM) => None,
        Err(source) => {
            let error = UdevError::Cookie { what: "remove", cookie: Some(cookie.key), source };
            Some(StaleCookie { cookie, removed: Err(error) })
        }
    });
    Ok(removed.collect())
}

/// Within one second and its neighbor, a cookie can change without a change of its times.
const MIN_AGE: Duration = Duration::from_secs(2);

/// Whether two readings of a cookie show that no program uses it.
fn is_stale(before: &CookieInfo, now: &CookieInfo, age: Duration) -> bool {
    before == now && now.waiters == Some(0) && now.seen.duration_since(before.seen) >= age.max(MIN_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udev::cookies::{Cookie, complete};
    use crate::wire::UdevFlags;
    use std::thread;

    #[test]
    fn cookies_are_told_from_other_semaphores() {
        let text = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n \
            223215341          3   600          1  1000     0     0     0 1700000010 1700000000\n         \
            0          0   600          1     0     0     0     0          0 1700000000\n";
        let [cookie] = parse_list(text)[..] else { panic!("{text}") };
        assert_eq!(cookie.state(), (3, 0x0d4d_feed, None, None, 1000, [1_700_000_010, 1_700_000_000]));
        assert!(parse_list("223215341 3 600\nbad line\n\n").is_empty());
    }

    fn listed(cookie: &Cookie) -> Option<CookieInfo> {
        cookies().unwrap().into_iter().find(|known| known.key == cookie.key())
    }

    /// Makes a cookie look as if it was listed earlier, by `age`.
    fn aged(mut cookie: CookieInfo, age: Duration) -> CookieInfo {
        cookie.seen = cookie.seen.checked_sub(age).unwrap();
        cookie
    }

    const AGE: Duration = Duration::from_secs(3);

    #[test]
    fn only_cookies_that_were_seen_before_and_are_unchanged_are_removed() {
        let [kept, mut used, old] = [(); 3].map(|()| Cookie::create().unwrap());
        let earlier = [aged(listed(&used).unwrap(), AGE), aged(listed(&old).unwrap(), AGE), listed(&kept).unwrap()];
        used.expect_one().unwrap();
        let removed = remove_stale_cookies(&earlier, AGE).unwrap();
        assert_eq!(removed.iter().map(|stale| stale.cookie).collect::<Vec<_>>(), earlier[1..2]);
        assert!(removed.iter().all(|stale| stale.removed.is_ok()));
        assert!(listed(&old).is_none() && listed(&used).is_some() && listed(&kept).is_some());
        assert!(remove_stale_cookies(&earlier, AGE).unwrap().is_empty());
    }

    #[test]
    fn the_wall_clock_does_not_make_a_cookie_stale() {
        let cookie = Cookie::create().unwrap();
        let mut before = listed(&cookie).unwrap();
        // As after the clock was set: last changed long ago.
        before.changed = 1;
        let now = CookieInfo { seen: before.seen + Duration::from_secs(1), ..before };
        assert!(!is_stale(&before, &now, AGE));
        assert!(is_stale(&before, &CookieInfo { seen: before.seen + AGE, ..before }, AGE));
        // After the clock was set back, the later of both times may stay the same.
        let later = CookieInfo { seen: before.seen + AGE, ..before };
        assert!(!is_stale(&before, &CookieInfo { last_operation: before.last_operation + 1, ..later }, AGE));
        assert!(!is_stale(&before, &CookieInfo { created: before.created + 1, ..later }, AGE));
        assert!(!is_stale(&before, &CookieInfo { seen: before.seen + AGE, id: before.id + 1, ..before }, AGE));
        assert!(!is_stale(&now, &before, AGE), "the later look comes second");
    }

    #[test]
    fn a_cookie_is_not_stale_before_its_times_can_show_a_change() {
        let before = listed(&Cookie::create().unwrap()).unwrap();
        let later = |seconds| CookieInfo { seen: before.seen + Duration::from_secs(seconds), ..before };
        assert!(!is_stale(&before, &later(1), Duration::ZERO));
        assert!(is_stale(&before, &later(2), Duration::ZERO));
    }

    #[test]
    fn a_cookie_that_cannot_be_read_is_kept() {
        let cookie = Cookie::create().unwrap();
        let unreadable = CookieInfo { pending: None, waiters: None, ..listed(&cookie).unwrap() };
        assert!(!is_stale(&unreadable, &CookieInfo { seen: unreadable.seen + AGE, ..unreadable }, AGE));
    }

    #[test]
    fn a_cookie_that_is_waited_for_is_kept() {
        let cookie = Cookie::create().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| cookie.wait(Duration::from_secs(20)).unwrap());
            let waited_for = loop {
                if let Some(info) = listed(&cookie).filter(|info| info.waiters == Some(1)) {
                    break info;
                }
            };
            assert!(remove_stale_cookies(&[aged(waited_for, AGE)], AGE).unwrap().is_empty());
            complete(cookie.number(UdevFlags::empty())).unwrap();
        });
    }
}
