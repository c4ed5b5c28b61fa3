//! A read-only device whose contents are checked against a tree of hashes.

use std::process::Command;

use dm_core::StatusOptions;
use dm_core::udev::Visibility;
use dm_targets::devices::VerityDev;
use dm_targets::verity::{Hex, VerityDevice, VerityTable};
use dm_targets::{Table, TableLine, Target as _, Verity, WordBuf};
use dm_testing::{Pattern, Scratch};
use dm_units::{Bytes, DataBlocks, Sectors};

use crate::tour::{Result, Tour};

const LENGTH: Sectors = Sectors(2048);
const BLOCK_SIZE: u32 = 4096;

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = scratch.host();
    let [data, hash] = [scratch.loop_device(Bytes(1 << 20))?, scratch.loop_device(Bytes(1 << 20))?];
    Pattern::new(1).write(data.path(), Sectors(0), LENGTH)?;

    tour.step("Hash the blocks of a disk", "veritysetup format DATA HASHES");
    let format =
        Command::new("veritysetup").args(["format", "--salt", "a1b2c3"]).args([data.path(), hash.path()]).output();
    let Ok(format) = format else {
        tour.answer("veritysetup is not installed here, so this tour ends");
        return Ok(());
    };
    let text = String::from_utf8_lossy(&format.stdout).into_owned();
    let root =
        text.lines().find_map(|line| line.strip_prefix("Root hash:")).ok_or("veritysetup gave no root hash")?.trim();
    tour.answer(format_args!("root hash {root}"));

    tour.step("Make a device that checks what it reads", "VerityDev::create_with(host, name, &table, options)");
    let [data_device, hash_device] = [&data, &hash].map(|disk| VerityDevice::new(disk.number(), BLOCK_SIZE));
    let (blocks, algorithm) = (DataBlocks(LENGTH.0 / 8), WordBuf::new("sha256")?);
    let table =
        VerityTable::new(1, data_device, hash_device, blocks, 1, algorithm, Hex::new(root)?).salt(Hex::new("a1b2c3")?);
    let table = Table::new([TableLine::<Verity>::new(Sectors(0), LENGTH, table)])?;
    // Other programs would read it as well, and so find the fault first.
    let options = dm_core::SetupOptions::new().read_only(true).visibility(Visibility::Private);
    let verity = VerityDev::create_with(host, scratch.name("verity")?, &table, options)?;
    let path = verity.path(host)?;
    Pattern::new(1).verify(&path, Sectors(0), Sectors(8))?;
    tour.answer(format_args!("the first block is right; status: {}", verity.status(host, StatusOptions::new())?));

    tour.step("Change a block of the disk below it, and read that", "Pattern::new(1).verify(path, start, length)");
    Pattern::new(2).write(data.path(), Sectors(80), Sectors(8))?;
    match Pattern::new(1).verify(&path, Sectors(80), Sectors(8)) {
        Ok(()) => return Err("the change was not noticed".into()),
        Err(error) => tour.error(&error),
    }
    let status = verity.status(host, StatusOptions::new())?;
    tour.answer(format_args!("status: {status}; health: {}", Verity::health(&status)));
    Ok(())
}
