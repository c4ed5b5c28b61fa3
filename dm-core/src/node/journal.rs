//! The log of an operation's commands is postponed while a device is suspended. The program's logger may write to that
//! device, and would then block until a resume that in turn waits for the logger.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_units::DeviceNumber;

use super::dm::Dm;
use crate::error::Errno;
use crate::id::DevId;
use crate::wire::header::{self, HeaderBytes, NO_HEADER, Request};
use crate::wire::{Command, Flags};

/// The postponed log lines of a host and its clones, and the devices that they have seen suspended.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    suspended: Vec<DeviceNumber>,
    postponed: Vec<(String, Vec<Entry>)>,
    /// The number of lines that were dropped because the journal was full.
    lost: usize,
}

/// The commands that an operation has sent, and their results.
#[derive(Debug)]
pub(super) struct OperationJournal {
    recorded: Mutex<Recorded>,
    host: Arc<Journal>,
}

#[derive(Debug)]
struct Recorded {
    entries: Vec<Entry>,
    /// The device of the operation, or that of the last reply.
    device: Option<DeviceNumber>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    command: Command,
    errno: Option<Errno>,
    /// The number of equal results in a row, as when signals arrive repeatedly.
    times: u32,
}

impl Entry {
    fn log(&self, operation: &str) {
        let Self { command, errno, times } = self;
        let times = if *times > 1 { format!(", {times} times") } else { String::new() };
        match errno {
            None => log::trace!("{operation}: {command}{times}"),
            Some(errno) => log::debug!("{operation}: {command} failed: {errno}{times}"),
        }
    }
}

/// Enough for most operations, so that nothing is allocated while a device is suspended.
const INITIAL_CAPACITY: usize = 32;
/// The largest number of operations whose lines are postponed.
const MAX_POSTPONED: usize = 256;

impl OperationJournal {
    pub(super) fn new(host: &Arc<Journal>, device: Option<DeviceNumber>) -> Self {
        host.shared().suspended.reserve(INITIAL_CAPACITY);
        let recorded = Recorded { entries: Vec::with_capacity(INITIAL_CAPACITY), device };
        Self { recorded: Mutex::new(recorded), host: Arc::clone(host) }
    }

    /// Records a command that the kernel has answered.
    pub(super) fn record(&self, command: Command, result: Result<&HeaderBytes, Errno>) {
        let mut recorded = locked(&self.recorded);
        let errno = result.err();
        match recorded.entries.last_mut() {
            Some(last) if last.command == command && last.errno == errno => last.times = last.times.saturating_add(1),
            _ => recorded.entries.push(Entry { command, errno, times: 1 }),
        }
        match result {
            Ok(reply) if tells_state(command) => {
                let number = header::number(reply);
                recorded.device = Some(number);
                self.host.record_state(number, header::flags(reply).contains(Flags::SUSPEND));
            }
            // The device may be suspended now, for example after a resume that failed half way.
            Err(_) if matches!(command, Command::DeviceResume | Command::DeviceSuspend) => {
                recorded.device.into_iter().for_each(|number| self.host.record_state(number, true));
            }
            _ => {}
        }
    }

    pub(super) fn record_suspended(&self, number: DeviceNumber) {
        self.host.record_state(number, true);
    }

    /// Logs the commands of the operation and those postponed earlier, unless a device is still suspended.
    pub(super) fn log(&self, operation: &dyn fmt::Display, is_suspended: impl Fn(DeviceNumber) -> bool) {
        let entries = std::mem::take(&mut locked(&self.recorded).entries);
        self.host.postpone(operation.to_string(), entries);
        let suspended = self.host.shared().suspended.clone();
        // Another process may have resumed or removed the device.
        for number in suspended.into_iter().filter(|number| !is_suspended(*number)) {
            self.host.record_state(number, false);
        }
        self.host.log();
    }
}

