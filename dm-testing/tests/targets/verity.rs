//! `verity` on a real kernel: every format and option, changed data, and its correction.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use dm_targets::verity::{Hex, OnCorruption, OnError, VerityDevice, VerityState, VerityTable};
use dm_targets::{Concern, Verity, WordBuf};
use dm_testing::{LoopDevice, Pattern, Scratch, require};
use dm_units::{DataBlocks, Sectors};

use crate::support::{Mapped, concerns, disk, has, map, try_map};

const LENGTH: Sectors = Sectors(2048);
/// The size of data and hash blocks in sectors.
const BLOCK: Sectors = Sectors(8);
/// The last block, which is zero.
const ZEROS: Sectors = Sectors(LENGTH.0 - BLOCK.0);
const SALT: &str = "a1b2c3";

/// Known data, its hashes and their root.
struct Formatted {
    data: Arc<LoopDevice>,
    hash: Arc<LoopDevice>,
    root: Hex,
}

impl Formatted {
    /// Two disks, formatted with these options.
    fn new<'a>(scratch: &Scratch, options: impl IntoIterator<Item = &'a str>) -> Self {
        let [data, hash] = [disk(scratch, 1), disk(scratch, 1)];
        Pattern::new(1).write(data.path(), Sectors(0), ZEROS).unwrap();
        let disks = [data.path(), hash.path()];
        let output = Command::new("veritysetup").arg("format").args(options).args(disks).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let root = text.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
        Self { data, hash, root: Hex::new(root).unwrap() }
    }

    fn salted(scratch: &Scratch) -> Self {
        Self::new(scratch, ["--salt", SALT])
    }

    /// The table for disks that were formatted without options other than a salt.
    fn table(&self) -> VerityTable {
        self.table_of(1, 256, 4096, "sha256").salt(Hex::new(SALT).unwrap())
    }

    fn table_of(&self, version: u32, blocks: u64, block_size: u32, algorithm: &str) -> VerityTable {
        let [data, hash] = [&self.data, &self.hash].map(|disk| VerityDevice::new(disk.number(), block_size));
        // The first block of the hash disk is a superblock.
        let (blocks, algorithm) = (DataBlocks(blocks), WordBuf::new(algorithm).unwrap());
        VerityTable::new(version, data, hash, blocks, 1, algorithm, self.root.clone())
    }

    /// Corrupts a block.
    fn corrupt(&self, block: Sectors) {
        Pattern::new(2).write(self.data.path(), block, BLOCK).unwrap();
    }
}

/// Whether a block contains the data of the pattern.
fn reads(verity: &Mapped<'_, Verity>, pattern: Pattern, block: Sectors) -> bool {
    pattern.verify(&verity.device().path(), block, BLOCK).is_ok()
}

fn needs() -> [require::Requirement; 2] {
    [require::target("verity"), require::program("veritysetup")]
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_verity_device_verifies_its_data() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let verity = map::<Verity>(&scratch, "verity", LENGTH, Formatted::salted(&scratch).table());
    Pattern::new(1).verify(&verity.device().path(), Sectors(0), ZEROS).unwrap();
    assert!(reads(&verity, Pattern::zeros(), ZEROS));
    assert_eq!(verity.status().state, VerityState::Valid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn verity_reads_every_format() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let options = "--format 0 --hash sha512 --salt - --data-block-size 1024 --hash-block-size 1024";
    let table = Formatted::new(&scratch, options.split(' ')).table_of(0, 1024, 1024, "sha512");
    let verity = map::<Verity>(&scratch, "verity", LENGTH, table);
    Pattern::new(1).verify(&verity.device().path(), Sectors(0), ZEROS).unwrap();
    assert_eq!(verity.status().state, VerityState::Valid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn verity_finds_what_was_changed() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let formatted = Formatted::salted(&scratch);
    formatted.corrupt(Sectors(64));
    let strict = map::<Verity>(&scratch, "strict", LENGTH, formatted.table());
    assert!(reads(&strict, Pattern::new(1), Sectors(0)));
    assert_eq!(strict.status().state, VerityState::Valid);
    assert!(!reads(&strict, Pattern::new(2), Sectors(64)));
    assert_eq!(strict.status().state, VerityState::Corrupted);
    assert_eq!(concerns::<Verity>(&strict.status()), [Concern::Corrupted]);

    let ignoring = formatted.table().on_corruption(OnCorruption::Ignore);
    let ignoring = map::<Verity>(&scratch, "ignoring", LENGTH, ignoring);
    assert!(reads(&ignoring, Pattern::new(2), Sectors(64)));
    assert_eq!(ignoring.status().state, VerityState::Corrupted);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn verity_can_ignore_corruption() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let formatted = Formatted::salted(&scratch);
    let zeros = map::<Verity>(&scratch, "zeros", LENGTH, formatted.table().ignore_zero_blocks());
    let once = map::<Verity>(&scratch, "once", LENGTH, formatted.table().check_at_most_once());
    assert!(reads(&once, Pattern::new(1), Sectors(64)));
    formatted.corrupt(ZEROS);
    formatted.corrupt(Sectors(64));
    assert!(reads(&zeros, Pattern::zeros(), ZEROS));
    assert_eq!(zeros.status().state, VerityState::Valid);
    assert!(reads(&once, Pattern::new(2), Sectors(64)));
    assert_eq!(once.status().state, VerityState::Valid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn verity_corrects_errors() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let parity = disk(&scratch, 1);
    let options = ["--salt", SALT, "--fec-roots", "4", "--fec-device", parity.path().to_str().unwrap()];
    let formatted = Formatted::new(&scratch, options);
    // The parity is still in the page cache, which the kernel's reader bypasses.
    File::open(parity.path()).unwrap().sync_all().unwrap();
    formatted.corrupt(Sectors(64));
    // All of both disks except the superblock.
    let table = formatted.table().use_fec_from_device(parity.number()).fec_blocks(DataBlocks(511));
    let table = table.fec_start(DataBlocks(0)).fec_roots(4);
    // Depends on the kernel's configuration, not on the target's version.
    let Ok(verity) = try_map::<Verity>(&scratch, "verity", LENGTH, table.clone()) else {
        return require::skip("it needs target verity with use_fec_from_device");
    };
    assert_eq!(verity.table(), table);
    assert!(reads(&verity, Pattern::new(1), Sectors(64)));
    assert_eq!(verity.status().state, VerityState::Valid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_option_of_verity_is_printed_as_loaded() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let formatted = Formatted::salted(&scratch);
    let check = |suffix: &str, table: VerityTable| {
        let verity = map::<Verity>(&scratch, suffix, LENGTH, table);
        assert!(reads(&verity, Pattern::new(1), Sectors(0)));
        assert_eq!(verity.status().state, VerityState::Valid);
    };
    check("restart", formatted.table().on_corruption(OnCorruption::Restart).ignore_zero_blocks().check_at_most_once());
    check("panic", formatted.table().on_corruption(OnCorruption::Panic));
    if has::<Verity>(&scratch, "try_verify_in_tasklet") {
        check("tasklet", formatted.table().try_verify_in_tasklet());
    }
    if has::<Verity>(&scratch, "restart_on_error") {
        check("restart-on-error", formatted.table().on_error(OnError::Restart));
        check("panic-on-error", formatted.table().on_corruption(OnCorruption::Ignore).on_error(OnError::Panic));
    }
}
