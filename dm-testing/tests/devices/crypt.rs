//! Encrypted devices, whose tables contain keys.

use dm_targets::Key;
use dm_targets::crypt::{Cipher, CryptKey, CryptMessage, CryptTable};
use dm_targets::devices::CryptDev;
use dm_testing::Pattern;
use dm_units::Sectors;

use crate::support::{LENGTH, disk, in_full, one, scene};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_key_can_be_wiped_and_set_again() {
    let Some((scratch, host)) = scene(&["crypt"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("crypt").unwrap());
    let digits = "5a".repeat(64);
    let key = || CryptKey::Hex(Key::from_hex(&digits).unwrap());
    let cipher = Cipher::new("aes-xts-plain64").unwrap();
    let table = one(LENGTH, CryptTable::new(cipher, key(), Sectors(0), disk.number(), Sectors(0)));
    let crypt = CryptDev::setup(&host, &name, &table).unwrap();
    assert_eq!(CryptDev::setup(&host, &name, &table).unwrap(), crypt);
    let path = crypt.path(&host).unwrap();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();

    crypt.suspend(&host).unwrap();
    crypt.message(&host, &CryptMessage::KeyWipe).unwrap();
    let error = crypt.resume(&host).unwrap_err();
    crypt.message(&host, &CryptMessage::KeySet(key())).unwrap();
    crypt.resume(&host).unwrap();
    assert_eq!(crypt.table(&host).unwrap(), table);
    Pattern::new(1).verify(&path, Sectors(0), LENGTH).unwrap();
    assert!(![in_full(&error), format!("{crypt:?} {table:?}")].iter().any(|text| text.contains(&digits)));
}
