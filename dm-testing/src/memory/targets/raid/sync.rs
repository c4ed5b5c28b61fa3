//! The background actions of an array: resync, recovery, check and repair.

use super::RaidTarget;
use super::leg::{IN_SYNC, Leg};
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::Io;
use crate::memory::targets::part::{CopyFault, DevicePart};

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
    /// Starts the next action, if one is needed, and then resets the number of mismatches that an earlier check has found.
    pub(super) fn start(&mut self) {
        if self.resync_offset != IN_SYNC {
            self.action = Action::Resync;
            self.position = self.resync_offset;
        } else if let Some(recovered) = self.legs.iter().filter(|leg| leg.is_rebuilt()).map(|leg| leg.recovered).min() {
            self.action = Action::Recover;
            self.position = recovered;
        }
        if self.action != Action::Idle {
            self.mismatches = 0;
        }
    }

    pub(super) fn begin(&mut self, action: Action) {
        self.action = action;
        self.position = 0;
        self.mismatches = 0;
    }

    /// Stops the current action, which raises an event as its end does (`md_reap_sync_thread`). A later start continues at
    /// the same position.
    pub(super) fn interrupt(&mut self, kernel: &mut Kernel) {
        self.note_progress();
        let was = std::mem::replace(&mut self.action, Action::Idle);
        self.save(kernel);
        if was != Action::Idle {
            kernel.event(self.minor);
        }
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
        let step = self.total.div_ceil(4).next_multiple_of(COMPARED);
        let sectors = step.min(self.total.saturating_sub(self.position));
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
    fn sides(&self) -> Option<(DevicePart, Vec<(usize, DevicePart)>)> {
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

    /// Compares the first leg that can be read with the others, to count differences or to repair them. Sectors that cannot
    /// be read count as different, and are written in any case (`process_checks` in drivers/md/raid1.c).
    fn scrub(&mut self, kernel: &mut Kernel, end: u64) {
        let mut at = self.position;
        while at < end {
            let sectors = COMPARED.min(end.saturating_sub(at));
            self.scrub_at(kernel, at, sectors);
            at = at.saturating_add(sectors);
        }
    }

    fn scrub_at(&mut self, kernel: &mut Kernel, at: u64, sectors: u64) {
        let len = usize::try_from(sectors).unwrap_or(0).saturating_mul(SECTOR);
        let is_check = self.action == Action::Check;
        let legs = self.legs.iter().enumerate().filter(|(_, leg)| !leg.is_faulty);
        let parts = legs.filter_map(|(place, leg)| Some((place, leg.data?)));
        let read = parts.map(|(place, part)| {
            let mut data = vec![0; len];
            let is_read = part.io(kernel, at, Io::Read(&mut data)).is_ok();
            (place, part, is_read.then_some(data))
        });
        let read: Vec<_> = read.collect();
        let Some(expected) = read.iter().find_map(|(_, _, data)| data.as_ref()) else { return };
        for (place, part, data) in read.iter().filter(|(_, _, data)| data.as_ref() != Some(expected)) {
            if is_check {
                self.mismatches = self.mismatches.saturating_add(sectors);
            }
            let is_written = !is_check || data.is_none();
            if is_written && part.io(kernel, at, Io::Write(expected)).is_err() {
                self.fail(kernel, *place);
            }
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
