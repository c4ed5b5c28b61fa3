//! `crypt` with keys from the kernel's keyrings.

use std::process::Command;

use dm_core::{StatusOptions, TargetLine};
use dm_targets::crypt::{Cipher, CryptKey, CryptMessage, CryptTable, KeyringKey, KeyringType};
use dm_targets::{Crypt, Key};
use dm_testing::{LoopDevice, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{disk, map, try_map};

const LENGTH: Sectors = Sectors(1024);
/// A key of printable characters.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A key in the user's keyring, until this is dropped.
struct Kept {
    id: String,
    key: CryptKey,
}

impl Kept {
    fn new(key_type: KeyringType, payload: &str) -> Self {
        let description = format!("dm-testing:{}:{key_type}", std::process::id());
        Self::named(key_type, &description, payload)
    }

    fn named(key_type: KeyringType, description: &str, payload: &str) -> Self {
        let add = ["add", key_type.as_str(), description, payload, "@u"];
        let output = Command::new("keyctl").args(add).output().unwrap();
        assert!(output.status.success(), "{key_type}: {}", String::from_utf8_lossy(&output.stderr));
        let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Self { id, key: KeyringKey::new(32, key_type, description).unwrap().into() }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let unlinked = Command::new("keyctl").args(["unlink", self.id.as_str(), "@u"]).output();
        assert!(unlinked.is_ok_and(|run| run.status.success()) || std::thread::panicking());
    }
}

fn table(disk: &LoopDevice, key: &CryptKey) -> CryptTable {
    CryptTable::new(Cipher::new("aes-cbc-plain64").unwrap(), key.clone(), Sectors(0), disk.number(), Sectors(0))
}

fn needs() -> [require::Requirement; 2] {
    [require::target("crypt"), require::program("keyctl")]
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn keys_are_taken_from_keyrings() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let disk = disk(&scratch, 1);
    let digits: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let plain = map::<Crypt>(&scratch, "plain", LENGTH, table(&disk, &Key::from_hex(&digits).unwrap().into()));
    Pattern::new(1).write(&plain.device().path(), Sectors(0), LENGTH).unwrap();

    let [user, logon] = [KeyringType::User, KeyringType::Logon].map(|key_type| Kept::new(key_type, SECRET));
    let crypt = map::<Crypt>(&scratch, "user", LENGTH, table(&disk, &user.key));
    Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();

    let number = crypt.device().number();
    scratch.dm().device_suspend(number).unwrap();
    crypt.send(&CryptMessage::KeyWipe);
    crypt.send(&CryptMessage::KeySet(logon.key.clone()));
    assert_eq!(crypt.table().key, logon.key);
    scratch.dm().device_resume(number).unwrap();
    Pattern::new(1).verify(&crypt.device().path(), Sectors(0), LENGTH).unwrap();

    let missing = KeyringKey::new(32, KeyringType::Logon, "dm-testing:missing").unwrap().into();
    assert!(try_map::<Crypt>(&scratch, "missing", LENGTH, table(&disk, &missing)).is_err());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_key_with_a_backslash_in_its_name_is_loaded_back_by_readers_and_by_a_reload_that_is_undone() {
    let Some(scratch) =
        Scratch::new(&[require::target("crypt"), require::program("keyctl"), require::target("snapshot")])
    else {
        return;
    };
    let disks = [(); 3].map(|()| disk(&scratch, 1));
    let key = Kept::named(KeyringType::Logon, &format!(r"dm-testing:{}:a\b", std::process::id()), SECRET);
    let crypt = map::<Crypt>(&scratch, "crypt", LENGTH, table(&disks[0], &key.key));
    let number = crypt.device().number();
    let read = scratch.dm().table_status_with(number, StatusOptions::table()).unwrap();
    scratch.dm().table_load(number, read.iter().map(|line| line.unwrap().to_line())).unwrap();
    scratch.dm().table_clear(number).unwrap();

    // Of two snapshots on one store, the second cannot be resumed: the kernel has then dropped the old table.
    let params = format!("{} {} P 8", disks[1].number(), disks[2].number());
    let snapshot = || [TargetLine::text(Sectors(0), LENGTH, "snapshot", params.clone())];
    let _source = scratch.map("source", snapshot()).unwrap();
    let error = scratch.host().reload(number, snapshot()).unwrap_err();
    assert!(error.is_undone(), "{error}");
    assert_eq!(crypt.table().key, key.key);
    Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn keys_that_only_the_kernel_knows_encrypt() {
    let [crypt, keyctl] = needs();
    let Some(scratch) = Scratch::new(&[crypt, keyctl, require::module("encrypted-keys")]) else { return };
    let master = Kept::new(KeyringType::User, SECRET);
    let CryptKey::Keyring(of_master) = &master.key else { panic!("it is in a keyring") };
    let encrypted = Kept::new(KeyringType::Encrypted, &format!("new user:{} 32", of_master.description()));
    let disk = disk(&scratch, 1);
    let crypt = map::<Crypt>(&scratch, "crypt", LENGTH, table(&disk, &encrypted.key));
    Pattern::new(1).write(&crypt.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap_err();
}
