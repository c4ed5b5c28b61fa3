//! Creates a device on a part of a disk, prints its path, and removes it.
//!
//! ```text
//! first_device DISK
//! ```

use std::error::Error;

use dm_core::Host;
use dm_targets::devices::LinearDev;
use dm_targets::linear::LinearTable;
use dm_targets::{Device, Linear, Table, TableLine};
use dm_units::Sectors;

/// Maps the second MiB of a disk.
pub(crate) fn create(host: &Host, name: &str, disk: Device) -> Result<LinearDev, Box<dyn Error>> {
    let mib = Sectors(2048);
    let table = Table::new([TableLine::<Linear>::new(Sectors(0), mib, LinearTable::new(disk, mib))])?;
    Ok(LinearDev::create(host, name, &table)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let disk = std::env::args().nth(1).ok_or("usage: first_device DISK")?;
    let host = Host::open()?;
    let device = create(&host, "first", disk.parse()?)?;
    println!("{}", device.path(&host)?.display());
    device.remove(&host)?;
    Ok(())
}
