//! Each option is set alone by its setter, printed as the kernel reads it, and parsed again into the same field.
//!
//! The parsed table equals the built one only if the setter sets the field that the parser fills, and no word of the option
//! is kept as an unknown word.

use std::collections::BTreeSet;
use std::fmt::Debug;

use dm_targets::cache::{CacheIoMode, CacheKey, CachePolicy, CacheTable};
use dm_targets::clone::CloneTable;
use dm_targets::crypt::{Cipher, CryptIntegrity, CryptKey, CryptTable};
use dm_targets::flakey::{CorruptBioByte, Direction, FlakeyTable};
use dm_targets::inlinecrypt::{InlineCryptTable, InlineKeyType};
use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
use dm_targets::multipath::{HardwareHandler, MultipathTable, QueueMode};
use dm_targets::option::OptionGroup as _;
use dm_targets::pcache::{PcacheMode, PcacheTable};
use dm_targets::raid::{JournalMode, Raid10Format, RaidDevice, RaidSync, RaidTable, RaidType};
use dm_targets::snapshot::{SnapshotStore, SnapshotTable};
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::vdo::{VdoIndexMemory, VdoSectorSize, VdoTable};
use dm_targets::verity::{Hex, OnCorruption, OnError, VerityDevice, VerityTable};
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_targets::{
    Cache, CloneTarget, Crypt, Flakey, InlineCrypt, Integrity, Key, Mirror, Multipath, Pcache, Raid, Snapshot, Target,
    ThinPool, Vdo, Verity, WordBuf, Writecache,
};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

const A: DeviceNumber = DeviceNumber::new(8, 0);
const B: DeviceNumber = DeviceNumber::new(8, 16);
const C: DeviceNumber = DeviceNumber::new(8, 32);

fn word(text: &str) -> WordBuf {
    WordBuf::new(text).unwrap()
}

/// Checks each pair of a table with a single option and the words of the option.
///
/// `given` is the name of the table's first option, `around` its text, with `@` in place of the options and their count.
fn check<T: Target<Table: Debug>>(
    plain: &T::Table,
    given: fn(&T::Table) -> Option<&'static str>,
    around: &str,
    options: &[(T::Table, &str)],
) {
    let mut seen = BTreeSet::new();
    assert_eq!(given(plain), None, "{}", T::TYPE);
    for (table, words) in options {
        let count = words.split(' ').count();
        let text = around.replace("@", &format!("{count} {words}"));
        assert_eq!(table.to_string().trim_end(), text, "{}", T::TYPE);
        assert_eq!(T::parse_input(&text).as_ref(), Ok(table), "{text}");
        assert_eq!(T::parse_table(&format!("{table:#}")).as_ref(), Ok(table), "{table:#}");
        assert_ne!(table, plain, "{words} is in no field");
        assert_eq!(given(table), name(words));
        assert!(seen.insert(*words), "{words} twice");
        // The option is not parsed as another option's value, and is refused if it is given twice.
        if around.contains('@') && !words.starts_with("rebuild") && !words.starts_with("write_mostly") {
            let twice = around.replace("@", &format!("{} {words} {words}", count * 2));
            let is_as_given = ["cache", "clone", "vdo"].contains(&T::TYPE);
            assert_eq!(T::parse_input(&twice).is_err(), !is_as_given, "{twice}");
        }
    }
}

/// The name of the first option.
fn name(words: &str) -> Option<&str> {
    words.split([' ', ':']).next()
}

