//! A transport that lets mirrors and arrays complete their background work after each command that may start some, so that what
//! the next command finds depends on no time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::block::{BlockId, BlockIo, BlockOpenOptions};
use dm_core::{Command, Dm, LogMark, OpenError, Transport};

use crate::compare::SOON;
use crate::step::Step;

/// The interval at which the status of a real kernel is read.
const INTERVAL: Duration = Duration::from_millis(5);

/// More than the steps of any work in memory; a step that fails changes no status.
const STEPS: usize = 6;

/// The targets with background work whose end raises events.
pub(crate) const TYPES: [&str; 2] = ["mirror", "raid"];

/// How sequences with background work are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Background {
    /// The time without events after which a step counts as finished.
    pub(crate) quiet: Duration,
    /// Whether the number of events does not depend on time.
    ///
    /// That of an array does (`md_error`, `md_reap_sync_thread` in drivers/md/md.c): one work item raises the events of all
    /// failures and ends of actions since it last ran, and when an array is resumed for the first time, its thread raises
    /// another one if it runs between the load of the bitmap and the point at which the array becomes writable. So an array
    /// must raise an event in each step in which it does in memory, and may raise others.
    pub(crate) counts_events: bool,
}

impl Background {
    /// `None` if the sequence has no background work.
    pub(crate) fn of(steps: &[Step], quiet: Duration) -> Option<Self> {
        let has = |types: &[&str]| steps.iter().any(|step| step.loads(types));
        has(&TYPES).then(|| Self { quiet, counts_events: !has(&["raid"]) })
    }
}

/// Waits until no status and no event number has changed for the time `quiet`, which is zero in memory: there a status
/// advances the work by a step.
pub(crate) fn settle(dm: &Dm, prefix: &str, quiet: Duration) {
    let (start, mut since) = (Instant::now(), Instant::now());
    let (mut last, mut equal) = (state(dm, prefix), 0);
    while start.elapsed() < SOON {
        if quiet > Duration::ZERO {
            thread::sleep(INTERVAL);
        }
        let now = state(dm, prefix);
        if now != last {
            (last, since, equal) = (now, Instant::now(), 0);
        } else if since.elapsed() >= quiet && equal >= STEPS && !is_busy(&last) {
            return;
        } else {
            equal += 1;
        }
    }
}

fn state(dm: &Dm, prefix: &str) -> Vec<(Option<u32>, Vec<String>)> {
    let list = dm.list_devices().unwrap();
    let ours = list.iter().map(Result::unwrap).filter(|device| device.name.as_bytes().starts_with(prefix.as_bytes()));
    let status = |number| {
        let status = dm.table_status(number).ok().filter(|status| !status.info().is_suspended());
        let lines = |status: dm_core::TableStatus| -> Vec<String> {
            let lines = status.iter().map(Result::unwrap);
            lines
                .filter(|line| TYPES.iter().any(|name| line.target_type == *name))
                .map(|line| line.params.to_string())
                .collect()
        };
        status.map(lines).unwrap_or_default()
    };
    ours.map(|device| (device.event_nr, status(device.number))).collect()
}

/// Whether an array works. It may pause for longer than the workers of a mirror.
fn is_busy(state: &[(Option<u32>, Vec<String>)]) -> bool {
    let actions = state.iter().flat_map(|(_, statuses)| statuses).filter_map(|status| status.split(' ').nth(4));
    actions.into_iter().any(|action| ["resync", "recover", "check", "repair"].contains(&action))
}

/// A handle whose commands return when the background work that they have started is complete.
pub(crate) fn settling(kernel: &Dm, prefix: &str, quiet: Duration) -> Dm {
    Dm::with_transport(Settling { inner: kernel.transport(), kernel: kernel.clone(), prefix: prefix.to_owned(), quiet })
}

struct Settling {
    inner: Arc<dyn Transport>,
    kernel: Dm,
    prefix: String,
    quiet: Duration,
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settling").finish_non_exhaustive()
    }
}

impl Transport for Settling {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        self.inner.ioctl(command, request)?;
        // A constructor starts a thread as well, which must be idle when the table becomes active.
        if matches!(command, Command::TableLoad | Command::DeviceResume | Command::TargetMsg) {
            settle(&self.kernel, &self.prefix, self.quiet);
        }
        Ok(())
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        self.inner.ioctl_within(command, request, timeout)
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.inner.log_mark()
    }

    fn open_block(&self, device: BlockId<'_>, options: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
        self.inner.open_block(device, options)
    }

    fn has_nodes(&self) -> bool {
        self.inner.has_nodes()
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        self.inner.reopen()
    }
}
