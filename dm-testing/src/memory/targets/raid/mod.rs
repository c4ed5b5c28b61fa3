//! `raid` (drivers/md/dm-raid.c): I/O for `raid1`, and the states of all levels. One step of background work is a
//! quarter of the array.

mod leg;
mod sync;

use dm_targets::Raid;
use dm_targets::raid::{JournalMode, Raid10Format, RaidParams, RaidSync, RaidTable, RaidType};
use dm_units::Sectors;

use self::leg::{IN_SYNC, Leg};
use self::sync::Action;
use super::marks::Found;
use super::part::DevicePart;
use super::{Answer, Construction, Target, is_suspended};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct RaidTarget {
    minor: u32,
    table: RaidTable,
    legs: Vec<Leg>,
    /// The number of sectors that a resync covers (`resync_max_sectors`): those of the array for `raid10`, else those of a leg.
    total: u64,
    /// The number of sectors that the array uses of each leg.
    leg_sectors: u64,
    /// The number of times that the superblocks of the array were written, also by earlier tables.
    events: u64,
    /// The position up to which all legs are in sync, or [`IN_SYNC`].
    resync_offset: u64,
    action: Action,
    /// The progress of the current action in sectors.
    position: u64,
    mismatches: u64,
    was_resumed: bool,
    /// Whether the metadata devices contain a bitmap. A table with `sync` does not create one.
    has_bitmap: bool,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Raid>(params)?;
    if let RaidType::Other(_) = table.raid_type {
        return construction.refuse(Errno::EINVAL, "Unrecognised raid_type");
    }
    construction.only_known(&table.params.other_params, "Unable to parse RAID parameter")?;
    let mut legs = Vec::new();
    for device in &mut table.devices {
        legs.push(Leg::open(construction, device)?);
    }
    if let Some(journal) = &mut table.params.journal_dev {
        DevicePart::open(construction, journal, Sectors(0), "raid4/5/6 journal device lookup failure")?;
    }
    let is_raid10 = matches!(
        table.raid_type,
        RaidType::Raid10 | RaidType::Raid10Near | RaidType::Raid10Far | RaidType::Raid10Offset
    );
    if is_raid10 && legs.iter().any(|leg| leg.metadata.is_none()) {
        return construction.refuse(Errno::EINVAL, "Failed to run raid array");
    }
    if table.raid_type == RaidType::Raid1 {
        table.chunk_size = Sectors(0);
    }
    // The kernel stores and prints this number in KiB.
    table.params.max_write_behind = table.params.max_write_behind.map(|sectors| sectors / 2);
    // Without a reshape, the kernel prints the larger of the requested number and 0.
    table.params.delta_disks = table.params.delta_disks.map(|disks| disks.max(0));
    let length = construction.length;
    let count = u64::try_from(legs.len()).unwrap_or(u64::MAX);
    let data_legs = match table.raid_type.as_str() {
        "raid1" => 1,
        name if name.starts_with("raid6") => count.saturating_sub(2),
        name if name.starts_with("raid4") || name.starts_with("raid5") => count.saturating_sub(1),
        _ if is_raid10 => count.checked_div(table.params.raid10_copies.unwrap_or(2).into()).unwrap_or(1),
        _ => count,
    };
    let leg_sectors = length.div_ceil(data_legs.max(1));
    let mut target = RaidTarget {
        minor: construction.minor,
        total: if is_raid10 { length } else { leg_sectors },
        leg_sectors,
        table,
        legs,
        events: 0,
        resync_offset: 0,
        action: Action::Idle,
        position: 0,
        mismatches: 0,
        was_resumed: false,
        has_bitmap: true,
    };
    let is_forced = target.table.params.sync == Some(RaidSync::Sync);
    let stored = target.newest_superblock_has_bitmap(construction.kernel);
    if stored == Some(false) && !is_forced {
        // The kernel finds no bitmap where it expects one (`md_bitmap_read_sb` in drivers/md/md-bitmap.c).
        return construction.refuse(Errno::EINVAL, "Failed to run raid array");
    }
    target.has_bitmap = stored.unwrap_or(!is_forced);
    target.assemble(construction.kernel);
    if target.has_lost_too_much() {
        return construction.refuse(Errno::EINVAL, "Insufficient redundancy to activate array");
    }
    Ok(Box::new(target))
}

