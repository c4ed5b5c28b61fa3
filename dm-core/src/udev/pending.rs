//! A batch of commands whose changes of `/dev` have not been confirmed yet.

use std::time::Duration;

use dm_units::DeviceNumber;

use super::Udev;
use super::error::UdevError;
use super::node_change::{Change, NodeChange, in_order};
use super::wait::{Answer, PATIENCE, Waiting};
use super::wait_mode::WaitMode;
use crate::id::DmName;
use crate::wire::{UdevCookie, UdevFlags};

/// Commands that wait together for their changes of `/dev`, as started by [`Udev::begin`].
///
/// Dropping it does not wait, but removes the semaphore, unless that is shared.
#[derive(Debug)]
pub(crate) struct Pending {
    udev: Udev,
    mode: WaitMode,
    has_nodes: bool,
    changes: Vec<Change>,
    /// Whether the last command told udev not to make links.
    without_links: bool,
    patience: Duration,
}

impl Pending {
    pub(super) fn begin(udev: Udev, has_nodes: bool) -> Self {
        let mode = WaitMode::choose(&udev);
        Self { udev, mode, has_nodes, changes: Vec::new(), without_links: false, patience: PATIENCE }
    }

    /// Adds a step for a command that will send a uevent, and returns the cookie to send: see [`WaitMode::expect`].
    pub(crate) fn expect(&mut self, flags: UdevFlags) -> UdevCookie {
        self.without_links = flags.contains(UdevFlags::DISABLE_DM_RULES);
        self.mode.expect(flags)
    }

    /// Subtracts the step if the command has sent no uevent, because it failed or changed nothing.
    pub(crate) fn sent(&mut self, uevent_generated: bool) {
        self.mode.sent(uevent_generated);
    }

    /// Records what `/dev/mapper` must contain in the end for a device name. The last record for a name counts. A
    /// rename makes two records.
    pub(crate) fn note(&mut self, name: &DmName, number: DeviceNumber, change: NodeChange) {
        self.changes.retain(|known| *known.name != *name);
        let is_left_out =
            self.without_links && change == NodeChange::Present && !matches!(self.mode, WaitMode::MakeNodes);
        let is_without_nodes = match self.mode {
            WaitMode::Nothing => true,
            WaitMode::MakeNodes | WaitMode::PollNodes => !self.has_nodes,
            WaitMode::Cookie(_) | WaitMode::Shared(_) => false,
        };
        if !is_left_out && !is_without_nodes {
            self.changes.push(self.udev.dev.change(name, number, change));
        }
    }

