//! The background actions of an array: resync, recovery, check and repair.

use super::RaidTarget;
use super::leg::{IN_SYNC, Leg};
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::Io;
use crate::memory::targets::part::{CopyFault, Part};

/// An action, as a status names it (`enum sync_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Idle,
    Resync,
    Recover,
    Check,
    Repair,
}

/// The number of sectors that are compared at a time. If they differ, all count as mismatches.
const COMPARED: u64 = 128;

impl Action {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Resync => "resync",
            Self::Recover => "recover",
            Self::Check => "check",
            Self::Repair => "repair",
        }
    }

    /// Whether the action compares legs that are in sync.
    pub(super) const fn is_scrub(self) -> bool {
        matches!(self, Self::Check | Self::Repair)
    }
}

impl RaidTarget {
    /// Starts the next action, if one is needed.
    pub(super) fn start(&mut self) {
        if self.resync_offset != IN_SYNC {
            self.action = Action::Resync;
            self.position = self.resync_offset;
        } else if let Some(recovered) = self.legs.iter().filter(|leg| leg.is_rebuilt()).map(|leg| leg.recovered).min() {
            self.action = Action::Recover;
            self.position = recovered;
        }
    }

    pub(super) fn begin(&mut self, action: Action) {
        self.action = action;
        self.position = 0;
        self.mismatches = 0;
    }

    /// Stops the current action; a later start continues at the same position.
    pub(super) fn interrupt(&mut self, kernel: &mut Kernel) {
        self.note_progress();
        self.action = Action::Idle;
        self.save(kernel);
    }

    fn note_progress(&mut self) {
        let reached = if self.position >= self.total { IN_SYNC } else { self.position };
        match self.action {
            Action::Resync => self.resync_offset = reached,
            Action::Recover => {
                self.legs.iter_mut().filter(|leg| leg.is_rebuilt()).for_each(|leg| leg.recovered = reached);
            }
            Action::Idle | Action::Check | Action::Repair => {}
        }
    }

    /// Advances the current action by one step. Its end raises an event.
    pub(super) fn step(&mut self, kernel: &mut Kernel) {
        if !self.is_raid1() {
            self.probe(kernel);
        }
        if self.action == Action::Idle {
            return;
        }
        let sectors = self.total.div_ceil(4).min(self.total.saturating_sub(self.position));
        let end = self.position.saturating_add(sectors);
        if self.is_raid1() {
            match self.action {
                Action::Check | Action::Repair => self.scrub(kernel, end),
                _ => self.copy(kernel, sectors),
            }
        }
        self.position = end;
        if end >= self.total {
            let was = self.action;
            self.note_progress();
            self.action = Action::Idle;
            self.save(kernel);
            kernel.event(self.minor);
            if was == Action::Resync {
                self.start();
            }
        }
    }

    /// The leg to read from, and the legs that must become equal to it.
    fn sides(&self) -> Option<(Part, Vec<(usize, Part)>)> {
        let working = self.legs.iter().position(Leg::works)?;
        let from = self.legs.get(working)?.data?;
        let is_wanted = |leg: &Leg| !leg.is_faulty && (self.action != Action::Recover || leg.is_rebuilt());
        let others = self.legs.iter().enumerate().filter(|(place, leg)| *place != working && is_wanted(leg));
        Some((from, others.filter_map(|(place, leg)| Some((place, leg.data?))).collect()))
    }

    /// Copies sectors to legs that are not in sync.
    fn copy(&mut self, kernel: &mut Kernel, sectors: u64) {
        let Some((from, others)) = self.sides() else { return };
        for (place, to) in others {
            if let Err(CopyFault::To(_)) = from.copy(kernel, to, self.position, sectors) {
                self.fail(kernel, place);
            }
        }
    }

    /// Counts differences between legs, or repairs them.
    fn scrub(&mut self, kernel: &mut Kernel, end: u64) {
        let Some((from, others)) = self.sides() else { return };
        let mut at = self.position;
        while at < end {
            let sectors = COMPARED.min(end.saturating_sub(at));
            let len = usize::try_from(sectors).unwrap_or(0).saturating_mul(SECTOR);
            let (mut data, mut other) = (vec![0; len], vec![0; len]);
            let is_read = from.io(kernel, at, Io::Read(&mut data)).is_ok();
            for (place, part) in others.iter().filter(|_| is_read) {
                if part.io(kernel, at, Io::Read(&mut other)).is_err() {
                    self.fail(kernel, *place);
                } else if data != other {
                    match self.action {
                        Action::Repair => drop(part.io(kernel, at, Io::Write(&data))),
                        _ => self.mismatches = self.mismatches.saturating_add(sectors),
                    }
                }
            }
            at = at.saturating_add(sectors);
        }
    }

    /// Detects failed legs, for levels without I/O.
    fn probe(&mut self, kernel: &mut Kernel) {
        for place in 0..self.legs.len() {
            let part = self.legs.get(place).filter(|leg| !leg.is_faulty).and_then(|leg| leg.data);
            if part.is_some_and(|part| part.io(kernel, 0, Io::Read(&mut [0; SECTOR])).is_err()) {
                self.fail(kernel, place);
            }
        }
    }
}
