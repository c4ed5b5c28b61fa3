//! Creates a thin pool on two disks, or takes over the existing one, then creates a thin device and a snapshot of it.
//!
//! ```text
//! thin_pool METADATA DATA LENGTH
//! ```
//!
//! `LENGTH` is the number of sectors of the data disk that the pool uses. A metadata disk with other data is refused.

use std::error::Error;

use dm_core::Host;
use dm_targets::devices::{ThinDev, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Device, Table, TableLine, ThinPool};
use dm_units::{DataBlocks, Sectors};

/// The block size of the pool: 64 KiB.
const BLOCK: Sectors = Sectors(128);

/// The low water mark: the pool raises an event when fewer blocks are free.
const LOW_WATER: DataBlocks = DataBlocks(16);

/// Sets up the pool. After a restart, the same pool is found again.
pub(crate) fn pool(
    host: &Host,
    name: &str,
    metadata: Device,
    data: Device,
    length: Sectors,
) -> Result<ThinPoolDev, Box<dyn Error>> {
    let table = ThinPoolTable::new(metadata, data, BLOCK, LOW_WATER);
    let table = Table::new([TableLine::<ThinPool>::new(Sectors(0), length, table)])?;
    Ok(ThinPoolDev::setup_pool(host, name, &table)?)
}

/// Creates a thin device that can be larger than the pool, and a snapshot of it.
pub(crate) fn volume_and_snapshot(
    host: &Host,
    pool: &ThinPoolDev,
    name: &str,
    length: Sectors,
) -> Result<(ThinDev, ThinDev), Box<dyn Error>> {
    let volume = pool.create_thin(host, ThinDevId::new(1)?, name, length)?;
    let snapshot = pool.snapshot(host, &volume, ThinDevId::new(2)?, format!("{name}-snapshot"))?;
    Ok((volume, snapshot))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [metadata, data, length] = arguments.as_slice() else {
        return Err("usage: thin_pool METADATA DATA LENGTH".into());
    };
    let host = Host::open()?;
    let length = Sectors(length.parse()?);
    let pool = pool(&host, "pool", metadata.parse()?, data.parse()?, length)?;
    let (volume, snapshot) = volume_and_snapshot(&host, &pool, "home", length)?;
    println!("{}\n{}", volume.path(&host)?.display(), snapshot.path(&host)?.display());
    let figures = pool.figures(&host)?;
    println!("{} of {} blocks are used", figures.data.used, figures.data.total);
    Ok(())
}
