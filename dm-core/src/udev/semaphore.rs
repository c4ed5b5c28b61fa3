//! System V semaphores, as far as udev cookies need them.
#![expect(unsafe_code, reason = "the semaphore calls, which no safe library offers")]

use std::io;

use nix::libc;

/// A set of one semaphore. Nothing is done when it is dropped: it belongs to the system, not to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Semaphore {
    id: libc::c_int,
}

impl Semaphore {
    /// Makes a semaphore of value 0 that only this user may use.
    ///
    /// # Errors
    /// `EEXIST` where there is one with this key; `ENOSPC` where the system has no more.
    pub(super) fn create(key: u32) -> io::Result<Self> {
        Self::get(key, libc::IPC_CREAT | libc::IPC_EXCL | 0o600)
    }

    /// Finds a semaphore.
    ///
    /// # Errors
    /// `ENOENT` where there is none with this key.
    pub(super) fn find(key: u32) -> io::Result<Self> {
        Self::get(key, 0)
    }

    fn get(key: u32, flags: libc::c_int) -> io::Result<Self> {
        let key = libc::key_t::from_ne_bytes(key.to_ne_bytes());
        // SAFETY: takes three numbers and touches no memory of this process.
        let id = unsafe { libc::semget(key, 1, flags) };
        checked(id).map(|id| Self { id })
    }

    /// How many steps are outstanding.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL` where it was removed.
    pub(super) fn value(self) -> io::Result<i32> {
        // SAFETY: `GETVAL` takes no fourth argument and touches no memory of this process.
        checked(unsafe { libc::semctl(self.id, 0, libc::GETVAL) })
    }

    /// Adds to the value, or takes from it, at once or not at all.
    ///
    /// # Errors
    /// `EAGAIN` where it would become negative; `ERANGE` where it would become too large.
    pub(super) fn add(self, change: i16) -> io::Result<()> {
        let flags = i16::try_from(libc::IPC_NOWAIT).unwrap_or(0);
        let mut operation = libc::sembuf { sem_num: 0, sem_op: change, sem_flg: flags };
        // SAFETY: `operation` is one initialised `sembuf`, which is what the third argument says, and it outlives the call,
        // which only reads it.
        checked(unsafe { libc::semop(self.id, &raw mut operation, 1) }).map(|_| ())
    }

    /// Removes it; whoever waits for it is woken.
    ///
    /// # Errors
    /// `EIDRM` or `EINVAL` where it was removed already.
    pub(super) fn remove(self) -> io::Result<()> {
        // SAFETY: `IPC_RMID` takes no fourth argument and touches no memory of this process.
        checked(unsafe { libc::semctl(self.id, 0, libc::IPC_RMID) }).map(|_| ())
    }
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of this process, outside those of cookies.
    fn key(test: u32) -> u32 {
        std::process::id() << 4 | test
    }

    #[test]
    fn a_semaphore_counts_and_goes() {
        let semaphore = Semaphore::create(key(1)).unwrap();
        assert_eq!(Semaphore::create(key(1)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(Semaphore::find(key(1)).unwrap(), semaphore);
        semaphore.add(2).unwrap();
        semaphore.add(-1).unwrap();
        assert_eq!(semaphore.value().unwrap(), 1);
        assert_eq!(semaphore.add(-2).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        semaphore.remove().unwrap();
        assert!(semaphore.value().is_err());
        assert_eq!(Semaphore::find(key(1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
