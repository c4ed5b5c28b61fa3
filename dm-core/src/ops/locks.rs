//! Serializes operations that suspend the same device.
//!
//! Otherwise an operation might find the device suspended by another one, take that for the user's intention, and
//! continue with a device that the other one then resumes.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;
use nix::errno::Errno as NixErrno;
use nix::fcntl::{Flock, FlockArg};

use super::error::OpErrorKind;
use crate::error::Errno;

/// The locks of a host and its clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    table: Arc<LockTable>,
    directory: Option<Arc<Path>>,
}

/// The devices that operations of a host and its clones have locked.
#[derive(Debug, Default)]
struct LockTable {
    turns: Mutex<Turns>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    /// The locked devices. They are few, since an operation locks one at a time.
    devices: Vec<DeviceNumber>,
    /// The tickets of the waiting operations in their order, with their devices, and the last ticket.
    waiting: VecDeque<(u64, DeviceNumber)>,
    last_ticket: u64,
    /// The number of operations that have released a lock, and the devices of the last ones.
    ended: u64,
    last: VecDeque<DeviceNumber>,
}

/// The number of the last releases whose devices are known; an earlier one may be of any device.
const MAX_REMEMBERED: usize = 64;

impl Turns {
    fn queue(&mut self, number: DeviceNumber) -> u64 {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        self.waiting.push_back((self.last_ticket, number));
        self.last_ticket
    }

    fn leave_queue(&mut self, ticket: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
    }

    /// Whether the device is not locked, and no earlier ticket waits for it.
    fn is_next(&self, ticket: u64, number: DeviceNumber) -> bool {
        let first = self.waiting.iter().find(|(_, wanted)| *wanted == number);
        !self.devices.contains(&number) && first.is_none_or(|(first, _)| *first == ticket)
    }

    /// Whether no operation has locked the device or waits for it.
    fn is_free(&self, number: DeviceNumber) -> bool {
        !self.devices.contains(&number) && !self.waiting.iter().any(|(_, wanted)| *wanted == number)
    }

    fn end(&mut self, number: DeviceNumber) {
        self.devices.retain(|taken| *taken != number);
        self.ended = self.ended.wrapping_add(1);
        self.last.truncate(MAX_REMEMBERED.saturating_sub(1));
        self.last.push_front(number);
    }

    /// Whether a lock of the device may have been released since a moment.
    fn have_ended_since(&self, moment: Moment, number: DeviceNumber) -> bool {
        let count = usize::try_from(self.ended.wrapping_sub(moment.0)).unwrap_or(usize::MAX);
        count > self.last.len() || self.last.iter().take(count).any(|last| *last == number)
    }
}

/// The point at which the state of a device was read, before the device was locked: the number of locks released until
/// then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

/// The lock on a device: while it exists, no other operation of the host, or with its lock directory, locks the device.
#[derive(Debug)]
pub(super) struct Locked {
    state_is_outdated: bool,
    _file: Option<Flock<File>>,
    _turn: Turn,
}

impl Locked {
    /// Whether another operation may have changed the device since the moment.
    pub(super) const fn state_is_outdated(&self) -> bool {
        self.state_is_outdated
    }
}

impl Locks {
    /// Adds lock files in a directory, to exclude other processes as well.
    pub(super) fn in_directory(self, directory: PathBuf) -> Self {
        Self { directory: Some(directory.into()), ..self }
    }

    /// The current moment. State that is read after it is up to date if no lock of the device is released until this
    /// operation has locked the device.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.table.turns().ended)
    }

    /// Locks a device, after waiting for other operations.
    ///
    /// # Errors
    /// [`OpErrorKind::Locked`]: other operations had the lock during the whole timeout. [`OpErrorKind::LockFile`]: the
    /// file cannot be opened or locked.
    pub(super) fn lock(&self, number: DeviceNumber, moment: Moment, timeout: Duration) -> Result<Locked, OpErrorKind> {
        let turn = Turn::take_at_once(&self.table, number);
        // Most devices are free, and need no clock. A timeout beyond the range of the clock never expires.
        let end = if turn.is_some() && self.directory.is_none() { None } else { Instant::now().checked_add(timeout) };
        let turn = turn.map_or_else(|| Turn::wait(&self.table, number, end), Ok)?;
        let file = self.directory.as_ref().map(|directory| lock_in(directory, number, end)).transpose()?;
        // Releases by other processes are not recorded.
        let state_is_outdated = file.is_some() || self.table.turns().have_ended_since(moment, number);
        Ok(Locked { state_is_outdated, _file: file, _turn: turn })
    }
}

/// A device that an operation of the host has locked, apart from its lock file.
#[derive(Debug)]
struct Turn {
    table: Arc<LockTable>,
    number: DeviceNumber,
}

impl Turn {
    /// `None` if another operation has locked the device or waits for it.
    fn take_at_once(table: &Arc<LockTable>, number: DeviceNumber) -> Option<Self> {
        let mut turns = table.turns();
        turns.is_free(number).then(|| {
            turns.devices.push(number);
            Self { table: Arc::clone(table), number }
        })
    }

