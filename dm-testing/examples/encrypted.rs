//! Encrypts a disk with a key from a file, and wipes the key while the machine sleeps.
//!
//! ```text
//! encrypted DISK LENGTH KEYFILE
//! ```
//!
//! `LENGTH` is in sectors; `KEYFILE` contains the 128 hexadecimal digits of a key for AES in XTS mode.

use std::error::Error;
use std::fs;

use dm_core::Host;
use dm_targets::crypt::{Cipher, CryptKey, CryptTable};
use dm_targets::devices::CryptDev;
use dm_targets::{Crypt, Device, Key, Table, TableLine};
use dm_units::Sectors;

/// Creates the device. The table's copy of the key is wiped when the table is dropped.
pub(crate) fn create(
    host: &Host,
    name: &str,
    disk: Device,
    length: Sectors,
    key: CryptKey,
) -> Result<CryptDev, Box<dyn Error>> {
    let table = CryptTable::new(Cipher::new("aes-xts-plain64")?, key, Sectors(0), disk, Sectors(0));
    let table = Table::new([TableLine::<Crypt>::new(Sectors(0), length, table)])?;
    Ok(CryptDev::create(host, name, &table)?)
}

/// Reads a key from a file. The text of the file is not wiped from this program's memory.
fn key(path: &str) -> Result<CryptKey, Box<dyn Error>> {
    Ok(CryptKey::Hex(Key::from_hex(fs::read_to_string(path)?.trim())?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [disk, length, keyfile] = arguments.as_slice() else {
        return Err("usage: encrypted DISK LENGTH KEYFILE".into());
    };
    let host = Host::open()?;
    let device = create(&host, "secret", disk.parse()?, Sectors(length.parse()?), key(keyfile)?)?;
    println!("{}", device.path(&host)?.display());
    // Until the key is set again, the device is suspended and the kernel has no key.
    device.lock(&host)?;
    device.unlock(&host, key(keyfile)?)?;
    Ok(())
}