    /// Waits until udev has finished, or makes and removes the nodes. All changes share one timeout.
    ///
    /// # Errors
    /// [`UdevError::TimedOut`], [`UdevError::NodeTimedOut`]: udev runs and has not finished in time. Others: a node
    /// cannot be created or removed. The commands have taken effect, and the semaphore is removed, unless it is shared.
    pub(crate) fn finish(self) -> Result<(), UdevError> {
        let Self { udev, mode, changes, patience, .. } = self;
        let changes = in_order(changes);
        let waiting = || Waiting::new(&udev.facts, &udev.dev, udev.timeout, patience);
        match mode {
            WaitMode::Nothing | WaitMode::Shared(_) => Ok(()),
            WaitMode::MakeNodes => {
                changes.iter().map(|change| udev.dev.carry_out(change, &udev.facts)).fold(Ok(()), Result::and)
            }
            WaitMode::PollNodes => waiting().for_nodes(&changes),
            WaitMode::Cookie(mut cookie) => {
                let mut waiting = waiting();
                match waiting.for_cookie(&mut cookie) {
                    Answer::Done => waiting.complete_nodes(&changes),
                    Answer::NoDaemon | Answer::Removed => waiting.for_nodes(&changes),
                    Answer::Late { pending, stopped } => {
                        Err(waiting.late_cookie(cookie.key(), &changes, pending, stopped))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::udev::Strategy;
    use crate::udev::alive::fake::{Fake, Process};
    use crate::udev::cookies::{complete, key};
    use crate::udev::semaphore::Semaphore;

    const NUMBER: DeviceNumber = DeviceNumber { major: 4000, minor: 7 };
    const LONG: Duration = Duration::from_secs(20);

    fn begin_with(fake: &Fake, strategy: Strategy, timeout: Duration) -> Pending {
        let udev = Udev { facts: fake.facts(), ..Udev::new(strategy).timeout(timeout).dev_dir(fake.path("dev")) };
        let mut pending = udev.begin(true);
        pending.patience = Duration::from_millis(50);
        pending
    }

    fn begin(fake: &Fake) -> Pending {
        begin_with(fake, Strategy::Auto, LONG)
    }

    fn name() -> &'static DmName {
        DmName::new("x").unwrap()
    }

    /// A stale link, which only udev or this crate removes.
    fn put_stale_link(fake: &Fake) {
        symlink("../dm-7", fake.path("dev/mapper/x")).unwrap();
    }

    fn has_link(fake: &Fake) -> bool {
        fake.path("dev/mapper/x").is_symlink()
    }

    fn semaphore(cookie: UdevCookie) -> Option<Semaphore> {
        Semaphore::find(key(cookie.base())).ok()
    }

    #[test]
    fn a_batch_ends_when_udev_has_completed_every_uevent_that_was_sent() {
        let fake = Fake::with_udev();
        // On a slow machine the replies take longer than a second, after which the daemon is searched for.
        fake.process(20, &Process::UDEV);
        let mut pending = begin(&fake);
        let cookies = [(); 3].map(|()| pending.expect(UdevFlags::empty()));
        assert_eq!(semaphore(cookies[0]).unwrap().value(), Ok(4));
        pending.sent(true);
        pending.sent(false);
        pending.sent(true);
        let rules = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            complete(cookies[0]).unwrap();
            complete(cookies[2]).unwrap();
        });
        let start = Instant::now();
        pending.finish().unwrap();
        rules.join().unwrap();
        assert!(start.elapsed() < LONG);
        assert_eq!(semaphore(cookies[0]), None);
    }

    #[test]
    fn devices_of_a_kernel_without_nodes_here_need_none_even_without_sysfs() {
        for strategy in [Strategy::Auto, Strategy::MakeNodes, Strategy::WaitForNodes] {
            let fake = Fake::new();
            let udev = Udev { facts: fake.facts(), ..Udev::new(strategy).dev_dir(fake.path("dev")) };
            for change in [NodeChange::Present, NodeChange::Absent, NodeChange::Deferred] {
                let mut pending = udev.begin(false);
                pending.note(name(), NUMBER, change);
                pending.finish().unwrap();
            }
            assert!(!fake.path("dev").exists(), "{strategy:?}");
        }
    }

    #[test]
    fn a_running_daemon_that_does_not_answer_is_waited_for_until_the_timeout() {
        for (state, advice) in [("S (sleeping)", "check udev's log"), ("T (stopped)", "let it continue (SIGCONT)")] {
            let fake = Fake::with_udev();
            fake.process(20, &Process { state, ..Process::UDEV });
            put_stale_link(&fake);
            let timeout = Duration::from_millis(200);
            let mut pending = begin_with(&fake, Strategy::Cookies, timeout);
            let cookie = pending.expect(UdevFlags::empty());
            pending.note(name(), NUMBER, NodeChange::Absent);
            let start = Instant::now();
            let error = pending.finish().unwrap_err();
            assert!((timeout..LONG).contains(&start.elapsed()));
            assert!(error.is_timed_out() && error.to_string().ends_with(advice), "{error}");
            assert!(error.to_string().contains("device 'x' (4000:7)"), "{error}");
            assert!(error.to_string().contains("dev/mapper/x;"), "{error}");
            assert_eq!(semaphore(cookie), None);
        }
    }

    #[test]
    fn without_a_daemon_the_nodes_are_made_here_long_before_the_timeout() {
        for timeout in [LONG, Duration::MAX, Duration::ZERO] {
            let fake = Fake::with_udev();
            fake.process(20, &Process { uids: "1000\t1000\t1000\t1000", ..Process::UDEV });
            put_stale_link(&fake);
            let mut pending = begin_with(&fake, Strategy::Auto, timeout);
            assert_ne!(pending.expect(UdevFlags::empty()).base(), 0);
            pending.note(name(), NUMBER, NodeChange::Absent);
            let start = Instant::now();
            pending.finish().unwrap();
            assert!(start.elapsed() < LONG && !has_link(&fake));
        }
    }

    #[test]
    fn a_removed_semaphore_is_not_an_error_if_dev_gets_right() {
        // Before the command, between command and wait, and during the wait.
        for moment in 0..3 {
            let fake = Fake::with_udev();
            fake.process(20, &Process::UDEV);
            put_stale_link(&fake);
            let link = fake.path("dev/mapper/x");
            let mut pending = begin(&fake);
            let semaphore = semaphore(pending.expect(UdevFlags::empty())).unwrap();
            if moment == 0 {
                semaphore.remove().unwrap();
                assert_eq!(pending.expect(UdevFlags::empty()).base(), 0);
                pending.sent(false);
            }
            pending.note(name(), NUMBER, NodeChange::Absent);
            if moment == 1 {
                semaphore.remove().unwrap();
                pending.sent(false);
            }
            let udev = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                let _ = semaphore.remove();
                fs::remove_file(link).unwrap();
            });
            pending.finish().unwrap();
            udev.join().unwrap();
            assert!(!has_link(&fake));
        }
    }

