//! Work in the background, followed until it ends.

use core::time::Duration;
use std::thread;

use dm_core::{Host, StatusOptions};

use super::{DevError, MappedDev};
use crate::target::Target;
use crate::target::health::Work;

/// Follows work in the background until it ends; see [`MappedDev::progress`].
///
/// It holds nothing of the device: it can be dropped at any time, and begun again.
#[derive(Debug)]
#[must_use = "nothing is read until it is iterated over"]
pub struct Progress<'h, T: Target> {
    device: MappedDev<T>,
    host: &'h Host,
    interval: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begun,
    Going,
    Ended,
}

impl<T: Target> MappedDev<T> {
    /// Follows what the target does in the background: a merge, a copy, a rebuild, a
    /// recalculation.
    ///
    /// The first value is read at once, each later one after `interval`. It ends when the target is not at work any more, which
    /// may be at once. Each step is one command, which commits no metadata.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(host: &dm_core::Host, array: &dm_targets::devices::RaidDev) -> Result<(), dm_targets::devices::DevError> {
    /// for work in array.progress(host, Duration::from_secs(1)) {
    ///     let work = work?;
    ///     println!("{:?}: {:?} %", work.kind, work.done.and_then(|done| done.percent()));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress<'h>(&self, host: &'h Host, interval: Duration) -> Progress<'h, T> {
        Progress { device: self.clone(), host, interval, state: State::Begun }
    }
}

/// Ends after an error.
impl<T: Target> Iterator for Progress<'_, T> {
    type Item = Result<Work, DevError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.state {
            State::Begun => self.state = State::Going,
            State::Going => thread::sleep(self.interval),
            State::Ended => return None,
        }
        let status = self.device.status(self.host, StatusOptions::new().noflush(true));
        let work = status.map(|status| T::health(&status).work).transpose();
        if !matches!(work, Some(Ok(_))) {
            self.state = State::Ended;
        }
        work
    }
}
