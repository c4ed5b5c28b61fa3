//! The System V semaphore calls that udev's cookies need.
#![expect(unsafe_code, reason = "the semaphore calls, which no safe library offers")]

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

// A C library with 64-bit times on a 32-bit platform has them in another function of this name's family, and this one
// would misread them. These platforms never had 32-bit times.
const _: () = assert!(
    size_of::<libc::time_t>() == size_of::<libc::c_long>()
        || cfg!(any(target_arch = "riscv32", target_arch = "x86_64")),
    "semtimedop of this C library takes 32-bit times, but the libc crate is built for 64-bit times"
);

unsafe extern "C" {
    // Declared here because the libc crate lacks it; glibc and musl have it. Both structures have the C library's
    // layout, and the call only reads them.
    fn semtimedop(
        id: libc::c_int,
        operations: *mut libc::sembuf,
        count: libc::size_t,
        timeout: *const libc::timespec,
    ) -> libc::c_int;
}

/// A set of one semaphore, by its id. Dropping this does not remove the semaphore.
///
/// The kernel changes the upper bits of an id whenever it reuses a slot, so a later semaphore has another id, although
/// it may have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Semaphore {
    id: libc::c_int,
}

/// The result of a wait for zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Zero,
    TimedOut,
    Interrupted,
}

impl Semaphore {
    /// Creates a semaphore with value 0 that only this user may use.
    ///
    /// # Errors
    /// `EEXIST`: the key is in use. `ENOSPC`: the limit of `kernel.sem` is reached.
    pub(super) fn create(key: u32) -> Result<Self, Errno> {
        Self::get(key, libc::IPC_CREAT | libc::IPC_EXCL | 0o600)
    }

    /// Finds a semaphore by its key.
    ///
    /// # Errors
    /// `ENOENT`: no semaphore has this key.
    pub(super) fn find(key: u32) -> Result<Self, Errno> {
        Self::get(key, 0)
    }

    /// A semaphore by an id that the system has listed.
    pub(super) const fn from_id(id: i32) -> Self {
        Self { id }
    }

    #[cfg(test)]
    pub(super) const fn id(self) -> i32 {
        self.id
    }

    fn get(key: u32, flags: libc::c_int) -> Result<Self, Errno> {
        let key = libc::key_t::from_ne_bytes(key.to_ne_bytes());
        // SAFETY: takes three numbers and touches no memory of this process.
        Errno::result(unsafe { libc::semget(key, 1, flags) }).map(|id| Self { id })
    }

    /// The number of outstanding steps.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL`: it was removed.
    pub(super) fn value(self) -> Result<i32, Errno> {
        self.control(libc::GETVAL)
    }

    /// The number of threads that wait for its value to change.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL`: it was removed.
    pub(super) fn waiters(self) -> Result<i32, Errno> {
        Ok(self.control(libc::GETZCNT)?.saturating_add(self.control(libc::GETNCNT)?))
    }

    /// Adds a number, which may be negative, without waiting.
    ///
    /// # Errors
    /// `EAGAIN`: it would become negative. `ERANGE`: it would become too large. `EIDRM` or `EINVAL`: it was removed.
    pub(super) fn add(self, change: i16) -> Result<(), Errno> {
        let flags = i16::try_from(libc::IPC_NOWAIT).unwrap_or(0);
        let mut operation = libc::sembuf { sem_num: 0, sem_op: change, sem_flg: flags };
        // SAFETY: `operation` is one initialised `sembuf`, which is what the third argument says, and it outlives the
        // call, which only reads it.
        Errno::result(unsafe { libc::semop(self.id, &raw mut operation, 1) }).map(drop)
    }