#[test]
fn options_of_caches() {
    let cache = CacheTable::new(A, B, C, Sectors(64), CachePolicy::Smq);
    check::<Cache>(
        &cache,
        |table| table.features.given().next(),
        "8:0 8:16 8:32 64 @ smq 0",
        &[(cache.clone().metadata2(), "metadata2"), (cache.clone().no_discard_passdown(), "no_discard_passdown")],
    );
    for mode in [CacheIoMode::Writeback, CacheIoMode::Writethrough, CacheIoMode::Passthrough] {
        let table = cache.clone().io_mode(mode.clone());
        assert_eq!(table.to_string(), format!("8:0 8:16 8:32 64 1 {mode} smq 0"));
        assert_eq!(Cache::parse_table(&table.to_string()), Ok(table));
    }
    let set = cache.set(CacheKey::MigrationThreshold, 7);
    assert_eq!(set.to_string(), "8:0 8:16 8:32 64 0 smq 2 migration_threshold 7");

    let clone = CloneTable::new(A, B, C, Sectors(8));
    check::<CloneTarget>(
        &clone,
        |table| table.features.given().next(),
        "8:0 8:16 8:32 8 @",
        &[(clone.clone().no_hydration(), "no_hydration"), (clone.clone().no_discard_passdown(), "no_discard_passdown")],
    );
    check::<CloneTarget>(
        &clone,
        |table| table.core.given().next(),
        "8:0 8:16 8:32 8 0 @",
        &[
            (clone.clone().hydration_threshold(3), "hydration_threshold 3"),
            (clone.clone().hydration_batch_size(4), "hydration_batch_size 4"),
        ],
    );

    let pcache = PcacheTable::new(A, B);
    check::<Pcache>(
        &pcache,
        |table| table.options.given().next(),
        "8:0 8:16 @",
        &[
            (pcache.clone().cache_mode(PcacheMode::Writeback), "cache_mode writeback"),
            (pcache.clone().data_crc(true), "data_crc true"),
            (pcache.clone().data_crc(false), "data_crc false"),
        ],
    );

    let cache = WritecacheTable::new(WritecacheKind::Ssd, A, B, 4096);
    check::<Writecache>(
        &cache,
        |table| table.options.given().next(),
        "s 8:0 8:16 4096 @",
        &[
            (cache.clone().start_sector(Sectors(1)), "start_sector 1"),
            (cache.clone().high_watermark(60), "high_watermark 60"),
            (cache.clone().low_watermark(40), "low_watermark 40"),
            (cache.clone().writeback_jobs(2), "writeback_jobs 2"),
            (cache.clone().autocommit_blocks(3), "autocommit_blocks 3"),
            (cache.clone().autocommit_time(4), "autocommit_time 4"),
            (cache.clone().max_age(5), "max_age 5"),
            (cache.clone().cleaner(), "cleaner"),
            (cache.clone().fua(true), "fua"),
            (cache.clone().fua(false), "nofua"),
            (cache.clone().metadata_only(), "metadata_only"),
            (cache.clone().pause_writeback(6), "pause_writeback 6"),
        ],
    );
}

#[test]
fn options_of_encryption() {
    let crypt = CryptTable::new(Cipher::new("aes-xts-plain64").unwrap(), CryptKey::Empty, Sectors(0), A, Sectors(0));
    check::<Crypt>(
        &crypt,
        |table| table.options.given().next(),
        "aes-xts-plain64 - 0 8:0 0 @",
        &[
            (crypt.clone().allow_discards(), "allow_discards"),
            (crypt.clone().same_cpu_crypt(), "same_cpu_crypt"),
            (crypt.clone().high_priority(), "high_priority"),
            (crypt.clone().submit_from_crypt_cpus(), "submit_from_crypt_cpus"),
            (crypt.clone().no_read_workqueue(), "no_read_workqueue"),
            (crypt.clone().no_write_workqueue(), "no_write_workqueue"),
            (crypt.clone().integrity(CryptIntegrity::none(16)), "integrity:16:none"),
            (crypt.clone().sector_size(4096), "sector_size:4096"),
            (crypt.clone().iv_large_sectors(), "iv_large_sectors"),
            (crypt.clone().integrity_key_size(32), "integrity_key_size:32"),
        ],
    );
    let inline = InlineCryptTable::new(Key::from_hex("00ff").unwrap(), Sectors(0), A, Sectors(0));
    check::<InlineCrypt>(
        &inline,
        |table| table.options.given().next(),
        "aes-xts-plain64 00ff 0 8:0 0 @",
        &[
            (inline.clone().key_type(InlineKeyType::HwWrapped), "keytype:hw-wrapped"),
            (inline.clone().allow_discards(), "allow_discards"),
            (inline.clone().sector_size(4096), "sector_size:4096"),
            (inline.clone().iv_large_sectors(), "iv_large_sectors"),
        ],
    );
}

