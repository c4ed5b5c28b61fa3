//! `mirror` (drivers/md/dm-raid1.c, drivers/md/dm-log.c). One step of background work copies a quarter of the regions.

mod leg;
mod log;

use dm_targets::Mirror;
use dm_targets::mirror::MirrorTable;

use self::leg::{Failure, Leg};
use self::log::Log;
use super::part::{CopyFault, DevicePart};
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct MirrorTarget {
    minor: u32,
    table: MirrorTable,
    length: u64,
    legs: Vec<Leg>,
    /// The leg that is the source of copies and of reads from regions that are not in sync.
    default: usize,
    log: Log,
    /// The next region that may have to be copied.
    search: usize,
    /// Whether all regions were in sync and no write to a leg has failed since.
    in_sync: bool,
    has_lost_leg: bool,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Mirror>(params)?;
    let log = Log::open(construction, &mut table.log)?;
    let mut legs = Vec::new();
    for mirror in &mut table.legs {
        let part = DevicePart::open(construction, &mut mirror.device, mirror.offset, "Device lookup failure")?;
        legs.push(Leg::new(part));
    }
    construction.only_known(&table.features.other_features, "Unrecognised feature requested.")?;
    Ok(Box::new(MirrorTarget {
        minor: construction.minor,
        length: construction.length,
        table,
        legs,
        default: 0,
        search: 0,
        // The thread of the mirror first runs before the table is active, and so raises no event for `nosync`
        // (`mirror_ctr`, `do_recovery`).
        in_sync: log.count() == log.regions(),
        log,
        has_lost_leg: false,
    }))
}

impl MirrorTarget {
    const fn handles_errors(&self) -> bool {
        self.table.features.handle_errors
    }

    const fn keeps_log(&self) -> bool {
        self.table.features.keep_log
    }

    /// Whether a failed write waits until the device is suspended.
    const fn holds(&self) -> bool {
        self.handles_errors() && !self.keeps_log()
    }

    /// As `fail_mirror`.
    fn fail(&mut self, kernel: &mut Kernel, place: usize, failure: Failure) {
        self.has_lost_leg = true;
        let handles_errors = self.handles_errors();
        let Some(leg) = self.legs.get_mut(place) else { return };
        if !leg.fail(failure) || !handles_errors {
            return;
        }
        let device = leg.part.device;
        if place == self.default {
            if !self.in_sync && !self.keeps_log() {
                let text = format!("Primary mirror ({device}) failed while out-of-sync: Reads may fail.");
                kernel.log("raid1", &text);
            } else if let Some(good) = self.legs.iter().position(Leg::is_good) {
                self.default = good;
            } else {
                kernel.log("raid1", "All sides of mirror have failed.");
            }
        }
        kernel.event(self.minor);
    }

    /// Chooses the leg to read from: the default one unless it has failed, and another one only if the region is in
    /// sync (`choose_mirror`).
    fn choose(&self, is_in_sync: bool) -> Option<usize> {
        let is_good = |place: &usize| self.legs.get(*place).is_some_and(Leg::is_good);
        if !is_in_sync {
            return Some(self.default).filter(is_good);
        }
        let before = (0..=self.default).rev();
        before.chain((0..self.legs.len()).rev()).find(is_good)
    }

    fn read(&mut self, kernel: &mut Kernel, at: u64, data: &mut [u8]) -> IoResult {
        let is_in_sync = self.log.is_in_sync(at);
        while let Some(place) = self.choose(is_in_sync) {
            let part = self.legs.get(place).ok_or(Errno::EIO)?.part;
            match part.io(kernel, at, Io::Read(data)) {
                // An operation that the device does not support is not an error of the leg (`mirror_end_io`).
                Err(IoFault::Failed(errno)) if errno != Errno::EOPNOTSUPP => {
                    let text = format!("Mirror read failed from {}. Trying alternative device.", part.device);
                    kernel.log("raid1", &text);
                    self.fail(kernel, place, Failure::Read);
                }
                done => return done,
            }
        }
        kernel.log("raid1", "All replicated volumes dead, failing I/O");
        Err(Errno::EIO.into())
    }

    /// Writes sectors of one region.
    fn write(&mut self, kernel: &mut Kernel, at: u64, data: &[u8]) -> IoResult {
        let is_in_sync = self.log.is_in_sync(at);
        let log_failed = self.log.mark_dirty(kernel, self.minor);
        if !is_in_sync {
            if self.has_lost_leg && self.holds() {
                return Err(IoFault::Waits(self.minor));
            }
            let part = self.legs.get(self.default).ok_or(Errno::EIO)?.part;
            return part.io(kernel, at, Io::Write(data));
        }
        if log_failed && self.handles_errors() {
            return Err(if self.keeps_log() { Errno::EIO.into() } else { IoFault::Waits(self.minor) });
        }
        let has_failed = self.write_all(kernel, at, &mut Io::Write(data), Failure::Write)?;
        if !has_failed {
            return Ok(());
        }
        self.in_sync = false;
        self.log.set_in_sync(at, false);
        if !self.legs.iter().any(Leg::is_good) {
            return Err(Errno::EIO.into());
        }
        // Otherwise the write succeeds.
        if self.holds() { Err(IoFault::Waits(self.minor)) } else { Ok(()) }
    }

