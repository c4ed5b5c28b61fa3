//! Volumes in a thin pool on disks, as a small Stratis would keep them: created, grown while in use, copied, and
//! repaired after a crash.
//!
//! ```text
//! volumes FIRST-DISK SECOND-DISK
//! ```
//!
//! Creates and changes two volumes on two block devices, and removes everything at the end. The data on the devices is
//! lost.

mod volumes;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use dm_core::Host;
use dm_core::block::{BlockDevice, BlockOpenOptions};
use dm_units::Sectors;

use self::volumes::{Disk, Layout, Volumes};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [first, second] = paths.as_slice() else { return Err("usage: volumes FIRST-DISK SECOND-DISK".into()) };
    let [first, second] = [take(Path::new(first))?, take(Path::new(second))?];

    let layout = Layout { disks: vec![first], volumes: BTreeMap::new() };
    let mut volumes = Volumes::start(Host::open()?, "volumes-", layout)?;
    let length = Sectors(first.size.0.saturating_mul(2));
    println!("{} was created", volumes.create("home", length)?.name());
    println!("{} has the same data", volumes.snapshot("home", "before")?.name());

    let (_, before) = volumes.usage()?;
    volumes.add_disk(second)?;
    let (used, after) = volumes.usage()?;
    println!("the pool has grown from {before} to {after} blocks, of which {used} are used");
    volumes.grow("home", Sectors(length.0.saturating_mul(2)))?;

    // As after a crash: makes missing devices and corrects others.
    let layout = volumes.layout().clone();
    let mut volumes = Volumes::start(Host::open()?, "volumes-", layout)?;
    volumes.destroy("before")?;
    println!("{} still exists", volumes.device("home")?.name());
    Ok(volumes.stop()?)
}

/// Opens a disk and zeroes its first sectors, so that a new pool can use it.
fn take(path: &Path) -> Result<Disk, Box<dyn Error>> {
    let disk = BlockDevice::open_with(path, BlockOpenOptions::new().writable(true).exclusive(true))?;
    disk.zero_out(Sectors(0), Sectors(8))?;
    Ok(Disk { number: disk.number(), size: disk.size()? })
}
