//! Numbers at the limits of what the kernel accepts, and one below and one above.

use dm_targets::integrity::{IntegrityMode, IntegrityTable};
use dm_targets::pcache::PcacheTable;
use dm_targets::{
    Cache, CloneTarget, Concise, ConciseDevice, Crypt, Ebs, Era, Flakey, InlineCrypt, Integrity, Mirror, Multipath,
    Pcache, Raid, Snapshot, Striped, Switch, Target, ThinPool, Unstriped, Vdo, Verity, WordBuf, Writecache,
};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

const DEVICE: DeviceNumber = DeviceNumber::new(8, 0);

/// Whether a table can be parsed and passes the check.
fn accepts<T: Target>(text: &str, length: u64) -> bool {
    T::parse_input(text).is_ok_and(|table| T::check(&table, Sectors(length)).is_ok())
}

/// Checks that `@` in the text can be replaced by the numbers from `min` to `max`, in steps of `unit`, and by no others.
fn edges<T: Target>(text: &str, length: u64, [min, max]: [u64; 2], unit: u64) {
    let accepts = |number: u64| accepts::<T>(&text.replace('@', &number.to_string()), length);
    assert!(accepts(min) && accepts(max), "{} {text}: {min} to {max}", T::TYPE);
    assert!(min < unit || !accepts(min - unit), "{} {text}: less than {min}", T::TYPE);
    assert!(max.checked_add(unit).is_none_or(|above| !accepts(above)), "{} {text}: more than {max}", T::TYPE);
    assert!(unit == 1 || !accepts(min + 1), "{} {text}: steps of {unit}", T::TYPE);
}

/// [`accepts`] for one target.
type Accepts = fn(&str, u64) -> bool;

const U32: u64 = u32::MAX as u64;

#[test]
fn options_accept_exactly_the_numbers_of_the_kernel() {
    let writecache = |option: &str| format!("s 8:0 8:16 4096 2 {option} @");
    for (option, limits) in [
        ("high_watermark", [45, 100]),
        ("low_watermark", [0, 50]),
        ("writeback_jobs", [0, U32]),
        ("autocommit_blocks", [0, U32]),
        ("autocommit_time", [0, 3_600_000]),
        ("max_age", [0, 86_400_000]),
        ("pause_writeback", [0, 60_000]),
    ] {
        edges::<Writecache>(&writecache(option), 8, limits, 1);
    }
    for (option, limits) in [
        ("journal_watermark", [0, 100]),
        ("journal_sectors", [0, U32]),
        ("interleave_sectors", [0, U32]),
        ("buffer_sectors", [0, U32]),
        ("commit_time", [0, U32]),
        ("sectors_per_bit", [0, u64::MAX]),
        ("bitmap_flush_interval", [0, U32]),
    ] {
        edges::<Integrity>(&format!("8:0 0 4 J 1 {option}:@"), 8, limits, 1);
    }
    let fec = "1 8:0 8:16 4096 4096 64 1 sha256 00ff - 6 use_fec_from_device 8:32 fec_blocks 99 fec_roots @";
    edges::<Verity>(fec, 512, [2, 24], 1);
    let fec = "1 8:0 8:16 4096 4096 64 1 sha256 00ff - 6 use_fec_from_device 8:32 fec_blocks @ fec_roots 2";
    edges::<Verity>(fec, 512, [65, u64::MAX / 8], 1);
    // A block has space for 128 hashes of 32 bytes.
    let options = "use_fec_from_device 8:32 fec_blocks @ fec_roots 2";
    let fec = format!("1 8:0 8:16 4096 4096 1000 1 sha256 {} - 6 {options}", "0f".repeat(32));
    edges::<Verity>(&fec, 8000, [1000 + 8 + 1, u64::MAX / 8], 1);
    edges::<Crypt>("capi:gcm(aes)-random - 0 8:0 0 1 integrity:@:aead", 8, [1, 480], 1);
    edges::<Crypt>("capi:gcm(aes)-random - 0 8:0 0 1 integrity_key_size:@", 8, [1, U32], 1);
    edges::<Flakey>("8:0 0 5 10 2 random_read_corrupt @", 8, [0, 1_000_000_000], 1);
    edges::<Flakey>("8:0 0 5 10 2 random_write_corrupt @", 8, [0, 1_000_000_000], 1);
    edges::<Flakey>("8:0 0 5 10 5 corrupt_bio_byte @ r 0 0", 8, [1, U32], 1);
    edges::<Flakey>("8:0 0 5 10 5 corrupt_bio_byte 1 r @ 0", 8, [0, 255], 1);
    edges::<Multipath>("2 pg_init_retries @ 0 0 0", 8, [1, 50], 1);
    edges::<Multipath>("2 pg_init_delay_msecs @ 0 0 0", 8, [0, 60_000], 1);
    for (option, limits) in [
        ("ack", [0, 100]),
        ("bio", [1, 100]),
        ("bioRotationInterval", [1, 1024]),
        ("cpu", [1, 100]),
        ("maxDiscard", [1, 1_048_575]),
        ("hash 1 physical 1 logical", [1, 60]),
        ("hash 1 logical 1 physical", [1, 16]),
        ("logical 1 physical 1 hash", [1, 100]),
    ] {
        edges::<Vdo>(&format!("V4 8:0 9 4096 300000 2 {option} @"), 8, limits, 1);
    }
}

