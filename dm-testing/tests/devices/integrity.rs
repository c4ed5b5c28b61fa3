//! Integrity devices, and compatibility with `integritysetup`.

use std::path::Path;
use std::process::Command;

use dm_targets::devices::IntegrityDev;
use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
use dm_testing::{Pattern, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{PATIENTLY, large_disk};

const PART: Sectors = Sectors(1024);

fn scene() -> Option<Scratch> {
    Scratch::new(&[require::target("integrity"), require::program("integritysetup")])
}

fn integritysetup(args: &[&str]) {
    let output = Command::new("integritysetup").arg("--batch-mode").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn table(disk: DeviceNumber) -> IntegrityTable {
    let table = IntegrityTable::new(disk, Sectors(0), None, IntegrityMode::Journal);
    table.internal_hash(KeyedAlgorithm::new("crc32c").unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn integritysetup_opens_what_was_formatted_here() {
    let Some(scratch) = scene() else { return };
    let (host, disk, name) = (scratch.host(), large_disk(&scratch, 4), scratch.name("safe").unwrap());
    Pattern::new(9).write(disk.path(), Sectors(0), PART).unwrap();
    let setup = || IntegrityDev::setup_whole(host, &name, &table(disk.number()));
    assert!(setup().unwrap_err().is_invalid(), "it holds something else");
    IntegrityDev::wipe_superblock(host, disk.number(), Sectors(0)).unwrap();
    let safe = setup().unwrap();
    assert!(IntegrityDev::wipe_superblock(host, disk.number(), Sectors(0)).unwrap_err().is_busy());
    Pattern::new(1).write(&safe.path(host).unwrap(), Sectors(0), PART).unwrap();
    let length = safe.table(host).unwrap().length();
    safe.remove_with(host, PATIENTLY).unwrap();

    integritysetup(&["open", text(disk.path()), &name.to_string(), "--integrity", "crc32c"]);
    let theirs = IntegrityDev::open(host, &name).unwrap();
    assert_eq!(theirs.table(host).unwrap().length(), length);
    Pattern::new(1).verify(&theirs.path(host).unwrap(), Sectors(0), PART).unwrap();
    // A device that integritysetup has opened is used as it is.
    assert_eq!(setup().unwrap().table(host).unwrap(), theirs.table(host).unwrap());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_disk_formatted_by_integritysetup_is_opened() {
    let Some(scratch) = scene() else { return };
    let (host, disk, name) = (scratch.host(), large_disk(&scratch, 4), scratch.name("safe").unwrap());
    integritysetup(&["format", text(disk.path()), "--integrity", "crc32c"]);
    let safe = IntegrityDev::setup_whole(host, &name, &table(disk.number())).unwrap();
    let path = safe.path(host).unwrap();
    // The tags are those of zeros.
    Pattern::zeros().verify(&path, Sectors(0), PART).unwrap();
    Pattern::new(1).write(&path, Sectors(0), PART).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), PART).unwrap();
}