impl RaidTarget {
    fn is_raid0(&self) -> bool {
        self.table.raid_type == RaidType::Raid0
    }

    fn is_raid1(&self) -> bool {
        self.table.raid_type == RaidType::Raid1
    }

    /// Whether fewer legs are left than the level needs (`validate_raid_redundancy`). Unlike the kernel, this does not check
    /// `raid10`.
    fn has_lost_too_much(&self) -> bool {
        let lost = self.legs.iter().filter(|leg| !leg.works()).count();
        match self.table.raid_type.as_str() {
            "raid1" => lost == self.legs.len(),
            name if name.starts_with("raid4") || name.starts_with("raid5") => lost > 1,
            name if name.starts_with("raid6") => lost > 2,
            _ => false,
        }
    }

    /// Sets the state of the array from the newest superblock (`analyse_superblocks`). With `sync`, none is read. An array
    /// without a superblock is new, and needs a resync unless it is a `raid0`, has no metadata devices, or its table has
    /// `sync`, `nosync` or `rebuild`.
    fn assemble(&mut self, kernel: &mut Kernel) {
        let RaidParams { sync, rebuild, .. } = &self.table.params;
        let found: Vec<Option<Vec<u64>>> = if *sync == Some(RaidSync::Sync) {
            Vec::new()
        } else {
            self.legs.iter_mut().map(|leg| leg.read(kernel)).collect()
        };
        let newest = found.iter().flatten().max_by_key(|numbers| numbers.first());
        let has_metadata = self.legs.iter().any(|leg| leg.metadata.is_some());
        let is_synced = sync.is_some() || self.is_raid0() || !has_metadata;
        self.resync_offset = if is_synced { IN_SYNC } else { 0 };
        if let Some([events, resync_offset, _, offsets @ ..]) = newest.map(Vec::as_slice) {
            self.events = *events;
            // The table takes precedence (`super_init_validation`).
            if !is_synced {
                self.resync_offset = *resync_offset;
            }
            for (place, leg) in self.legs.iter_mut().enumerate() {
                // A leg without a superblock is new and must be rebuilt.
                let is_known = leg.metadata.is_none() || found.get(place).is_some_and(Option::is_some);
                leg.recovered = offsets.get(place).copied().filter(|_| is_known).unwrap_or(0);
            }
        } else if !rebuild.is_empty() {
            self.resync_offset = IN_SYNC;
        }
        for place in rebuild {
            if let Some(leg) = usize::try_from(*place).ok().and_then(|place| self.legs.get_mut(place)) {
                leg.recovered = 0;
            }
        }
        // With one working leg there is nothing to synchronize (`raid1_run` in drivers/md/raid1.c).
        if self.is_raid1() && self.legs.iter().filter(|leg| leg.works()).count() == 1 {
            self.resync_offset = IN_SYNC;
        }
    }

    /// Whether the array has a bitmap according to its newest superblock; `None` if it has no superblock.
    fn newest_superblock_has_bitmap(&self, kernel: &mut Kernel) -> Option<bool> {
        let read = self.legs.iter().filter_map(|leg| match leg.metadata?.read(kernel) {
            Ok(Found::Numbers(numbers)) => Some(numbers),
            _ => None,
        });
        read.max_by_key(|numbers| numbers.first().copied()).map(|numbers| numbers.get(2) == Some(&1))
    }

    /// Writes the superblocks of all legs that have not failed. A leg whose superblock cannot be written has failed.
    fn save(&mut self, kernel: &mut Kernel) {
        self.events = self.events.saturating_add(1);
        let offsets = self.legs.iter().map(|leg| if leg.is_faulty { 0 } else { leg.recovered });
        let numbers = [self.events, self.resync_offset, self.has_bitmap.into()].into_iter().chain(offsets);
        let numbers: Vec<u64> = numbers.collect();
        let failed: Vec<usize> = (0..self.legs.len())
            .filter(|place| self.legs.get(*place).is_some_and(|leg| leg.write(kernel, &numbers).is_err()))
            .collect();
        for place in failed {
            self.mark_faulty(kernel, place);
        }
    }

