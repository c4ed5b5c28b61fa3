//! A RAID 1 array that loses a leg and rebuilds it.

use std::time::Duration;

use dm_targets::devices::RaidDev;
use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
use dm_targets::{Raid, Table, TableLine, Target as _, Work};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch};
use dm_units::{Bytes, Sectors};

use crate::tour::{Result, Tour};

const LENGTH: Sectors = Sectors(65_536);
/// The time between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = scratch.host();
    let metadata = || scratch.loop_device(Bytes(1 << 20));
    let data = || scratch.loop_device(LENGTH.to_bytes());
    let bad = data()?;
    let bad = FaultyDisk::over(scratch, "leg", bad.number(), bad.size())?;

    tour.step("Create an array of two legs, and wait until they are in sync", "RaidDev::create(host, name, &table)");
    let legs =
        [RaidDevice::new(metadata()?.number(), data()?.number()), RaidDevice::new(metadata()?.number(), bad.number())];
    let table = RaidTable::new(RaidType::Raid1, Sectors(0), legs);
    let table = Table::new([TableLine::<Raid>::new(Sectors(0), LENGTH, table)])?;
    let array = RaidDev::create(host, scratch.name("array")?, &table)?;
    for work in array.progress(host, INTERVAL) {
        tour.answer(bar(&work?));
    }
    let health = |tour: &Tour| -> Result<()> {
        let status = array.status(host)?;
        tour.answer(format_args!("status: {status}"));
        tour.answer(format_args!("health: {}", Raid::health(&status)));
        Ok(())
    };
    health(tour)?;

    tour.step(
        "Let a leg fail, and continue writing",
        "faulty.set(&Fault::Errors), Pattern::new(1).write(path, start, length)",
    );
    let path = array.path(host)?;
    bad.set(&Fault::Errors)?;
    Pattern::new(1).write(&path, Sectors(0), Sectors(4096))?;
    Pattern::new(1).verify(&path, Sectors(0), Sectors(4096))?;
    health(tour)?;

    tour.step(
        "Replace the leg; the new one is rebuilt while the array is in use",
        "array.replace_leg(host, 1, leg, interval)",
    );
    let spare = RaidDevice::new(metadata()?.number(), data()?.number());
    for work in array.replace_leg(host, 1, spare, INTERVAL)? {
        tour.answer(bar(&work?));
    }
    Pattern::new(1).verify(&path, Sectors(0), Sectors(4096))?;
    health(tour)
}

/// `[####----------------]  20 % Recovery`
fn bar(work: &Work) -> String {
    let percent = usize::from(work.done.and_then(|done| done.percent()).unwrap_or(0));
    let done = percent / 5;
    format!("[{}{}] {percent:3} % {:?}", "#".repeat(done), "-".repeat(20 - done), work.kind)
}