#[test]
fn options_of_checksums() {
    let table = IntegrityTable::new(A, Sectors(0), Some(4), IntegrityMode::Journal);
    let hash = || KeyedAlgorithm::new("crc32c").unwrap();
    check::<Integrity>(
        &table,
        |table| table.options.given().next(),
        "8:0 0 4 J @",
        &[
            (table.clone().meta_device(B), "meta_device:8:16"),
            (table.clone().block_size(4096), "block_size:4096"),
            (table.clone().recalculate(), "recalculate"),
            (table.clone().reset_recalculate(), "reset_recalculate"),
            (table.clone().allow_discards(), "allow_discards"),
            (table.clone().allow_discards_keyed(), "allow_discards_keyed"),
            (table.clone().journal_sectors(1), "journal_sectors:1"),
            (table.clone().interleave_sectors(2), "interleave_sectors:2"),
            (table.clone().buffer_sectors(3), "buffer_sectors:3"),
            (table.clone().journal_watermark(4), "journal_watermark:4"),
            (table.clone().commit_time(5), "commit_time:5"),
            (table.clone().sectors_per_bit(6), "sectors_per_bit:6"),
            (table.clone().bitmap_flush_interval(7), "bitmap_flush_interval:7"),
            (table.clone().fix_padding(), "fix_padding"),
            (table.clone().fix_hmac(), "fix_hmac"),
            (table.clone().legacy_recalculate(), "legacy_recalculate"),
            (table.clone().internal_hash(hash()), "internal_hash:crc32c"),
            (table.clone().journal_crypt(hash()), "journal_crypt:crc32c"),
            (table.clone().journal_mac(hash()), "journal_mac:crc32c"),
        ],
    );
    let (data, hash) = (VerityDevice::new(A, 4096), VerityDevice::new(B, 4096));
    let digest = || Hex::new("00ff").unwrap();
    let table = VerityTable::new(1, data, hash, DataBlocks(64), 1, word("sha256"), digest());
    let fec = table.clone().use_fec_from_device(C).fec_blocks(DataBlocks(99)).fec_roots(2);
    check::<Verity>(
        &table,
        |table| table.options.given().next(),
        "1 8:0 8:16 4096 4096 64 1 sha256 00ff - @",
        &[
            (table.clone().on_corruption(OnCorruption::Ignore), "ignore_corruption"),
            (table.clone().on_corruption(OnCorruption::Restart), "restart_on_corruption"),
            (table.clone().on_corruption(OnCorruption::Panic), "panic_on_corruption"),
            (table.clone().on_error(OnError::Restart), "restart_on_error"),
            (table.clone().on_error(OnError::Panic), "panic_on_error"),
            (table.clone().ignore_zero_blocks(), "ignore_zero_blocks"),
            (table.clone().check_at_most_once(), "check_at_most_once"),
            (table.clone().try_verify_in_tasklet(), "try_verify_in_tasklet"),
            (fec.clone(), "use_fec_from_device 8:32 fec_blocks 99 fec_roots 2"),
            (fec.fec_start(DataBlocks(7)), "use_fec_from_device 8:32 fec_blocks 99 fec_start 7 fec_roots 2"),
            (table.clone().root_hash_sig_key_desc(word("my:key")), "root_hash_sig_key_desc my:key"),
        ],
    );
    let salted = table.salt(Hex::new("aa").unwrap());
    assert_eq!(salted.to_string(), "1 8:0 8:16 4096 4096 64 1 sha256 00ff aa");
    assert_eq!(Verity::parse_table(&salted.to_string()), Ok(salted));
}

#[test]
fn options_of_faults() {
    let table = FlakeyTable::new(A, Sectors(0), 5, 10);
    let corrupt = CorruptBioByte::new(1, Direction::Read, 2).flags(3);
    check::<Flakey>(
        &table,
        |table| table.features.given().next(),
        "8:0 0 5 10 @",
        &[
            (table.clone().error_reads(), "error_reads"),
            (table.clone().drop_writes(), "drop_writes"),
            (table.clone().error_writes(), "error_writes"),
            (table.clone().corrupt_bio_byte(corrupt), "corrupt_bio_byte 1 r 2 3"),
            (table.clone().random_read_corrupt(7), "random_read_corrupt 7"),
            (table.clone().random_write_corrupt(8), "random_write_corrupt 8"),
        ],
    );
}

#[test]
fn options_of_mirrors_and_paths() {
    let legs = [A, B].map(|device| MirrorLeg::new(device, Sectors(0)));
    let mirror = MirrorTable::new(MirrorLog::core(Sectors(1024)), legs);
    check::<Mirror>(
        &mirror,
        |table| table.features.given().next(),
        "core 1 1024 2 8:0 0 8:16 0 @",
        &[
            (mirror.clone().handle_errors(), "handle_errors"),
            (mirror.clone().handle_errors().keep_log(), "handle_errors keep_log"),
        ],
    );
    let table = MultipathTable::new([]);
    check::<Multipath>(
        &table,
        |table| table.features.given().next(),
        "@ 0 0 0",
        &[
            (table.clone().queue_if_no_path(), "queue_if_no_path"),
            (table.clone().pg_init_retries(7), "pg_init_retries 7"),
            (table.clone().pg_init_delay_msecs(8), "pg_init_delay_msecs 8"),
            (table.clone().retain_attached_hw_handler(), "retain_attached_hw_handler"),
            (table.clone().queue_mode(QueueMode::Bio), "queue_mode bio"),
        ],
    );
    assert_eq!(table.handler(HardwareHandler::new(word("alua"))).to_string(), "0 1 alua 0 0 ");
}