#[test]
fn tables_accept_exactly_the_numbers_of_the_kernel() {
    edges::<Cache>("8:0 8:16 8:32 @ 0 smq 0", 64, [64, 1 << 21], 64);
    edges::<ThinPool>("8:0 8:16 @ 0 0", 128, [128, 1 << 21], 128);
    edges::<Era>("8:0 8:16 @", 8, [8, U32 - 7], 8);
    edges::<Integrity>("8:0 0 @ J 0", 8, [1, 255], 1);
    edges::<Striped>("1 @ 8:0 0", 0xffff_ffff, [1, 1], 1);
    edges::<Switch>("1 @ 0 8:0 0", 8, [1, U32], 1);
    edges::<Unstriped>("2 8 @ 8:0 0", 8, [0, 1], 1);
    edges::<Verity>("@ 8:0 8:16 4096 4096 64 1 sha256 00ff -", 512, [0, 1], 1);
    edges::<Vdo>("V4 8:0 9 4096 @ 2 logical 2 physical 1 hash 1", 8, [8192, U32], 1);
    edges::<Flakey>("8:0 0 5 @", 8, [0, U32 - 5], 1);
    edges::<Flakey>("8:0 0 0 @", 8, [1, U32], 1);
}

#[test]
fn tables_built_in_code_are_limited_as_those_that_are_parsed() {
    let integrity = || IntegrityTable::new(DEVICE, Sectors(0), Some(4), IntegrityMode::Journal);
    let watermark = |percent| Integrity::check(&integrity().journal_watermark(percent), Sectors(8));
    assert_eq!(watermark(100), Ok(()));
    assert_eq!(watermark(101).unwrap_err().to_string(), "journal_watermark must be at most 100");
    let pcache = |words: usize| {
        let mut table = PcacheTable::new(DEVICE, DEVICE);
        table.options.other_options = vec![WordBuf::new("later").unwrap(); words];
        Pcache::check(&table, Sectors(8)).is_ok()
    };
    assert!(pcache(4) && !pcache(5));
    let vdo = |blocks| {
        let mut table = Vdo::parse_table("/dev/a 4096 disabled 0 32768 16380 on auto pool .").unwrap();
        table.physical_blocks = DataBlocks(blocks);
        Vdo::check(&table, Sectors(8)).map_err(|error| error.to_string())
    };
    assert_eq!(vdo(0), Ok(()));
    assert_eq!(vdo(1).unwrap_err(), "physical block count cannot be combined with version V0");
}