    /// Marks a leg as failed (`raid1_error`) and writes the superblocks. Returns `false` if the leg was not marked.
    fn fail(&mut self, kernel: &mut Kernel, place: usize) -> bool {
        let is_marked = self.mark_faulty(kernel, place);
        if is_marked {
            self.save(kernel);
        }
        is_marked
    }

    /// Marks a leg as failed, and raises an event. Returns `false` if it had failed before, or is the last working leg of a
    /// `raid1`, which stays in use.
    fn mark_faulty(&mut self, kernel: &mut Kernel, place: usize) -> bool {
        let others = self.legs.iter().enumerate().filter(|(other, leg)| *other != place && leg.works());
        let is_last = self.is_raid1() && others.count() == 0;
        let Some(leg) = self.legs.get_mut(place).filter(|leg| !is_last && !leg.is_faulty) else { return false };
        leg.is_faulty = true;
        kernel.event(self.minor);
        true
    }

    /// Tries the legs in their order, those with `write_mostly` last, until one can be read. The data is then written to
    /// each leg that failed to read it, and read back; a leg on which that fails has failed (`fix_read_error` in
    /// drivers/md/raid1.c).
    fn read(&mut self, kernel: &mut Kernel, at: u64, data: &mut [u8]) -> IoResult {
        let is_write_mostly = |place: usize| {
            let params = &self.table.params;
            u32::try_from(place).is_ok_and(|place| params.write_mostly.contains(&place))
        };
        let mut places: Vec<usize> = (0..self.legs.len()).collect();
        places.sort_by_key(|place| is_write_mostly(*place));
        let mut failed = Vec::new();
        for place in places {
            let Some(part) = self.legs.get(place).filter(|leg| leg.works()).and_then(|leg| leg.data) else { continue };
            match part.io(kernel, at, Io::Read(data)) {
                Err(IoFault::Failed(_)) => failed.push((place, part)),
                Err(fault) => return Err(fault),
                Ok(()) => {
                    for (place, part) in failed {
                        let written = part.io(kernel, at, Io::Write(data));
                        if written.and_then(|()| part.io(kernel, at, Io::Read(&mut vec![0; data.len()]))).is_err() {
                            self.fail(kernel, place);
                        }
                    }
                    return Ok(());
                }
            }
        }
        Err(Errno::EIO.into())
    }

    /// Sends a write, discard or flush to all legs. It succeeds if a leg that is in sync completes it; a failure of a
    /// discard or flush counts as completion (`raid1_end_write_request`, `md_end_flush`).
    fn write(&mut self, kernel: &mut Kernel, at: u64, mut io: Io<'_>) -> IoResult {
        let (sectors, is_write) = (io.sectors(), matches!(io, Io::Write(_)));
        if is_write && self.blocks_writes() {
            return Err(IoFault::Waits(self.minor));
        }
        let mut failed = Vec::new();
        let mut written = false;
        for (place, leg) in self.legs.iter().enumerate().filter(|(_, leg)| !leg.is_faulty) {
            let Some(part) = leg.data else { continue };
            match part.io(kernel, at, io.part(0, sectors)) {
                Ok(()) => written |= leg.works(),
                Err(IoFault::Failed(_)) if is_write => failed.push(place),
                Err(IoFault::Failed(_)) => written |= leg.works(),
                Err(fault) => return Err(fault),
            }
        }
        for place in failed {
            self.fail(kernel, place);
        }
        if is_write && self.blocks_writes() {
            return Err(IoFault::Waits(self.minor));
        }
        if written { Ok(()) } else { Err(Errno::EIO.into()) }
    }

    /// Whether writes never complete. In an array without metadata devices, the kernel leaves it to a program to record a
    /// failed leg and to continue the writes, but a mapped device has no interface for that (`external` in `md_update_sb`).
    fn blocks_writes(&self) -> bool {
        self.legs.iter().all(|leg| leg.metadata.is_none()) && self.legs.iter().any(|leg| leg.is_faulty)
    }

