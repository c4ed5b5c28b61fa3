//! Volumes in a thin pool over disks, as a small Stratis would keep them: made, grown while in use, copied, and put right after
//! a crash.
//!
//! ```text
//! volumes FIRST-DISK SECOND-DISK
//! ```
//!
//! Shows a life of two volumes on two block devices whose contents are lost, and removes everything at the end.

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
    println!("{} is made", volumes.create("home", length)?.name());
    println!("{} begins with what it holds", volumes.snapshot("home", "before")?.name());

    let (_, before) = volumes.usage()?;
    volumes.add_disk(second)?;
    let (used, after) = volumes.usage()?;
    println!("the pool has grown from {before} to {after} blocks, of which {used} are used");
    volumes.grow("home", Sectors(length.0.saturating_mul(2)))?;

    // As after a crash: whatever is missing or otherwise is put right.
    let layout = volumes.layout().clone();
    let mut volumes = Volumes::start(Host::open()?, "volumes-", layout)?;
    volumes.destroy("before")?;
    println!("{} is still there", volumes.device("home")?.name());
    Ok(volumes.stop()?)
}

/// Takes a disk, whose first sectors are zeroed so that a new pool can begin there.
fn take(path: &Path) -> Result<Disk, Box<dyn Error>> {
    let disk = BlockDevice::open_with(path, BlockOpenOptions::new().writable(true).exclusive(true))?;
    disk.zero_out(Sectors(0), Sectors(8))?;
    Ok(Disk { number: disk.number(), size: disk.size()? })
}
