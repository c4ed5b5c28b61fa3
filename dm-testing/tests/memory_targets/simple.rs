//! Targets that map sectors in a simple way: `error`, `linear`, `unstriped`, `switch`, `ebs`, `zoned`, `vdo`, `verity`, `integrity`.

use dm_targets::{Target, Vdo};
use dm_testing::MemoryKernel;
use dm_units::Sectors;

use crate::support::{Discarding, E2BIG, EINVAL, EIO, EOPNOTSUPP, Mapped, byte, disks};

#[test]
fn an_error_target_needs_the_part_of_the_device_that_it_names() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [32]);
    let params = |start| format!("{} {start}", disk.number());
    let device = Mapped::new(&memory, 32, "error", &params(32));
    assert_eq!(device.read(0, 1).unwrap_err().errno(), EIO);
    device.load(&params(33)).unwrap();
    assert_eq!(device.try_resume(), Err(EINVAL));
    let reason = device.last_line();
    assert!(reason.ends_with("too small for target: start=33, len=32, dev_size=64"), "{reason}");
    assert_eq!(device.load(&params(8).replace(" 8", " +8")), Err(EINVAL));
}

#[test]
fn io_fails_on_devices_that_map_each_other() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [32]);
    let lower = Mapped::new(&memory, 64, "linear", &format!("{} 0", disk.number()));
    let upper = Mapped::new(&memory, 64, "linear", &format!("{} 0", lower.number));
    lower.swap(&format!("{} 0", upper.number));
    for device in [&lower, &upper] {
        assert_eq!(device.read(0, 1).unwrap_err().errno(), EIO);
        assert_eq!(memory.flush(device.number).unwrap_err().errno(), EIO);
    }
}

#[test]
fn unstriped_finds_the_sectors_of_one_stripe() {
    let memory = MemoryKernel::new();
    let [one, two] = disks(&memory, [64, 64]);
    let striped = Mapped::new(&memory, 128, "striped", &format!("2 8 {} 0 {} 0", one.number(), two.number()));
    let second = Mapped::new(&memory, 64, "unstriped", &format!("2 8 1 {} 0", striped.number));
    second.write(0, 16, 7).unwrap();
    assert_eq!((byte(&two, 0), byte(&two, 15), byte(&one, 0)), (7, 7, 0));
    assert_eq!(second.read(8, 8), Ok(7));
    assert_eq!(second.status(), "");
    second.refuses(EINVAL, &["anything"]);
    let discarded = memory.discard(second.number, Sectors(0), Sectors(8));
    assert_eq!(discarded.unwrap_err().errno(), EOPNOTSUPP);
}

#[test]
fn an_operation_that_a_stripe_does_not_support_is_not_an_error_of_it() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [64]);
    let lower = Discarding::new(&memory, &disk);
    let striped = Mapped::new(&memory, 128, "striped", &format!("1 8 {} 0", lower.0.number));
    lower.stop();
    let before = striped.event_nr();
    memory.discard(striped.number, Sectors(0), Sectors(8)).unwrap();
    assert!(striped.status().ends_with(" 1 A"), "{}", striped.status());
    assert_eq!(striped.event_nr(), before);
}

#[test]
fn zoned_and_vdo_support_discards_above_devices_that_do_not() {
    let memory = MemoryKernel::new();
    for (target, params) in [("zoned", ""), ("vdo", " 16 4096 32768 16380")] {
        let [disk] = disks(&memory, [64]);
        let lower = Discarding::new(&memory, &disk);
        lower.stop();
        let version = if target == "vdo" { "V4 " } else { "" };
        let device = Mapped::new(&memory, 64, target, &format!("{version}{}{params}", lower.0.number));
        device.write(0, 16, 7).unwrap();
        memory.discard(device.number, Sectors(0), Sectors(8)).unwrap();
        assert_eq!((device.read(0, 8), device.read(8, 8)), (Ok(0), Ok(7)), "{target}");
    }
}

