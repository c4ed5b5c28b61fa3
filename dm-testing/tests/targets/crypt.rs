//! `crypt`.

use dm_core::{ResumeOptions, SuspendOptions};
use dm_targets::crypt::{Cipher, CryptIntegrity, CryptKey, CryptMessage, CryptTable};
use dm_targets::integrity::{IntegrityMode, IntegrityTable};
use dm_targets::{Crypt, Key};
use dm_testing::{Pattern, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{disk, has, map};

const LENGTH: Sectors = Sectors(1024);

/// A key of so many bytes.
fn key(bytes: u8) -> CryptKey {
    let digits: String = (0..bytes).map(|byte| format!("{byte:02x}")).collect();
    CryptKey::Hex(Key::from_hex(&digits).unwrap())
}

/// `aes-xts-plain64`, whose key is made of two.
fn table(device: DeviceNumber, start: Sectors) -> CryptTable {
    CryptTable::new(Cipher::new("aes-xts-plain64").unwrap(), key(64), start, device, start)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn crypt() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    let disk = disk(&scratch, 1);
    let crypt = map::<Crypt>(&scratch, "crypt", LENGTH, table(disk.number(), Sectors(0)));
    Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap_err();

    let dm = scratch.dm();
    let number = crypt.device().number();
    crypt.try_send(&CryptMessage::KeyWipe).unwrap_err();
    dm.device_suspend(number, SuspendOptions::new()).unwrap();
    crypt.send(&CryptMessage::KeyWipe);
    // Wiped: zeros, and the device cannot be used.
    assert_eq!(crypt.table().key, CryptKey::Hex(Key::from_hex(&"00".repeat(64)).unwrap()));
    dm.device_resume(number, ResumeOptions::new()).unwrap_err();
    crypt.send(&CryptMessage::KeySet(key(64)));
    assert_eq!(crypt.table().key, key(64));
    dm.device_resume(number, ResumeOptions::new()).unwrap();
    Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn crypt_with_options() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    let disk = disk(&scratch, 1).number();
    let plain = table(disk, Sectors(8)).allow_discards().same_cpu_crypt().submit_from_crypt_cpus();
    map::<Crypt>(&scratch, "sectors", LENGTH, plain.sector_size(4096).iv_large_sectors());
    if has::<Crypt>(&scratch, "no_read_workqueue") {
        let queues = table(disk, Sectors(0)).no_read_workqueue().no_write_workqueue();
        map::<Crypt>(&scratch, "queues", LENGTH, queues);
    }
    if has::<Crypt>(&scratch, "high_priority") {
        map::<Crypt>(&scratch, "priority", LENGTH, table(disk, Sectors(0)).high_priority());
    }
    if has::<Crypt>(&scratch, "integrity_key_size") {
        map::<Crypt>(&scratch, "key-size", LENGTH, table(disk, Sectors(0)).integrity_key_size(32));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn crypt_with_authentication() {
    let Some(scratch) = Scratch::new(&["crypt", "integrity"].map(require::target)) else { return };
    let disk = disk(&scratch, 4);
    // The first load formats; then the kernel tells how much it provides.
    let table = IntegrityTable::new(disk.number(), Sectors(0), Some(28), IntegrityMode::Direct);
    let tags = crate::integrity::formatted(&scratch, "tags", LENGTH, table);
    let cipher = Cipher::new("capi:gcm(aes)-random").unwrap();
    let number = tags.device().number();
    let table = CryptTable::new(cipher, key(32), Sectors(0), number, Sectors(0)).integrity(CryptIntegrity::aead(28));
    let crypt = map::<Crypt>(&scratch, "crypt", LENGTH, table);
    Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
}
