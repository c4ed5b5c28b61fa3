//! Waits until udev has finished, within one timeout, and detects that it will not.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::alive::{self, Daemon};
use super::cookies::Cookie;
use super::detect::Facts;
use super::error::UdevError;
use super::node_change::{Change, NodeChange};
use super::node_state::{leads_to, state};
use super::nodes::DevDir;
use super::semaphore::Waited;
use crate::machine::{ForeignText, unescaped};

/// A timeout that has started. It cannot overflow.
#[derive(Clone, Copy, Debug)]
struct Timer {
    start: Instant,
    length: Duration,
}

impl Timer {
    fn new(length: Duration) -> Self {
        Self { start: Instant::now(), length }
    }

    fn left(&self) -> Duration {
        self.length.saturating_sub(self.start.elapsed())
    }

    fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The wait before udev's daemon is searched for, and the longest time between two searches.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
const MAX_PATIENCE: Duration = Duration::from_secs(30);

/// The pauses between two checks of a node.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// The result of waiting for a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// udev has finished.
    Done,
    /// No daemon will complete it.
    NoDaemon,
    /// Another process removed the semaphore, such as `dmsetup udevcomplete_all`: udev may or may not have finished.
    Removed,
    /// A daemon runs, or may run, and has not completed it within the timeout.
    Late { pending: i32, stopped: bool },
}

/// The common state of waits: the timeout, and the result of the search for the daemon.
pub(super) struct Waiting<'a> {
    facts: &'a Facts,
    dev: &'a DevDir,
    timer: Timer,
    patience: Duration,
    daemon: Option<Daemon>,
    is_udevs: Option<bool>,
}

impl<'a> Waiting<'a> {
    /// Starts the timeout.
    pub(super) fn new(facts: &'a Facts, dev: &'a DevDir, timeout: Duration, patience: Duration) -> Self {
        Self { facts, dev, timer: Timer::new(timeout), patience, daemon: None, is_udevs: None }
    }

    pub(super) fn for_cookie(&mut self, cookie: &mut Cookie) -> Answer {
        if cookie.expect_one_less().is_err() {
            return Answer::Removed;
        }
        let mut last = cookie.counted();
        let mut patience = Timer::new(self.patience);
        loop {
            match cookie.wait(self.timer.left().min(patience.left())) {
                Ok(Waited::Zero) => return Answer::Done,
                // After a signal the wait continues for the remaining time.
                Ok(Waited::Interrupted) if !self.timer.is_over() && !patience.is_over() => continue,
                Ok(Waited::Interrupted | Waited::TimedOut) => {}
                Err(_) => return Answer::Removed,
            }
            let pending = match cookie.pending() {
                None => return Answer::Removed,
                // Completed at the last moment.
                Some(0) => return Answer::Done,
                Some(pending) => pending,
            };
            if last != pending && !self.timer.is_over() {
                last = pending;
                patience = Timer::new(self.patience);
                continue;
            }
            let stopped = match self.look_for_daemon() {
                Daemon::Gone | Daemon::Elsewhere => return Answer::NoDaemon,
                Daemon::Answers { .. } | Daemon::Unknown if self.facts.is_notify_rule_masked() => {
                    return Answer::NoDaemon;
                }
                Daemon::Answers { stopped } => stopped,
                Daemon::Unknown => false,
            };
            if self.timer.is_over() {
                return Answer::Late { pending, stopped };
            }
            patience = Timer::new(patience.length.saturating_mul(2).min(MAX_PATIENCE));
        }
    }

    /// Waits until `/dev` has all changes, and makes those that udev will not make. All are tried, and the first error
    /// is returned.
    pub(super) fn for_nodes(&mut self, changes: &[Change]) -> Result<(), UdevError> {
        changes.iter().map(|change| self.for_node(change)).fold(Ok(()), Result::and)?;
        self.complete_nodes(changes)
    }