#[test]
fn powers_of_two_are_limited_as_in_the_kernel() {
    let cases: [(Accepts, &str, [u64; 2]); 8] = [
        (accepts::<CloneTarget>, "8:0 8:16 8:32 @", [8, 1 << 21]),
        (accepts::<Crypt>, "aes-xts-plain64 00 0 8:0 0 1 sector_size:@", [512, 4096]),
        (accepts::<Integrity>, "8:0 0 4 J 1 block_size:@", [512, 4096]),
        (accepts::<InlineCrypt>, "aes-xts-plain64 :64:logon:a 0 8:0 0 2 sector_size:@ iv_large_sectors", [512, 4096]),
        (accepts::<Mirror>, "core 1 @ 2 8:0 0 8:16 0", [2, 4096]),
        (accepts::<Snapshot>, "8:0 8:16 P @", [1, 1 << 21]),
        (accepts::<Writecache>, "s 8:0 8:16 @ 0", [512, 1 << 16]),
        (accepts::<Ebs>, "8:0 0 @", [1, 1 << 15]),
    ];
    for (accepts, text, [min, max]) in cases {
        let accepts = |number: u64| accepts(&text.replace('@', &number.to_string()), 4096);
        let mut number = min;
        while number <= max {
            assert!(accepts(number), "{text}: {number}");
            assert!(number < 4 || !accepts(number - 1) && !accepts(number + 1), "{text}: beside {number}");
            number *= 2;
        }
        assert!(!accepts(max * 2), "{text}: {}", max * 2);
        assert!(min < 2 || !accepts(min / 2), "{text}: {}", min / 2);
    }
}

#[test]
fn raid_levels_accept_exactly_the_numbers_of_devices_of_the_kernel() {
    for (level, chunk, min) in
        [("raid0", 8, 1), ("raid1", 0, 1), ("raid4", 8, 2), ("raid5_ls", 8, 2), ("raid6_zr", 8, 4), ("raid10", 8, 2)]
    {
        // The length is a multiple of the number of data devices, whatever that is.
        let length =
            |devices: u64| 8 * devices.max(1) * devices.saturating_sub(1).max(1) * devices.saturating_sub(2).max(1);
        let accepts = |devices: u64| {
            let text = format!("{level} 1 {chunk} {devices}{}", " 8:16 8:0".repeat(usize::try_from(devices).unwrap()));
            accepts::<Raid>(&text, length(devices))
        };
        assert!(accepts(min) && accepts(253), "{level}");
        assert!(!accepts(min - 1) && !accepts(254), "{level}");
    }
}

#[test]
fn a_concise_text_is_limited_as_in_the_kernel() {
    let device = |name: usize, uuid: usize| format!("{},{},,rw,0 8 linear 8:0 0", "n".repeat(name), "u".repeat(uuid));
    let reads = |text: &str| text.parse::<Concise>().is_ok();
    assert!(reads(&device(127, 0)) && !reads(&device(128, 0)) && !reads(&device(0, 0)));
    assert!(reads(&device(1, 128)) && !reads(&device(1, 129)));
    // Spaces around a part count for the length of the text, but not for that of the part.
    let padded = |len: usize| format!("{:len$}", device(1, 0));
    assert!(reads(&padded(1024)) && !reads(&padded(1025)));
    let minor = |minor: u64| format!("a,,{minor},rw,0 8 linear 8:0 0");
    let lines = |count: u64| {
        let lines: Vec<_> = (0..count).map(|line| format!("{} 8 linear 8:0 0", line * 8)).collect();
        Concise::new([ConciseDevice::new("a", lines.join("\n").parse().unwrap())]).map_err(|error| error.to_string())
    };
    let [fitting, more] = [256, 257].map(|count| lines(count).unwrap_err());
    assert_eq!(fitting, "device 1: the kernel takes at most 1024 bytes");
    assert_eq!(more, "device 1: table must be made of at most 256 lines");
    assert!(reads(&minor(0)) && reads(&minor(1_048_575)) && !reads(&minor(1_048_576)));
}
