//! `crypt` on a real kernel: every option, ciphers, and keys that are wiped and set again.

use std::sync::Arc;

use dm_targets::crypt::{Cipher, CryptIntegrity, CryptKey, CryptMessage, CryptTable};
use dm_targets::integrity::{IntegrityMode, IntegrityTable};
use dm_targets::{Crypt, Integrity, Key};
use dm_testing::{LoopDevice, Pattern, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::integrity::formatted;
use crate::support::{Mapped, disk, has, map};

const LENGTH: Sectors = Sectors(1024);

/// A key with this number of bytes.
fn key(bytes: u16) -> CryptKey {
    let digits: String = (0..bytes).map(|byte| format!("{:02x}", byte % 251)).collect();
    CryptKey::Hex(Key::from_hex(&digits).unwrap())
}

/// `aes-xts-plain64`, whose key consists of two.
fn table(device: DeviceNumber, start: Sectors) -> CryptTable {
    CryptTable::new(Cipher::new("aes-xts-plain64").unwrap(), key(64), start, device, start)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_wiped_key_is_set_again_by_messages() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    let disk = disk(&scratch, 1);
    let crypt = map::<Crypt>(&scratch, "crypt", LENGTH, table(disk.number(), Sectors(0)));
    Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap_err();

    let dm = scratch.dm();
    let number = crypt.device().number();
    crypt.try_send(&CryptMessage::KeyWipe).unwrap_err();
    dm.device_suspend(number).unwrap();
    crypt.send(&CryptMessage::KeyWipe);
    // The wiped key is zeros, and the device cannot be used.
    assert_eq!(crypt.table().key, CryptKey::Hex(Key::from_hex(&"00".repeat(64)).unwrap()));
    dm.device_resume(number).unwrap_err();
    crypt.send(&CryptMessage::KeySet(key(64)));
    assert_eq!(crypt.table().key, key(64));
    dm.device_resume(number).unwrap();
    Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_option_of_crypt_is_printed_as_loaded() {
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

/// Cipher specifications, and the sizes of their keys.
const CIPHERS: [(&str, u16); 16] = [
    ("aes", 16),
    ("aes-ecb", 32),
    ("aes-cbc-null", 16),
    ("aes-cbc-plain", 24),
    ("aes-cbc-plain64be", 16),
    ("aes:2-cbc-plain64", 64),
    ("aes-cbc-essiv:sha256", 32),
    ("aes-lrw-benbi", 48),
    ("aes-cbc-eboiv", 32),
    // Two keys of one size.
    ("aes-cbc-elephant", 64),
    // A key for each of 64 sectors, without and with a seed.
    ("aes:64-cbc-lmk", 64 * 16),
    ("aes:64-cbc-lmk", 65 * 16),
    // With an initialization vector and a whitening value of 16 bytes each.
    ("aes-cbc-tcw", 32 + 32),
    ("serpent-xts-plain64", 64),
    ("capi:cbc(aes)-essiv:sha256", 32),
    ("capi:adiantum(xchacha12,aes)-plain64", 32),
];

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_form_of_cipher_encrypts() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    for (index, (cipher, key_size)) in CIPHERS.into_iter().enumerate() {
        let disk = disk(&scratch, 1);
        let cipher = Cipher::new(cipher).unwrap();
        let table = CryptTable::new(cipher, key(key_size), Sectors(0), disk.number(), Sectors(0));
        let crypt = map::<Crypt>(&scratch, &index.to_string(), LENGTH, table);
        Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
        Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
        Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap_err();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_null_cipher_changes_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    for (suffix, cipher) in [("old", "cipher_null-ecb"), ("capi", "capi:ecb(cipher_null)")] {
        let disk = disk(&scratch, 1);
        let cipher = Cipher::new(cipher).unwrap();
        let table = CryptTable::new(cipher, CryptKey::Empty, Sectors(0), disk.number(), Sectors(0));
        let crypt = map::<Crypt>(&scratch, suffix, LENGTH, table);
        Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
        Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap();
    }
}

/// A device with tags of this size for each sector, and its data disk.
fn tagged<'s>(scratch: &'s Scratch, suffix: &str, tag_size: u32) -> (Mapped<'s, Integrity>, Arc<LoopDevice>) {
    let [data, tags] = [1, 4].map(|size| disk(scratch, size));
    let table = IntegrityTable::new(data.number(), Sectors(0), Some(tag_size), IntegrityMode::Direct);
    (formatted(scratch, suffix, LENGTH, table.meta_device(tags.number())), data)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn authenticated_ciphers_find_changed_data() {
    let Some(scratch) = Scratch::new(&["crypt", "integrity"].map(require::target)) else { return };
    let ciphers = [
        ("gcm", "capi:gcm(aes)-random", 32, 12 + 16),
        ("aegis", "capi:aegis128-random", 16, 16 + 16),
        ("authenc", "capi:authenc(hmac(sha256),xts(aes))-random", 64 + 32, 16 + 32),
    ];
    for (suffix, cipher, key_size, tag_size) in ciphers {
        let (tags, data) = tagged(&scratch, &format!("{suffix}-tags"), tag_size);
        let (cipher, below) = (Cipher::new(cipher).unwrap(), tags.device().number());
        let table = CryptTable::new(cipher, key(key_size), Sectors(0), below, Sectors(0));
        let table = table.integrity(CryptIntegrity::aead(tag_size));
        let crypt = map::<Crypt>(&scratch, suffix, LENGTH, table);
        Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
        Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
        Pattern::new(2).write(data.path(), Sectors(0), Sectors(8)).unwrap();
        Pattern::new(1).verify(&crypt.device().path(), Sectors(0), Sectors(8)).unwrap_err();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn random_vectors_are_kept_beside_the_data() {
    let Some(scratch) = Scratch::new(&["crypt", "integrity"].map(require::target)) else { return };
    let (tags, _) = tagged(&scratch, "tags", 16);
    let (cipher, below) = (Cipher::new("aes-xts-random").unwrap(), tags.device().number());
    let table = CryptTable::new(cipher, key(64), Sectors(0), below, Sectors(0));
    let crypt = map::<Crypt>(&scratch, "crypt", LENGTH, table.integrity(CryptIntegrity::none(16)));
    Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
}