    fn for_node(&mut self, change: &Change) -> Result<(), UdevError> {
        let mut pause = FIRST_PAUSE;
        let patience = Timer::new(self.patience);
        let mut was_looked_for = false;
        loop {
            if self.dev.is_done(change, self.facts) {
                return Ok(());
            }
            let is_left_to_us = !self.is_udevs() || self.dev.is_left_to_us(change, self.facts);
            if self.daemon == Some(Daemon::Gone) || is_left_to_us {
                return self.dev.carry_out(change, self.facts);
            }
            if !was_looked_for && (patience.is_over() || self.timer.is_over()) {
                was_looked_for = true;
                self.look_for_daemon();
                continue;
            }
            if self.timer.is_over() {
                return match self.daemon {
                    // No daemon is visible, and none has made the change.
                    None | Some(Daemon::Unknown | Daemon::Gone) => self.dev.carry_out(change, self.facts),
                    Some(daemon) => Err(self.late(change, daemon)),
                };
            }
            thread::sleep(pause.min(self.timer.left()));
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
    }

    /// Makes the changes that udev has not made after it has finished, such as a link in a private `/dev`.
    ///
    /// udev removes the link of a device whose removal is deferred, unless no daemon runs. Nothing has waited for it,
    /// so that is checked here.
    pub(super) fn complete_nodes(&mut self, changes: &[Change]) -> Result<(), UdevError> {
        let is_deferred = |change: &Change| change.kind == NodeChange::Deferred;
        let no_daemon_will = changes.iter().any(is_deferred) && self.look_for_daemon() == Daemon::Gone;
        let undone = changes
            .iter()
            .filter(|change| no_daemon_will && is_deferred(change) || !self.dev.is_done(change, self.facts));
        undone.map(|change| self.dev.carry_out(change, self.facts)).fold(Ok(()), Result::and)
    }

    pub(super) fn late_cookie(&self, cookie: u32, changes: &[Change], pending: i32, stopped: bool) -> UdevError {
        let undone = changes.iter().filter(|change| !self.dev.is_done(change, self.facts));
        UdevError::TimedOut {
            devices: changes.iter().map(|change| (change.name.clone(), change.number)).collect(),
            lacking: undone.map(|change| self.dev.node_path(&change.name)).collect(),
            cookie,
            pending,
            waited: self.timer.elapsed(),
            stopped,
        }
    }

    fn late(&self, change: &Change, daemon: Daemon) -> UdevError {
        let present = change.kind == NodeChange::Present;
        let wrong = change.places.iter().find(|path| present || leads_to(path, change.number));
        let path = wrong.cloned().unwrap_or_else(|| self.dev.node_path(&change.name));
        UdevError::NodeTimedOut {
            name: change.name.clone(),
            number: change.number,
            present,
            found: state(&path, change.number),
            path,
            waited: self.timer.elapsed(),
            stopped: daemon == Daemon::Answers { stopped: true },
        }
    }

    /// Whether `/dev/mapper` is in the `/dev` that udev maintains, the kernel's devtmpfs.
    fn is_udevs(&mut self) -> bool {
        let (dev, facts) = (self.dev, self.facts);
        *self.is_udevs.get_or_insert_with(|| is_devtmpfs(&dev.mapper_dir(), facts))
    }

    fn look_for_daemon(&mut self) -> Daemon {
        let daemon = alive::find_daemon(self.facts);
        self.daemon = Some(daemon);
        daemon
    }
}

/// The largest part of the mount table that is read, in bytes.
const MAX_MOUNT_TABLE: u64 = 1 << 20;

/// Whether a directory is on devtmpfs according to the mount table. If that cannot be read, assumes that it is.
fn is_devtmpfs(dev_dir: &Path, facts: &Facts) -> bool {
    let mut table = Vec::new();
    let file = File::open(facts.path("proc/thread-self/mountinfo"));
    if file.and_then(|file| file.take(MAX_MOUNT_TABLE).read_to_end(&mut table)).is_err() {
        return true;
    }
    // A missing directory would be in its parent's file system.
    let parent = dev_dir.parent().unwrap_or(dev_dir);
    let dev_dir = dev_dir.canonicalize().or_else(|_| parent.canonicalize()).unwrap_or_else(|_| dev_dir.to_owned());
    is_devtmpfs_in(&table, &dev_dir)
}

/// Reads lines of `36 35 98:0 /root /mount/point options … - type source …`, with mount points of any bytes. If several
/// mounts have the same mount point, the last one is visible.
fn is_devtmpfs_in(table: &[u8], dev_dir: &Path) -> bool {
    let mounts = table.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut words = line.split(|&byte| byte == b' ');
        let place = ForeignText::new(&unescaped(words.nth(4)?));
        let kind = words.skip_while(|word| *word != b"-").nth(1)?;
        dev_dir.starts_with(place.as_path()).then(|| (place.as_path().components().count(), kind))
    });
    mounts.max_by_key(|(depth, _)| *depth).is_none_or(|(_, kind)| kind == b"devtmpfs")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::udev::alive::fake::{Fake, Process};
    use crate::udev::nodes::NodeMode;

    #[test]
    fn no_length_of_time_overflows() {
        let timer = Timer::new(Duration::MAX);
        assert!(timer.left() > Duration::from_secs(u64::from(u32::MAX)) && !timer.is_over());
        assert!(Timer::new(Duration::ZERO).is_over());
    }

    #[test]
    fn a_signal_neither_ends_nor_lengthens_a_wait() {
        let fake = Fake::new();
        fake.process(20, &Process::UDEV);
        let (facts, dev) = (
            fake.facts(),
            DevDir { path: fake.path("dev").into(), mode: NodeMode::Link, naming: crate::id::Naming::Auto },
        );
        let mut cookie = Cookie::create().unwrap();
        cookie.expect_one().unwrap();
        // Stopping and continuing a process interrupts this call without a signal handler.
        let script = "for i in 1 2 3; do sleep 0.1; kill -STOP $0; kill -CONT $0; done";
        let mut signals = Command::new("sh").args(["-c", script, &std::process::id().to_string()]).spawn().unwrap();
        let timeout = Duration::from_millis(600);
        let mut waiting = Waiting::new(&facts, &dev, timeout, Duration::from_secs(20));
        assert_eq!(waiting.for_cookie(&mut cookie), Answer::Late { pending: 1, stopped: false });
        assert!((timeout..Duration::from_secs(10)).contains(&waiting.timer.elapsed()));
        assert!(signals.wait().unwrap().success());
    }

    #[test]
    fn the_mount_that_counts_is_the_deepest_and_last() {
        let root = "20 1 254:0 / / rw - ext4 /dev/root rw\n";
        let devtmpfs = "21 20 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=1k\n";
        let tmpfs = "22 20 0:6 / /dev rw - tmpfs tmpfs rw\n";
        let below = "23 21 0:7 / /dev/shm rw - tmpfs tmpfs rw\nbad line\n";
        let is = |parts: &[&str], dev: &str| is_devtmpfs_in(parts.concat().as_bytes(), Path::new(dev));
        assert!(is(&[root, devtmpfs, below], "/dev"));
        assert!(!is(&[root, devtmpfs, tmpfs, below], "/dev"));
        assert!(is(&[root, tmpfs, devtmpfs], "/dev"));
        assert!(!is(&[root, devtmpfs], "/device"));
        assert!(!is(&[root], "/dev"));
        assert!(is(&[], "/dev"));
        let odd = "24 20 0:5 / /my\\040root/dev rw - devtmpfs udev rw\n";
        assert!(is(&[root, odd], "/my root/dev/mapper") && !is(&[root, odd], "/my\\040root/dev/mapper"));
    }
}