    /// Waits behind the operations that have waited longer.
    fn wait(table: &Arc<LockTable>, number: DeviceNumber, end: Option<Instant>) -> Result<Self, OpErrorKind> {
        let mut turns = table.turns();
        let ticket = turns.queue(number);
        while !turns.is_next(ticket, number) {
            let Some(left) = left(end) else {
                turns.leave_queue(ticket);
                drop(turns);
                table.released.notify_all();
                return Err(OpErrorKind::Locked);
            };
            turns = match left {
                Left::Time(left) => table.released.wait_timeout(turns, left).unwrap_or_else(PoisonError::into_inner).0,
                Left::Ever => table.released.wait(turns).unwrap_or_else(PoisonError::into_inner),
            };
        }
        turns.leave_queue(ticket);
        turns.devices.push(number);
        Ok(Self { table: Arc::clone(table), number })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.table.turns();
        turns.end(self.number);
        let is_waited_for = !turns.waiting.is_empty();
        drop(turns);
        // This is a system call even if no operation waits.
        if is_waited_for {
            self.table.released.notify_all();
        }
    }
}

impl LockTable {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        // The state is consistent even after a panic.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Left {
    Time(Duration),
    Ever,
}

/// The remaining time; `None` after the end.
fn left(end: Option<Instant>) -> Option<Left> {
    let Some(end) = end else { return Some(Left::Ever) };
    let left = end.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(Left::Time(left))
}

const PAUSE: Duration = Duration::from_millis(2);

/// Locks the file of a device. While a process waits for that lock, it holds a second one, so that processes that come
/// later wait behind it.
fn lock_in(directory: &Path, number: DeviceNumber, end: Option<Instant>) -> Result<Flock<File>, OpErrorKind> {
    let _queue = lock_file(&directory.join(format!("{number}.next")), end)?;
    lock_file(&directory.join(number.to_string()), end)
}

/// Locks a file. It is created if missing, and never removed.
fn lock_file(path: &Path, end: Option<Instant>) -> Result<Flock<File>, OpErrorKind> {
    let fault = |errno| OpErrorKind::LockFile { path: path.to_owned(), errno };
    let options = nix::libc::O_CLOEXEC | nix::libc::O_NOFOLLOW;
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(options).open(path);
    let mut file = opened.map_err(|error| fault(Errno::of(&error)))?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((file, NixErrno::EWOULDBLOCK | NixErrno::EINTR)) => file,
            Err((_, errno)) => return Err(fault(Errno::from_nix(errno))),
        };
        if left(end).is_none() {
            return Err(OpErrorKind::Locked);
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: DeviceNumber = DeviceNumber::new(253, 7);
    const SHORT: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(30);

    fn lock(locks: &Locks, timeout: Duration) -> Result<Locked, OpErrorKind> {
        locks.lock(NUMBER, locks.moment(), timeout)
    }

    fn is_locked(locks: &Locks) -> bool {
        matches!(lock(locks, SHORT), Err(OpErrorKind::Locked))
    }

    #[test]
    fn clones_take_turns_for_the_same_device_only() {
        let locks = Locks::default();
        let first = lock(&locks, LONG).unwrap();
        assert!(!first.state_is_outdated());
        assert!(is_locked(&locks.clone()));
        assert!(locks.lock(DeviceNumber::new(253, 8), locks.moment(), SHORT).is_ok());
        drop(first);
        assert!(!is_locked(&locks));
    }

    #[test]
    fn waiting_operations_lock_a_device_in_their_order() {
        let locks = Locks::default();
        let first = lock(&locks, LONG).unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiters: Vec<_> = (0..5)
            .map(|at| {
                let (other, order) = (locks.clone(), Arc::clone(&order));
                let waiter = std::thread::spawn(move || {
                    let _turn = lock(&other, LONG).unwrap();
                    order.lock().unwrap().push(at);
                });
                while locks.table.turns().waiting.len() <= at {
                    std::thread::yield_now();
                }
                waiter
            })
            .collect();
        drop(first);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn state_read_before_another_operation_unlocked_the_device_is_outdated() {
        let locks = Locks::default();
        let first = lock(&locks, LONG).unwrap();
        let other = locks.clone();
        let waiter = std::thread::spawn(move || lock(&other, Duration::MAX).unwrap().state_is_outdated());
        while locks.table.turns().waiting.is_empty() {
            std::thread::yield_now();
        }
        drop(first);
        assert!(waiter.join().unwrap());
        let moment = locks.moment();
        drop(lock(&locks, LONG).unwrap());
        assert!(
            locks.lock(NUMBER, moment, LONG).unwrap().state_is_outdated(),
            "the other turn was over before this began"
        );
        let moment = locks.moment();
        let other = |minor| drop(locks.lock(DeviceNumber::new(253, minor), moment, LONG).unwrap());
        (100..110).for_each(other);
        assert!(!locks.lock(NUMBER, moment, LONG).unwrap().state_is_outdated(), "turns of other devices do not count");
        (100..200).for_each(other);
        assert!(locks.lock(NUMBER, moment, LONG).unwrap().state_is_outdated(), "too long ago to tell");
    }

    #[test]
    fn hosts_that_share_a_directory_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| Locks::default().in_directory(folder.path().to_owned()));
        let first = lock(&one, LONG).unwrap();
        assert!(first.state_is_outdated(), "another process may have had a turn");
        assert!(is_locked(&other));
        drop(first);
        assert!(!is_locked(&other));
        let missing = Locks::default().in_directory(folder.path().join("missing"));
        assert!(matches!(lock(&missing, SHORT), Err(OpErrorKind::LockFile { .. })));
        assert!(!is_locked(&one), "a lock file that fails leaves nothing locked");
        let error = lock(&missing, SHORT).unwrap_err();
        assert!(error.to_string().contains("missing/253:7"), "{error}");
    }
}