    /// Sleeps until the value is 0, for at most `timeout`.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL`: it was removed, also while this waits.
    pub(super) fn wait_for_zero(self, timeout: Duration) -> Result<Waited, Errno> {
        let mut operation = libc::sembuf { sem_num: 0, sem_op: 0, sem_flg: 0 };
        let timeout = libc::timespec {
            // At most 68 years, which every `time_t` holds.
            tv_sec: i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX).into(),
            // It is less than 10^9, so it fits into a `c_long` of any width.
            tv_nsec: i32::try_from(timeout.subsec_nanos()).unwrap_or(0).into(),
        };
        // SAFETY: `operation` is one initialised `sembuf`, as the third argument says, and `timeout` an initialised
        // `timespec`. Both outlive the call, which only reads them.
        match Errno::result(unsafe { semtimedop(self.id, &raw mut operation, 1, &raw const timeout) }) {
            Ok(_) => Ok(Waited::Zero),
            Err(Errno::EAGAIN) => Ok(Waited::TimedOut),
            Err(Errno::EINTR) => Ok(Waited::Interrupted),
            Err(errno) => Err(errno),
        }
    }

    /// Removes the semaphore and wakes the threads that wait for it.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL`: it was removed already. `EPERM`: it belongs to another user.
    pub(super) fn remove(self) -> Result<(), Errno> {
        self.control(libc::IPC_RMID).map(drop)
    }

    /// Calls `semctl`, only for operations without a fourth argument.
    fn control(self, operation: libc::c_int) -> Result<libc::c_int, Errno> {
        // SAFETY: the callers' operations (`GETVAL`, `GETZCNT`, `GETNCNT`, `IPC_RMID`) take no fourth argument and
        // touch no memory of this process.
        Errno::result(unsafe { libc::semctl(self.id, 0, operation) })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// A key of this process, outside those of cookies.
    fn key(test: u32) -> u32 {
        std::process::id() << 4 | test
    }

    #[test]
    fn a_semaphore_counts_and_is_removed_once() {
        let semaphore = Semaphore::create(key(1)).unwrap();
        assert_eq!(Semaphore::create(key(1)), Err(Errno::EEXIST));
        assert_eq!(Semaphore::find(key(1)), Ok(semaphore));
        semaphore.add(2).unwrap();
        semaphore.add(-1).unwrap();
        assert_eq!(semaphore.value(), Ok(1));
        assert_eq!(semaphore.add(-2), Err(Errno::EAGAIN));
        assert_eq!(semaphore.waiters(), Ok(0));
        semaphore.remove().unwrap();
        assert!(matches!(semaphore.remove(), Err(Errno::EINVAL | Errno::EIDRM)));
        assert!(matches!(semaphore.value(), Err(Errno::EINVAL | Errno::EIDRM)));
        assert_eq!(Semaphore::find(key(1)), Err(Errno::ENOENT));
    }

    #[test]
    fn an_id_is_not_reused_with_its_key() {
        let first = Semaphore::create(key(2)).unwrap();
        first.remove().unwrap();
        let second = Semaphore::create(key(2)).unwrap();
        assert_ne!(first.id(), second.id());
        assert!(first.remove().is_err());
        second.remove().unwrap();
    }

    #[test]
    fn a_wait_ends_at_zero_or_at_the_timeout_or_when_it_is_removed() {
        let semaphore = Semaphore::create(key(3)).unwrap();
        assert_eq!(semaphore.wait_for_zero(Duration::MAX), Ok(Waited::Zero));
        semaphore.add(1).unwrap();
        let start = Instant::now();
        assert_eq!(semaphore.wait_for_zero(Duration::from_millis(30)), Ok(Waited::TimedOut));
        assert!(start.elapsed() >= Duration::from_millis(30));
        let waiting = thread::spawn(move || semaphore.wait_for_zero(Duration::from_secs(20)));
        while semaphore.waiters() == Ok(0) {
            thread::yield_now();
        }
        semaphore.remove().unwrap();
        assert!(matches!(waiting.join().unwrap(), Err(Errno::EIDRM | Errno::EINVAL)));
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
