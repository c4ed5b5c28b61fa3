//! The legs of a mirror and their failures.

use crate::memory::targets::part::DevicePart;

/// The kinds of failures of a leg, the worst first (`enum dm_raid1_error`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    Flush,
    Write,
    Sync,
    Read,
}

/// A leg with its failures.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) part: DevicePart,
    failures: Vec<Failure>,
}

impl Leg {
    pub(super) const fn new(part: DevicePart) -> Self {
        Self { part, failures: Vec::new() }
    }

    pub(super) fn is_good(&self) -> bool {
        self.failures.is_empty()
    }

    /// Records a failure. Returns `false` if the leg has failed in that way before.
    pub(super) fn fail(&mut self, failure: Failure) -> bool {
        let is_new = !self.failures.contains(&failure);
        if is_new {
            self.failures.push(failure);
        }
        is_new
    }

    /// Forgets all failures.
    pub(super) fn forgive(&mut self) {
        self.failures.clear();
    }

    /// The letter of its health in a status (`device_status_char`).
    pub(super) fn letter(&self) -> char {
        match self.failures.iter().min() {
            None => 'A',
            Some(Failure::Flush) => 'F',
            Some(Failure::Write) => 'D',
            Some(Failure::Sync) => 'S',
            Some(Failure::Read) => 'R',
        }
    }
}