    #[test]
    fn a_masked_rule_and_a_daemon_elsewhere_end_the_wait_for_the_cookie() {
        let masked = Fake::with_udev();
        masked.process(20, &Process::UDEV);
        masked.file("etc/udev/rules.d/95-dm-notify.rules", "");
        let elsewhere = Fake::with_udev();
        elsewhere.namespace("thread-self", "own");
        elsewhere.process(20, &Process { namespace: "other", ..Process::UDEV });
        for fake in [masked, elsewhere] {
            let mut pending = begin_with(&fake, Strategy::Cookies, LONG);
            assert_ne!(pending.expect(UdevFlags::empty()).base(), 0);
            let start = Instant::now();
            pending.finish().unwrap();
            assert!(start.elapsed() < LONG);
        }
    }

    #[test]
    fn in_a_dev_that_is_not_udevs_the_node_is_made_at_once() {
        let fake = Fake::with_udev();
        fake.namespace("thread-self", "own");
        fake.process(20, &Process { namespace: "host", ..Process::UDEV });
        fake.file("sys/dev/block/4000:7/dm/name", "x\n");
        fake.file("dev/mapper/x", "");
        fake.file("proc/thread-self/mountinfo", "21 20 0:5 / / rw - tmpfs tmpfs rw\n");
        let mut pending = begin(&fake);
        pending.patience = LONG;
        assert_eq!(pending.expect(UdevFlags::empty()).base(), 0);
        pending.note(name(), NUMBER, NodeChange::Present);
        let start = Instant::now();
        // A file in its place shows that it was tried, without the right to make a block node.
        let error = pending.finish().unwrap_err();
        assert!(matches!(error, UdevError::Occupied { .. }), "{error}");
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn in_udevs_own_dev_a_link_is_waited_for_until_the_timeout() {
        let fake = Fake::with_udev();
        fake.process(20, &Process::UDEV);
        put_stale_link(&fake);
        let mut pending = begin_with(&fake, Strategy::WaitForNodes, Duration::from_millis(100));
        pending.note(name(), NUMBER, NodeChange::Absent);
        let error = pending.finish().unwrap_err();
        assert!(error.is_timed_out() && has_link(&fake), "{error}");
        assert!(error.to_string().contains("x is a dangling link"), "{error}");
    }

    #[test]
    fn the_last_note_for_a_name_counts() {
        let fake = Fake::with_udev();
        let mut pending = begin_with(&fake, Strategy::MakeNodes, LONG);
        put_stale_link(&fake);
        pending.note(name(), NUMBER, NodeChange::Absent);
        pending.note(name(), NUMBER, NodeChange::Present);
        pending.finish().unwrap();
        assert!(has_link(&fake), "the device does not exist, so that nothing is made or removed");
    }

    #[test]
    fn a_device_that_another_process_removed_is_not_waited_for() {
        let fake = Fake::with_udev();
        let mut pending = begin_with(&fake, Strategy::WaitForNodes, LONG);
        pending.note(name(), NUMBER, NodeChange::Present);
        let start = Instant::now();
        pending.finish().unwrap();
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_strategy_that_needs_no_nodes_touches_none() {
        let fake = Fake::with_udev();
        put_stale_link(&fake);
        let mut pending = begin_with(&fake, Strategy::None, LONG);
        pending.note(name(), NUMBER, NodeChange::Absent);
        pending.finish().unwrap();
        assert!(has_link(&fake));
    }

    #[test]
    fn many_processes_do_not_make_a_batch_slower_unless_udev_does_not_answer() {
        // The walk would find no daemon and end the wait: it did not happen.
        let fake = Fake::with_udev();
        let mut pending = begin(&fake);
        pending.patience = LONG;
        let cookie = pending.expect(UdevFlags::empty());
        complete(cookie).unwrap();
        fs::remove_dir_all(fake.path("proc")).unwrap();
        pending.finish().unwrap();
    }
}
