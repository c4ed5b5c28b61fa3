//! `crypt`: sectors, keys in tables and keyrings, and refusals.

use dm_testing::MemoryKernel;

use crate::support::{EAGAIN, EINVAL, EIO, EOPNOTSUPP, Mapped, byte, disks};

const KEY: &str = "00112233445566778899AABBCCDDEEFF";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";
const ZEROS: &str = "00000000000000000000000000000000";

fn crypt(memory: &MemoryKernel, key: &str, options: &str) -> Mapped {
    let [disk] = disks(memory, [64]);
    Mapped::new(memory, 64, "crypt", &format!("aes-cbc-plain64 {key} 0 {} 8{options}", disk.number()))
}

fn key(crypt: &Mapped) -> String {
    crypt.table().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn sectors_are_passed_on_from_where_the_table_says() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [64]);
    let crypt = Mapped::new(&memory, 64, "crypt", &format!("aes-cbc-plain64 {KEY} 0 {} 8", disk.number()));
    crypt.write(3, 1, 7).unwrap();
    assert_eq!((byte(&disk, 11), crypt.read(3, 1).unwrap()), (7, 7));
}

#[test]
fn a_key_is_printed_in_lower_case() {
    let crypt = crypt(&MemoryKernel::new(), KEY, "");
    assert_eq!(key(&crypt), KEY.to_ascii_lowercase());
}

#[test]
fn the_key_is_changed_only_while_the_device_is_suspended() {
    let crypt = crypt(&MemoryKernel::new(), KEY, "");
    crypt.refuses(EINVAL, &["key wipe", &format!("key set {OTHER}")]);
    assert!(crypt.last_line().ends_with("crypt: not suspended during key manipulation."));
    crypt.suspend();
    crypt.send(&[&format!("key set {OTHER}")]);
    assert_eq!(key(&crypt), OTHER);
    crypt.resume();
    crypt.refuses(EINVAL, &["key wipe"]);
}

#[test]
fn a_device_without_its_key_is_not_resumed() {
    let crypt = crypt(&MemoryKernel::new(), KEY, "");
    crypt.suspend();
    crypt.send(&["KEY WIPE"]);
    assert_eq!(key(&crypt), ZEROS);
    assert_eq!(crypt.dm.device_resume(crypt.number).unwrap_err().errno(), EAGAIN);
    assert!(crypt.memory.log().iter().any(|line| line.ends_with("crypt: aborting resume - crypt key is not set.")));
    assert!(crypt.read(0, 1).unwrap_err().would_wait());
    crypt.send(&[&format!("key set {KEY}")]);
    crypt.resume();
    assert_eq!(crypt.read(0, 1), Ok(0));
}

#[test]
fn a_key_of_another_size_is_refused_and_an_invalid_one_leaves_no_key() {
    let crypt = crypt(&MemoryKernel::new(), KEY, "");
    crypt.suspend();
    crypt.refuses(EINVAL, &["key set 00", "key set -", "key set :32:logon:name", "key", "key get", "lock"]);
    crypt.resume();
    crypt.suspend();
    crypt.refuses(EINVAL, &[&format!("key set {}", "x".repeat(32))]);
    assert_eq!(crypt.dm.device_resume(crypt.number).unwrap_err().errno(), EAGAIN);
}

#[test]
fn a_key_in_a_keyring_is_named_until_it_is_wiped() {
    let crypt = crypt(&MemoryKernel::new(), ":16:logon:disk:1", "");
    assert_eq!(key(&crypt), ":16:logon:disk:1");
    crypt.suspend();
    crypt.send(&["key set :16:user:disk:2"]);
    assert_eq!(key(&crypt), ":16:user:disk:2");
    crypt.send(&["key wipe"]);
    assert_eq!(key(&crypt), ZEROS);
}

#[test]
fn no_debug_output_shows_the_key() {
    let memory = MemoryKernel::new();
    let crypt = crypt(&memory, KEY, "");
    let text = format!("{memory:?} {:?} {:?}", crypt.dm, memory.log()).to_ascii_uppercase();
    assert!(!text.contains(&KEY[..8]));
}

#[test]
fn discards_are_passed_on_only_if_the_table_allows_it() {
    let memory = MemoryKernel::new();
    for (options, errno) in [("", EOPNOTSUPP), (" 1 allow_discards", None)] {
        let crypt = crypt(&memory, KEY, options);
        let done = memory.discard(crypt.number, dm_units::Sectors(0), dm_units::Sectors(8));
        assert_eq!(done.err().and_then(|error| error.errno()), errno);
    }
}

#[test]
fn parts_of_encryption_sectors_fail() {
    let crypt = crypt(&MemoryKernel::new(), KEY, " 1 sector_size:4096");
    crypt.write(8, 8, 7).unwrap();
    assert_eq!(crypt.write(8, 1, 7).unwrap_err().errno(), EIO);
    assert_eq!(crypt.read(4, 8).unwrap_err().errno(), EIO);
}

#[test]
fn tags_need_a_device_below_that_keeps_them() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [4096]);
    let table = |device, size: u32| format!("capi:cbc(aes)-random {KEY} 0 {device} 0 1 integrity:{size}:none");
    let (errno, line) = Mapped::try_new(&memory, 64, "crypt", &table(disk.number(), 16)).err().unwrap();
    assert_eq!(errno, EINVAL);
    assert!(line.contains("Integrity profile not supported."), "{line}");

    let integrity = Mapped::new(&memory, 64, "integrity", &format!("{} 0 16 J 0", disk.number()));
    let (_, line) = Mapped::try_new(&memory, 64, "crypt", &table(integrity.number, 32)).err().unwrap();
    assert!(line.contains("Integrity profile tag size mismatch."), "{line}");
    Mapped::new(&memory, 64, "crypt", &table(integrity.number, 16));
}
