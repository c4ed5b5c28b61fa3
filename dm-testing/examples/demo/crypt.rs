//! An encrypted device.

use dm_targets::crypt::{Cipher, CryptKey, CryptTable};
use dm_targets::devices::CryptDev;
use dm_targets::{Crypt, Key, Table, TableLine};
use dm_testing::{Pattern, Scratch};
use dm_units::{Bytes, Sectors};

use crate::tour::{Result, Tour};

const LENGTH: Sectors = Sectors(2048);

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = scratch.host();
    let disk = scratch.loop_device(Bytes(1 << 20))?;
    let key = || Key::from_hex(&"5a".repeat(64)).map(CryptKey::Hex);

    tour.step("Create an encrypted device", "CryptDev::create(host, name, &table)");
    let table = CryptTable::new(Cipher::new("aes-xts-plain64")?, key()?, Sectors(0), disk.number(), Sectors(0));
    let table = Table::new([TableLine::<Crypt>::new(Sectors(0), LENGTH, table)])?;
    let crypt = CryptDev::create(host, scratch.name("crypt")?, &table)?;
    if let Some(line) = crypt.table(host)?.lines().first() {
        tour.answer(format_args!("its key, as a log shows it: {:?}", line.params.key));
    }

    tour.step("Write to it, and read the disk it uses", "Pattern::new(1).verify(disk.path(), start, length)");
    let path = crypt.path(host)?;
    Pattern::new(1).write(&path, Sectors(0), LENGTH)?;
    if Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).is_ok() {
        return Err("the disk contains the written data unencrypted".into());
    }
    tour.answer("the disk does not contain the written data");

    tour.step("Wipe the key, and try to use the device", "crypt.lock(host), crypt.resume(host)");
    crypt.lock(host)?;
    match crypt.resume(host) {
        Ok(()) => return Err("it could be resumed without a key".into()),
        Err(error) => tour.error(&error),
    }

    tour.step("Set the key again", "crypt.unlock(host, key)");
    crypt.unlock(host, key()?)?;
    Pattern::new(1).verify(&path, Sectors(0), LENGTH)?;
    tour.answer("its data is intact");
    Ok(())
}