    /// The word of a status for the level and the layout in use (`get_raid_type_by_ll`).
    fn type_name(&self) -> &str {
        match (&self.table.raid_type, &self.table.params.raid10_format) {
            (RaidType::Raid10, Some(Raid10Format::Far)) => "raid10_far",
            (RaidType::Raid10, Some(Raid10Format::Offset)) => "raid10_offset",
            (RaidType::Raid10Far | RaidType::Raid10Offset | RaidType::Raid10Near, None) => "raid10",
            (other, _) => other.as_str(),
        }
    }

    /// As `raid_message` of Linux 6.12, where `idle` and `frozen` stop the current action and then fail with `EINVAL`, and
    /// other messages are refused while an action runs.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        if self.is_raid0() {
            return Err(Errno::EINVAL);
        }
        if is_suspended(kernel, self.minor) {
            return Err(Errno::EBUSY);
        }
        let name = words.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        if name == "idle" || name == "frozen" {
            self.interrupt(kernel);
            return Err(Errno::EINVAL);
        }
        if self.action != Action::Idle {
            return Err(Errno::EBUSY);
        }
        match name.as_str() {
            "resync" | "recover" => self.start(),
            "check" => self.begin(Action::Check),
            "repair" => self.begin(Action::Repair),
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }
}

impl Target for RaidTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, kernel: &mut Kernel, _: bool) -> String {
        let letters: String = self.legs.iter().map(|leg| leg.letter(self.action)).collect();
        // An array is frozen until its first resume, and while it is suspended (`raid_ctr`, `md_stop_writes`).
        let is_frozen = !self.was_resumed || is_suspended(kernel, self.minor);
        let progress = match self.action {
            _ if is_frozen && !self.is_raid0() => 0,
            Action::Idle => self.resync_offset,
            _ => self.position,
        };
        let action = if is_frozen { "frozen" } else { self.action.word() };
        let RaidParams { data_offset, journal_dev, journal_mode, .. } = &self.table.params;
        let journal = match (journal_dev, journal_mode) {
            (None, _) => '-',
            (Some(_), Some(JournalMode::WriteBack)) => 'a',
            (Some(_), _) => 'A',
        };
        format!(
            "{} {} {letters} {}/{} {action} {} {} {journal}",
            self.type_name(),
            self.legs.len(),
            progress.min(self.total),
            self.total,
            self.mismatches,
            data_offset.unwrap_or_default().0,
        )
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        match io {
            Io::Flush if !self.is_raid1() => Ok(()),
            _ if !self.is_raid1() => Err(Errno::EOPNOTSUPP.into()),
            // Sectors are counted from the start of the device: a line with a later start ends after the legs (`raid_map`).
            Io::Read(_) | Io::Write(_) if start.saturating_add(io.sectors()) > self.leg_sectors => {
                Err(Errno::EIO.into())
            }
            Io::Read(data) => self.read(kernel, start, data),
            other => self.write(kernel, start, other),
        }
    }

    fn discards(&self, kernel: &Kernel) -> bool {
        self.legs.iter().all(|leg| leg.data.is_some_and(|part| kernel.discards(part.device)))
    }

    fn spans(&self) -> Vec<Span> {
        self.legs.iter().filter_map(|leg| leg.data).map(|part| part.span(self.leg_sectors)).collect()
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    fn work(&mut self, kernel: &mut Kernel) {
        self.step(kernel);
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        self.interrupt(kernel);
    }

    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if !self.was_resumed {
            self.assemble(kernel);
            self.save(kernel);
        }
        Ok(())
    }

    /// Starts the synchronization. Except at the first resume, failed legs whose superblocks can be read are used again and
    /// rebuilt (`attempt_restore_of_faulty_devices`).
    fn resume(&mut self, kernel: &mut Kernel) {
        if self.was_resumed {
            self.legs.iter_mut().for_each(|leg| leg.revive(kernel));
        }
        self.was_resumed = true;
        self.start();
    }
}