#[test]
fn the_regions_of_a_switch_are_mapped_in_turn_until_a_message_says_otherwise() {
    let memory = MemoryKernel::new();
    let [one, two] = disks(&memory, [64, 64]);
    let switch = Mapped::new(&memory, 64, "switch", &format!("2 8 0 {} 0 {} 8", one.number(), two.number()));
    let paths = || -> Vec<u64> {
        for region in 0..8 {
            switch.write(region * 8, 1, 1).unwrap();
        }
        let path = |region: u64| {
            let on_two = byte(&two, 8 + region * 8) == 1;
            one.write(Sectors(region * 8), &[0; 512]).unwrap();
            two.write(Sectors(8 + region * 8), &[0; 512]).unwrap();
            u64::from(on_two)
        };
        (0..8).map(path).collect()
    };
    assert_eq!(paths(), [0, 1, 0, 1, 0, 1, 0, 1]);
    switch.send(&["set_region_mappings 0:1 :1 :0 R3,5"]);
    assert_eq!(paths(), [1, 1, 0, 1, 1, 0, 1, 1]);
    // Words before an invalid one take effect.
    for word in ["0:2", "8:0", "0", "x:0", "0:", "R9,1", "R1,9", "r,1", "R0,1", "+1:0"] {
        switch.refuses(EINVAL, &[&format!("set_region_mappings 7:0 {word}")]);
    }
    assert_eq!(paths(), [1, 1, 0, 1, 1, 0, 1, 0]);
    switch.refuses(EINVAL, &["set"]);
}

#[test]
fn zones_of_several_devices_follow_each_other() {
    let memory = MemoryKernel::new();
    let [regular, zoned] = disks(&memory, [1024, 4096]);
    let device = Mapped::new(&memory, 8192, "zoned", &format!("{} {}", regular.number(), zoned.number()));
    assert_eq!(device.status(), "5 zones 1/1 cache 0/0 random 4/4 sequential");
    device.write(2040, 16, 7).unwrap();
    assert_eq!((byte(&regular, 2047), byte(&zoned, 7)), (7, 7));
    assert_eq!(device.status(), "5 zones 0/1 cache 0/0 random 3/4 sequential");
    device.send(&["reclaim"]);
    device.refuses(EINVAL, &["rewrite"]);
}

#[test]
fn a_vdo_counts_blocks_that_hold_data() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [4096]);
    let path = disk.path();
    let vdo = Mapped::new(&memory, 16384, "vdo", &format!("V4 {} 1024 4096 32768 16380", path.display()));
    assert_eq!(vdo.status(), "/dev/disk0 normal - online offline 256 1024");
    vdo.write(0, 16, 7).unwrap();
    assert_eq!(vdo.read(0, 16), Ok(7));
    assert_eq!(vdo.words([5, 6]), ["258", "1024"]);
    // The disk is smaller than the device.
    assert_eq!(vdo.write(8192, 8, 7).unwrap_err().errno(), Some(28));
    assert_eq!(vdo.read(8192, 8), Ok(0));
    vdo.send(&["compression on", "index-disable", "dump all", "dump-on-shutdown"]);
    assert_eq!(vdo.words([3, 4]), ["offline", "online"]);
    vdo.refuses(EINVAL, &["compression maybe", "compression", "stats now"]);
}

#[test]
fn a_vdo_answers_with_its_figures() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [4096]);
    let vdo = Mapped::new(&memory, 8192, "vdo", &format!("V4 {} 1024 4096 32768 16380", disk.number()));
    vdo.write(0, 8, 7).unwrap();
    for text in ["stats", "config"] {
        let answer = vdo.message(text).unwrap().unwrap();
        let message = Vdo::parse_message(text).unwrap();
        assert_eq!(Vdo::parse_reply(&message, &answer).unwrap().to_string(), answer);
    }
    let answer = vdo.message("stats").unwrap().unwrap();
    assert!(answer.contains(" dataBlocksUsed : 1, "), "{answer}");
}

const DIGEST: &str = "4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076";

