//! [`Progress`], which follows background work until it ends.

use core::time::Duration;
use std::thread;

use dm_core::{Host, StatusOptions};

use super::{DevError, MappedDev};
use crate::target::health::Work;
use crate::target::kind::LineKind;

/// An iterator that follows background work until it ends, from [`MappedDev::progress`].
///
/// Each step reads the status and returns the current [`Work`](crate::Work). Each step except the first sleeps for the
/// interval before it reads. The iterator ends when no work is left, or after an error. You can drop it at any time;
/// the device continues the work.
#[derive(Debug)]
#[must_use = "nothing is read until it is iterated over"]
pub struct Progress<'h, K: LineKind> {
    device: MappedDev<K>,
    host: &'h Host,
    interval: Duration,
    state: State,
    /// The work according to a status; `None` when it has finished.
    work: fn(&K::Status) -> Option<Work>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begun,
    Going,
    Ended,
}

impl<K: LineKind> MappedDev<K> {
    /// Follows the targets' background work, such as a merge, a copy, a rebuild or a recalculation. In a table with
    /// several lines, it follows the first line that has work.
    ///
    /// The first step reads the status immediately, each later one after `interval`. The iterator ends when no target
    /// has work, or after an error. Without any work, it is empty. Each step is one command, and commits no metadata.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let host = memory.host();
    /// # let legs = [(); 2].map(|()| format!("- {}", memory.disk(dm_units::Bytes(1 << 20)).number())).join(" ");
    /// # let line = dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(2048), "raid", format!("raid1 1 0 2 {legs}"));
    /// # host.create("array", [line])?;
    /// # let array = dm_targets::devices::RaidDev::open(&host, "array")?;
    /// for work in array.progress(&host, Duration::from_millis(100)) {
    ///     let work = work?;
    ///     println!("{:?}: {:?} %", work.kind, work.done.and_then(|done| done.percent()));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn progress<'h>(&self, host: &'h Host, interval: Duration) -> Progress<'h, K> {
        self.progress_of(host, interval, K::work)
    }

    /// Follows work that only the caller can derive from a status.
    pub(super) fn progress_of<'h>(
        &self,
        host: &'h Host,
        interval: Duration,
        work: fn(&K::Status) -> Option<Work>,
    ) -> Progress<'h, K> {
        Progress { device: self.clone(), host, interval, state: State::Begun, work }
    }
}

/// The iterator ends after an error.
impl<K: LineKind> Iterator for Progress<'_, K> {
    type Item = Result<Work, DevError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.state {
            State::Begun => self.state = State::Going,
            State::Going => thread::sleep(self.interval),
            State::Ended => return None,
        }
        let statuses = self.device.statuses_with(self.host, StatusOptions::new().noflush(true));
        let work = statuses.map(|lines| lines.iter().find_map(|line| (self.work)(&line.status))).transpose();
        if !matches!(work, Some(Ok(_))) {
            self.state = State::Ended;
        }
        work
    }
}