#[test]
fn parameters_of_arrays() {
    let table = RaidTable::new(RaidType::Raid10, Sectors(64), [RaidDevice::missing(), RaidDevice::without_metadata(A)]);
    let around = |words: &str| format!("raid10 {} 64 {words} 2 - - - 8:0", words.split(' ').count() + 1);
    let cases = [
        (table.clone().sync(RaidSync::Sync), "sync"),
        (table.clone().nosync(), "nosync"),
        (table.clone().rebuild(0), "rebuild 0"),
        (table.clone().rebuild(0).rebuild(1), "rebuild 0 rebuild 1"),
        (table.clone().daemon_sleep(1), "daemon_sleep 1"),
        (table.clone().min_recovery_rate(2), "min_recovery_rate 2"),
        (table.clone().max_recovery_rate(3), "max_recovery_rate 3"),
        (table.clone().write_mostly(1), "write_mostly 1"),
        (table.clone().max_write_behind(4), "max_write_behind 4"),
        (table.clone().stripe_cache(5), "stripe_cache 5"),
        (table.clone().region_size(Sectors(6)), "region_size 6"),
        (table.clone().raid10_copies(7), "raid10_copies 7"),
        (table.clone().raid10_format(Raid10Format::Far), "raid10_format far"),
        (table.clone().raid10_use_near_sets(), "raid10_use_near_sets"),
        (table.clone().delta_disks(-1), "delta_disks -1"),
        (table.clone().data_offset(Sectors(8)), "data_offset 8"),
        (table.clone().journal_dev(B), "journal_dev 8:16"),
        (table.clone().journal_mode(JournalMode::WriteBack), "journal_mode writeback"),
    ];
    for (array, words) in cases {
        assert_eq!(array.to_string(), around(words));
        assert_eq!(Raid::parse_input(&around(words)).as_ref(), Ok(&array), "{words}");
        assert_eq!(Raid::parse_table(&format!("{array:#}")).as_ref(), Ok(&array), "{array:#}");
        assert_ne!(array, table, "{words} is in no field");
        assert_eq!(array.params.given().next(), name(words));
    }
}

#[test]
fn options_of_snapshots_and_pools() {
    let snapshot = SnapshotTable::new(A, B, SnapshotStore::Persistent, Sectors(16));
    let both = snapshot.clone().discard_zeroes_cow().discard_passdown_origin();
    check::<Snapshot>(
        &snapshot,
        |table| table.features.given().next(),
        "8:0 8:16 P 16 @",
        &[
            (snapshot.clone().discard_zeroes_cow(), "discard_zeroes_cow"),
            (both, "discard_zeroes_cow discard_passdown_origin"),
        ],
    );
    let pool = ThinPoolTable::new(A, B, Sectors(128), DataBlocks(0));
    check::<ThinPool>(
        &pool,
        |table| table.features.given().next(),
        "8:0 8:16 128 0 @",
        &[
            (pool.clone().skip_block_zeroing(), "skip_block_zeroing"),
            (pool.clone().ignore_discard(), "ignore_discard"),
            (pool.clone().no_discard_passdown(), "no_discard_passdown"),
            (pool.clone().read_only(), "read_only"),
            (pool.clone().error_if_no_space(), "error_if_no_space"),
        ],
    );
}

#[test]
fn options_of_deduplication() {
    let table = VdoTable::new(A, DataBlocks(9), VdoSectorSize::Bytes4096, 1, 2);
    let cases = [
        (table.clone().ack(3), "ack 3"),
        (table.clone().bio(4), "bio 4"),
        (table.clone().bio_rotation_interval(5), "bioRotationInterval 5"),
        (table.clone().cpu(6), "cpu 6"),
        (table.clone().hash(7), "hash 7"),
        (table.clone().logical(8), "logical 8"),
        (table.clone().physical(9), "physical 9"),
        (table.clone().max_discard(10), "maxDiscard 10"),
        (table.clone().slab_size(8192), "slabSize 8192"),
        (table.clone().deduplication(false), "deduplication off"),
        (table.clone().compression(true), "compression on"),
        (table.clone().index_sparse(true), "indexSparse on"),
        (table.clone().index_memory(VdoIndexMemory::Half), "indexMemory 0.50"),
    ];
    for (vdo, words) in cases {
        let text = format!("V4 8:0 9 4096 1 2 {words}");
        assert_eq!(vdo.to_string(), text);
        assert_eq!(Vdo::parse_table(&text).as_ref(), Ok(&vdo), "{words}");
        assert_ne!(vdo, table, "{words} is in no field");
        assert_eq!(vdo.options.given().next(), name(words));
    }
}
