//! A read-only device that checks its data with a hash tree.

use dm_core::SetupOptions;
use dm_core::udev::Visibility;
use dm_targets::devices::{VerityDev, VerityFormat, VerityVolume};
use dm_targets::{Target as _, Verity};
use dm_testing::{Pattern, Scratch};
use dm_units::{Bytes, Sectors};

use crate::tour::{Result, Tour};

const LENGTH: Sectors = Sectors(2048);

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = scratch.host();
    let [data, hash] = [scratch.loop_device(Bytes(1 << 20))?, scratch.loop_device(Bytes(1 << 20))?];
    Pattern::new(1).write(data.path(), Sectors(0), LENGTH)?;

    tour.step("Hash the blocks of a disk", "VerityVolume::new(data, hashes).format(host, &VerityFormat::new())");
    let volume = VerityVolume::new(data.number(), hash.number());
    let root = volume.format(host, &VerityFormat::new())?.root_hash;
    tour.answer(format_args!("root hash {root}"));

    tour.step("Create a device that checks the data it reads", "VerityDev::activate_with(host, name, table, options)");
    // Otherwise udev's rules would read the device too, and detect the change first.
    let options = SetupOptions::new().visibility(Visibility::Private);
    let verity = VerityDev::activate_with(host, scratch.name("verity")?, volume.table(host, &root)?, options)?;
    let path = verity.path(host)?;
    Pattern::new(1).verify(&path, Sectors(0), Sectors(8))?;
    tour.answer(format_args!("the first block is valid; status: {}", verity.status(host)?));

    tour.step("Change a block of the data disk, and read it", "Pattern::new(1).verify(path, start, length)");
    Pattern::new(2).write(data.path(), Sectors(80), Sectors(8))?;
    match Pattern::new(1).verify(&path, Sectors(80), Sectors(8)) {
        Ok(()) => return Err("the change was not noticed".into()),
        Err(error) => tour.error(&error),
    }
    let status = verity.status(host)?;
    tour.answer(format_args!("status: {status}; health: {}", Verity::health(&status)));

    tour.step("Verify the whole disk without the device", "volume.verify(host, &root)");
    match volume.verify(host, &root) {
        Ok(()) => return Err("the change was not noticed".into()),
        Err(error) => tour.error(&error),
    }
    Ok(())
}
