//! Writes the hash tree of a disk, and creates a read-only device that checks each block that is read.
//!
//! ```text
//! verified DATA HASHES
//! ```

use std::error::Error;

use dm_core::Host;
use dm_targets::devices::{VerityDev, VerityFormat, VerityVolume};
use dm_targets::verity::Hex;
use dm_targets::{Device, Target as _, Verity};

/// Writes the hashes and returns the root hash, which must be kept in a safe place.
pub(crate) fn format(host: &Host, volume: &VerityVolume) -> Result<Hex, Box<dyn Error>> {
    Ok(volume.format(host, &VerityFormat::new())?.root_hash)
}

/// Opens the device. Only data with this root hash can be read.
pub(crate) fn open(host: &Host, name: &str, volume: &VerityVolume, root: &Hex) -> Result<VerityDev, Box<dyn Error>> {
    Ok(VerityDev::activate(host, name, volume.table(host, root)?)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, hashes] = arguments.as_slice() else { return Err("usage: verified DATA HASHES".into()) };
    let host = Host::open()?;
    let volume = VerityVolume::new(data.parse::<Device>()?, hashes.parse::<Device>()?);
    let root = format(&host, &volume)?;
    let device = open(&host, "verified", &volume, &root)?;
    println!("{} with root hash {root}", device.path(&host)?.display());
    println!("{}", Verity::health(&device.status(&host)?));
    Ok(())
}