impl Journal {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        locked(&self.0)
    }

    fn record_state(&self, number: DeviceNumber, is_suspended: bool) {
        let suspended = &mut self.shared().suspended;
        suspended.retain(|known| *known != number);
        if is_suspended {
            suspended.push(number);
        }
    }

    fn postpone(&self, operation: String, entries: Vec<Entry>) {
        let mut shared = self.shared();
        if shared.postponed.len() < MAX_POSTPONED {
            shared.postponed.push((operation, entries));
        } else {
            shared.lost = shared.lost.saturating_add(entries.len());
        }
    }

    /// Logs the postponed lines if no device is suspended. The lock is released before the program's logger runs.
    fn log(&self) {
        let mut shared = self.shared();
        if !shared.suspended.is_empty() {
            return;
        }
        let (postponed, lost) = (std::mem::take(&mut shared.postponed), std::mem::take(&mut shared.lost));
        drop(shared);
        for (operation, entries) in postponed {
            entries.iter().for_each(|entry| entry.log(&operation));
        }
        if lost > 0 {
            log::debug!("{lost} more commands were sent while a device was suspended");
        }
    }
}

impl Dm {
    /// Returns the same handle for use in an operation: its commands are recorded in the journal, until
    /// [`log_journal`](Self::log_journal) logs them.
    pub(crate) fn with_journal(&self, journal: &Arc<Journal>, device: Option<DeviceNumber>) -> Self {
        let is_logged = log::max_level() >= log::LevelFilter::Debug;
        let journal = is_logged.then(|| Arc::new(OperationJournal::new(journal, device)));
        Self { transport: Arc::clone(&self.transport), pool: Arc::clone(&self.pool), journal }
    }

    /// Logs the recorded commands if no device is suspended any more; otherwise a later operation of the host does.
    pub(crate) fn log_journal(&self, operation: &dyn fmt::Display) {
        let Some(journal) = &self.journal else { return };
        journal.log(operation, |number| {
            let mut reply = NO_HEADER;
            Request::of(Command::DeviceInfo, DevId::Number(number)).encode(&mut reply);
            let asked = self.transport.ioctl(Command::DeviceInfo, &mut reply);
            // If its state cannot be read, the device may still be suspended.
            asked.map_or_else(
                |error| Errno::of(&error) != Errno::from_nix(nix::errno::Errno::ENXIO),
                |()| header::flags(&reply).contains(Flags::SUSPEND),
            )
        });
    }

    /// Records that a device was suspended by a command whose reply was lost.
    pub(crate) fn record_suspended(&self, number: DeviceNumber) {
        if let Some(journal) = &self.journal {
            journal.record_suspended(number);
        }
    }
}

/// The commands whose reply contains the state of the device.
const fn tells_state(command: Command) -> bool {
    matches!(
        command,
        Command::DeviceCreate
            | Command::DeviceSuspend
            | Command::DeviceResume
            | Command::DeviceInfo
            | Command::TableLoad
            | Command::TableClear
            | Command::TableDeps
            | Command::TableStatus
    )
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io;

    use nix::libc::{EINTR, EIO, ENXIO};

    use super::*;
    use crate::node::transport::Transport;

    const NUMBER: DeviceNumber = DeviceNumber { major: 253, minor: 7 };

    /// A kernel that refuses every command with this errno.
    #[derive(Debug)]
    struct Refusing(i32);

    impl Transport for Refusing {
        fn ioctl(&self, _: Command, _: &mut [u8]) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(self.0))
        }
    }

    #[test]
    fn equal_results_in_a_row_are_one_line_and_different_ones_are_several() {
        let journal = OperationJournal::new(&Arc::default(), None);
        let results = [EINTR, EINTR, EINTR, EIO, EIO, EINTR];
        results.iter().for_each(|errno| journal.record(Command::TargetMsg, Err(Errno::new(*errno))));
        let entries: Vec<_> =
            locked(&journal.recorded).entries.iter().map(|entry| (entry.errno, entry.times)).collect();
        assert_eq!(entries, [(EINTR, 3), (EIO, 2), (EINTR, 1)].map(|(errno, times)| (Some(Errno::new(errno)), times)));
    }

    #[test]
    fn a_device_suspended_by_a_command_without_a_reply_postpones_the_log_until_it_is_gone() {
        log::set_max_level(log::LevelFilter::Debug);
        let journal = Arc::default();
        Dm::with_transport(Refusing(EIO)).with_journal(&journal, None).record_suspended(NUMBER);
        for (errno, suspended) in [(EIO, [NUMBER].as_slice()), (ENXIO, &[])] {
            Dm::with_transport(Refusing(errno)).with_journal(&journal, None).log_journal(&"resume");
            assert_eq!(journal.shared().suspended, suspended);
            assert_eq!(journal.shared().postponed.is_empty(), suspended.is_empty());
        }
    }
}