    /// Sends an I/O to all legs, and returns whether one has failed.
    fn write_all(&mut self, kernel: &mut Kernel, at: u64, io: &mut Io<'_>, failure: Failure) -> Result<bool, IoFault> {
        let sectors = io.sectors();
        let mut has_failed = false;
        for place in 0..self.legs.len() {
            let part = self.legs.get(place).ok_or(Errno::EIO)?.part;
            match part.io(kernel, at, io.part(0, sectors)) {
                Err(IoFault::Failed(_)) => {
                    self.fail(kernel, place, failure);
                    has_failed = true;
                }
                done => done?,
            }
        }
        Ok(has_failed)
    }

    /// Copies a region to all other legs.
    fn recover(&mut self, kernel: &mut Kernel, region: usize) {
        let start = u64::try_from(region).unwrap_or(u64::MAX).saturating_mul(self.log.region_size);
        let sectors = self.log.region_size.min(self.length.saturating_sub(start));
        let Some(from) = self.legs.get(self.default).map(|leg| leg.part) else { return };
        let mut failed = Vec::new();
        for (place, leg) in self.legs.iter().enumerate().filter(|(place, _)| *place != self.default) {
            match from.copy(kernel, leg.part, start, sectors) {
                Ok(()) => {}
                Err(CopyFault::To(_)) => failed.push(place),
                Err(CopyFault::From(_)) => {
                    kernel.log("raid1", "Unable to read primary mirror during recovery");
                    self.fail(kernel, self.default, Failure::Sync);
                    return;
                }
            }
        }
        for place in &failed {
            kernel.log("raid1", &format!("Write error during recovery (error = {:#x})", 1_u64 << place.min(&63)));
            self.fail(kernel, *place, Failure::Sync);
        }
        // As in `dm_rh_update_states`.
        if failed.is_empty() || !self.handles_errors() {
            self.log.set_in_sync(start, true);
        }
    }
}

impl Target for MirrorTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let devices: String = self.legs.iter().map(|leg| format!("{} ", leg.part.device)).collect();
        let letters: String = self.legs.iter().map(Leg::letter).collect();
        let (in_sync, regions) = (self.log.count(), self.log.regions());
        format!("{} {devices}{in_sync}/{regions} 1 {letters} {}", self.legs.len(), self.log.status())
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        match &io {
            Io::Flush => {
                let has_failed = self.write_all(kernel, 0, &mut io, Failure::Flush)?;
                if has_failed && !self.legs.iter().any(Leg::is_good) { Err(Errno::EIO.into()) } else { Ok(()) }
            }
            // A failed discard does not count as a failure of the leg.
            Io::Discard(length) => self.legs.iter().try_for_each(|leg| {
                leg.part.io(kernel, start, Io::Discard(*length)).map_err(|fault| match fault {
                    IoFault::Failed(_) => Errno::EOPNOTSUPP.into(),
                    other => other,
                })
            }),
            _ => io.by_blocks(start, self.log.region_size, |at, part| match part {
                Io::Read(data) => self.read(kernel, at, data),
                Io::Write(data) => self.write(kernel, at, data),
                Io::Discard(_) | Io::Flush => Ok(()),
            }),
        }
    }

    fn spans(&self) -> Vec<Span> {
        self.legs.iter().map(|leg| leg.part.span(self.length)).collect()
    }

    fn work(&mut self, kernel: &mut Kernel) {
        let step = self.log.len().div_ceil(4);
        for _ in 0..step {
            let region = self.log.next_out_of_sync(self.search);
            // A region that could not be copied, or is lost later, is copied after the next resume (`core_get_resync_work`).
            self.search = region.unwrap_or(self.log.len()).saturating_add(1);
            let Some(region) = region else { break };
            self.recover(kernel, region);
        }
        if !self.in_sync && self.log.count() == self.log.regions() {
            self.in_sync = true;
            self.has_lost_leg = false;
            self.legs.iter_mut().for_each(Leg::forgive);
            kernel.event(self.minor);
        }
        self.log.write(kernel, self.minor);
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        self.log.write(kernel, self.minor);
    }

    fn resume(&mut self, kernel: &mut Kernel) {
        self.search = 0;
        self.log.resume(kernel, self.minor);
    }
}