#[test]
fn verity_reads_whole_blocks_and_writes_none() {
    let memory = MemoryKernel::new();
    let [data, hash] = disks(&memory, [64, 64]);
    let table = |start| {
        format!("1 {} {} 4096 4096 8 {start} sha256 {DIGEST} - 1 ignore_corruption", data.number(), hash.number())
    };
    let verity = Mapped::new(&memory, 64, "verity", &table(1));
    data.write(Sectors(8), &[7; 4096]).unwrap();
    assert_eq!(verity.read(8, 8), Ok(7));
    for failed in [verity.read(9, 8), verity.read(8, 1)] {
        assert_eq!(failed.unwrap_err().errno(), EIO);
    }
    // The table is read-only, and so is the device for programs: EPERM.
    assert_eq!(verity.write(8, 8, 1).unwrap_err().errno(), Some(1));
    assert!(memory.log().iter().any(|line| line.ends_with("verity: unaligned io")));
    let (errno, line) = Mapped::try_new(&memory, 64, "verity", &table(99)).err().unwrap();
    assert_eq!(errno, E2BIG);
    assert!(line.contains("Hash device is too small"), "{line}");
}

#[test]
fn verity_needs_a_read_only_table() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [64]);
    let line = format!("1 {0} {0} 4096 4096 8 1 sha256 {DIGEST} -", disk.number());
    let line = dm_core::TargetLine::text(Sectors(0), Sectors(64), "verity", line);
    let dm = memory.dm();
    dm.device_create("verity").unwrap();
    assert_eq!(dm.table_load("verity", [line]).unwrap_err().errno(), EINVAL);
    assert!(memory.log().iter().any(|line| line.contains("Device must be readonly")));
}

#[test]
fn integrity_provides_less_than_its_device_has() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [4096]);
    let table = format!("{} 0 - J 1 internal_hash:crc32c", disk.number());
    let integrity = Mapped::new(&memory, 8, "integrity", &table);
    let [mismatches, provided, recalculated] = integrity.words([0, 1, 2]);
    let provided: u64 = provided.parse().unwrap();
    assert_eq!((mismatches.as_str(), recalculated.as_str()), ("0", "-"));
    assert!(provided > 7000 && provided < 8192, "{provided}");
    integrity.dm.device_remove(integrity.number).unwrap();

    let integrity = Mapped::new(&memory, provided, "integrity", &table);
    integrity.write(provided - 1, 1, 7).unwrap();
    assert_eq!(integrity.read(provided - 1, 1), Ok(7));
    let (errno, line) = Mapped::try_new(&memory, provided + 1, "integrity", &table).err().unwrap();
    assert_eq!(errno, EINVAL);
    assert!(line.contains("Not enough provided sectors for requested mapping size"), "{line}");
}

#[test]
fn integrity_finds_its_superblock_again() {
    let memory = MemoryKernel::new();
    let [disk, foreign] = disks(&memory, [4096, 4096]);
    let table = |disk, hash: &str| format!("{disk} 0 - J 1 internal_hash:{hash}");
    Mapped::new(&memory, 8, "integrity", &table(disk.number(), "crc32c"));
    let refused = |params: &str| Mapped::try_new(&memory, 8, "integrity", params).err().unwrap().1;
    let line = refused(&table(disk.number(), "sha256"));
    assert!(line.contains("Tag size doesn't match the information in superblock"), "{line}");
    let line = refused(&format!("{} 0 - J 2 block_size:4096 internal_hash:crc32c", disk.number()));
    assert!(line.contains("Block size doesn't match the information in superblock"), "{line}");
    foreign.write(Sectors(0), &[7; 512]).unwrap();
    let line = refused(&table(foreign.number(), "crc32c"));
    assert!(line.contains("The device is not initialized"), "{line}");
    // A device that starts with zeros is new.
    disk.write(Sectors(0), &[0; 512]).unwrap();
    Mapped::new(&memory, 8, "integrity", &table(disk.number(), "sha256"));
}

#[test]
fn recalculated_tags_are_there_at_once() {
    let memory = MemoryKernel::new();
    let [disk] = disks(&memory, [4096]);
    let integrity =
        Mapped::new(&memory, 8, "integrity", &format!("{} 0 - D 2 recalculate internal_hash:crc32c", disk.number()));
    let [provided, recalculated] = integrity.words([1, 2]);
    assert_eq!(provided, recalculated);
}
