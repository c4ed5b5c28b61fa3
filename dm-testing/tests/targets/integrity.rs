//! `integrity` on a real kernel: every mode and option, and changed data.

use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm, Recalculation};
use dm_targets::{Concern, Integrity, Key};
use dm_testing::{Pattern, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{Mapped, PATIENTLY, concerns, disk, has, map_changed};

const LENGTH: Sectors = Sectors(1024);

/// A device with this table, on a disk without a superblock. Values that the kernel chooses are not compared.
pub(crate) fn formatted<'s>(
    scratch: &'s Scratch,
    suffix: &str,
    length: Sectors,
    table: IntegrityTable,
) -> Mapped<'s, Integrity> {
    // The table for formatting must be short, since the provided size is not yet known.
    let mapped = map_changed::<Integrity>(scratch, suffix, Sectors(8), table.clone());
    drop(mapped);
    let name = scratch.name(suffix).unwrap();
    scratch.host().remove_with(&name, PATIENTLY).unwrap();
    let mapped = map_changed::<Integrity>(scratch, suffix, length, table.clone());
    let printed = mapped.table();
    assert_eq!((printed.device, printed.reserved, &printed.mode), (table.device, table.reserved, &table.mode));
    assert_eq!(printed.options.internal_hash, table.options.internal_hash);
    mapped
}

fn crc(device: DeviceNumber, mode: IntegrityMode) -> IntegrityTable {
    IntegrityTable::new(device, Sectors(0), None, mode).internal_hash(KeyedAlgorithm::new("crc32c").unwrap())
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn integrity_works_in_every_mode() {
    let Some(scratch) = Scratch::new(&[require::target("integrity")]) else { return };
    for mode in [IntegrityMode::Journal, IntegrityMode::Bitmap, IntegrityMode::Direct] {
        let disk = disk(&scratch, 4).number();
        let mapped = formatted(&scratch, mode.as_str(), LENGTH, crc(disk, mode.clone()));
        assert_eq!(mapped.status().mismatches, 0);
        Pattern::new(1).write(&mapped.device().path(), Sectors(0), LENGTH).unwrap();
        Pattern::new(1).verify(&mapped.device().path(), Sectors(0), LENGTH).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn recovery_mode_neither_writes_nor_checks() {
    let Some(scratch) = Scratch::new(&[require::target("integrity")]) else { return };
    let [data, tags] = [1, 4].map(|size| disk(&scratch, size));
    let table = |mode| crc(data.number(), mode).meta_device(tags.number());
    let mapped = formatted(&scratch, "device", LENGTH, table(IntegrityMode::Journal));
    Pattern::new(1).write(&mapped.device().path(), Sectors(0), LENGTH).unwrap();
    mapped.swap(table(IntegrityMode::Recovery));
    assert_eq!(mapped.table().mode, IntegrityMode::Recovery);
    // Nothing is written or checked.
    Pattern::new(2).write(&mapped.device().path(), Sectors(0), Sectors(8)).unwrap_err();
    Pattern::new(2).write(data.path(), Sectors(0), Sectors(8)).unwrap();
    Pattern::new(2).verify(&mapped.device().path(), Sectors(0), Sectors(8)).unwrap();
    assert_eq!(mapped.status().mismatches, 0);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn integrity_recalculates_its_tags() {
    let Some(scratch) = Scratch::new(&[require::target("integrity")]) else { return };
    if !has::<Integrity>(&scratch, "recalculate") {
        return require::skip("it needs target integrity with recalculate");
    }
    let disk = disk(&scratch, 4).number();
    let mapped = formatted(&scratch, "device", LENGTH, crc(disk, IntegrityMode::Journal).recalculate());
    assert!(mapped.table().options.recalculate);
    mapped.wait_for("all tags", |status| match status.recalculation {
        Some(Recalculation::Reached(sector)) => Some(sector) >= status.provided_sectors || sector >= LENGTH,
        _ => true,
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn integrity_finds_what_was_changed_below() {
    let Some(scratch) = Scratch::new(&[require::target("integrity")]) else { return };
    let [data, tags] = [1, 4].map(|size| disk(&scratch, size));
    // With separate tags, the data is at its usual place.
    let table = crc(data.number(), IntegrityMode::Direct).meta_device(tags.number());
    let mapped = formatted(&scratch, "device", LENGTH, table);
    Pattern::new(1).write(&mapped.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(2).write(data.path(), Sectors(0), Sectors(8)).unwrap();
    Pattern::new(1).verify(&mapped.device().path(), Sectors(0), Sectors(8)).unwrap_err();
    assert!(mapped.status().mismatches > 0);
    assert_eq!(concerns::<Integrity>(&mapped.status()), [Concern::Mismatches]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_option_of_integrity_is_printed_as_loaded() {
    let Some(scratch) = Scratch::new(&[require::target("integrity")]) else { return };
    let key = || Key::from_hex(&"0123456789abcdef".repeat(4)).unwrap();
    let keyed = |algorithm| KeyedAlgorithm::keyed(algorithm, key()).unwrap();
    let disk = || disk(&scratch, 4).number();
    let table = crc(disk(), IntegrityMode::Journal).block_size(4096).buffer_sectors(64);
    let table = table.interleave_sectors(512).journal_sectors(880).journal_watermark(33).commit_time(77);
    let mapped = formatted(&scratch, "numbers", LENGTH, table);
    let printed = mapped.table();
    assert_eq!((printed.options.block_size, printed.options.interleave_sectors), (Some(4096), Some(512)));
    assert_eq!((printed.options.journal_watermark, printed.options.commit_time), (Some(33), Some(77)));

    let table = IntegrityTable::new(disk(), Sectors(0), None, IntegrityMode::Journal)
        .internal_hash(keyed("hmac(sha256)"))
        .journal_mac(keyed("hmac(sha256)"))
        .journal_crypt(keyed("ctr(aes)"));
    let mapped = formatted(&scratch, "keys", LENGTH, table.clone());
    let printed = mapped.table();
    assert_eq!(
        (printed.options.journal_mac, printed.options.journal_crypt),
        (table.options.journal_mac, table.options.journal_crypt)
    );
    if has::<Integrity>(&scratch, "allow_discards") {
        let table = crc(disk(), IntegrityMode::Direct).allow_discards();
        assert!(formatted(&scratch, "discards", LENGTH, table).table().options.allow_discards);
    }
    if has::<Integrity>(&scratch, "fix_hmac") {
        let hash = table.options.internal_hash.unwrap();
        let table = IntegrityTable::new(disk(), Sectors(0), None, IntegrityMode::Journal).internal_hash(hash);
        let printed = formatted(&scratch, "fix", LENGTH, table.fix_padding().fix_hmac()).table();
        assert!(printed.options.fix_padding && printed.options.fix_hmac);
    }
}
