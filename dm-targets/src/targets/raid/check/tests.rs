//! Tables of arrays that the kernel refuses, and those beside them that it accepts.

use super::*;
use crate::{Raid, Target};

fn check(head: &str, devices: usize) -> Result<(), String> {
    let devices = format!("{devices}{}", " 8:0 8:16".repeat(devices));
    let table = Raid::parse_input(&format!("{head} {devices}")).unwrap();
    Raid::check(&table, Sectors(131_072)).map_err(|invalid| invalid.to_string())
}

fn refused(head: &str, devices: usize, sentence: &str) {
    assert_eq!(check(head, devices), Err(sentence.into()), "{head}");
}

#[test]
fn parameters_for_other_levels_are_refused() {
    refused("raid0 2 64 sync", 2, "sync cannot be combined with raid0");
    refused("raid6_zr 2 64 nosync", 4, "nosync cannot be combined with raid6");
    refused("raid5_ls 3 64 write_mostly 0", 3, "write_mostly cannot be combined with raid4 or raid5");
    refused("raid1 3 0 stripe_cache 1", 2, "stripe_cache cannot be combined with raid1");
    refused("raid10 3 64 journal_dev 8:32", 2, "journal_dev cannot be combined with raid10");
    refused("raid1 3 0 raid10_copies 2", 2, "raid10_copies cannot be combined with raid1");
    assert_eq!(check("raid0 3 64 data_offset 32", 2), Ok(()));
    assert_eq!(check("raid1 3 0 delta_disks -1", 2), Ok(()));
    assert_eq!(check("raid99 3 0 newest 1", 2), Ok(()));
}

#[test]
fn numbers_out_of_range_are_refused() {
    refused("raid5_ls 1 4", 3, "chunk_size must be from 8 to 65536");
    refused("raid5_ls 1 24", 3, "chunk_size must be a power of two");
    assert_eq!(check("raid1 1 24", 2), Ok(()));
    let error = Raid::parse_input("raid1 3 0 max_write_behind 32768 1 - 8:0").unwrap_err();
    assert_eq!(error.to_string(), "raid table: word 5, max_write_behind, must be at most 32767");
    refused("raid1 3 0 rebuild 2", 2, "rebuild must be at most 1");
    refused("raid1 5 0 write_mostly 0 write_mostly 1", 2, "write_mostly must be left out for at least one device");
    refused(
        "raid1 5 0 min_recovery_rate 2 max_recovery_rate 1",
        2,
        "min_recovery_rate must be at most max_recovery_rate",
    );
    for rates in ["5 0 min_recovery_rate 2 max_recovery_rate 2", "3 0 min_recovery_rate 2"] {
        assert_eq!(check(&format!("raid1 {rates}"), 2), Ok(()));
    }
    refused("raid10 3 64 raid10_copies 3", 2, "raid10_copies must be from 2 to 2");
    refused("raid1 3 0 delta_disks 0", 2, "delta_disks must be from 1 to 251");
    refused("raid1 3 0 delta_disks -252", 2, "delta_disks must be from 1 to 251");
    refused("raid10 3 64 delta_disks -1", 2, "delta_disks must be positive for RAID 10");
    assert_eq!(check("raid10 3 64 delta_disks 1", 2), Ok(()));
    refused("raid1 3 0 data_offset 8", 2, "data_offset must be from 32 to 2147483640");
    refused("raid1 3 0 data_offset 33", 2, "data_offset must be a multiple of 8");
}

#[test]
fn region_sizes_that_do_not_fit_the_chunk_or_the_length_are_refused() {
    refused("raid5_ls 3 64 region_size 100", 3, "region_size must be a power of two");
    refused("raid5_ls 3 64 region_size 32", 3, "region_size must be from 64 to 131072");
    refused("raid1 3 64 region_size 262144", 2, "region_size must be at most 131072");
    assert_eq!(check("raid1 3 64 region_size 32", 2), Ok(()));
    assert_eq!(check("raid1 3 64 region_size 0", 2), Ok(()));
}

#[test]
fn conflicting_parameters_are_refused() {
    refused("raid1 4 0 sync rebuild 0", 2, "rebuild cannot be combined with sync");
    let near = "raid10_use_near_sets cannot be combined with raid10_format near";
    refused("raid10 2 64 raid10_use_near_sets", 2, near);
    assert_eq!(check("raid10 4 64 raid10_use_near_sets raid10_format far", 2), Ok(()));
    let degraded = "journal_mode must be writethrough if a device is missing or rebuilt";
    refused("raid5_ls 7 64 rebuild 0 journal_dev 8:9 journal_mode writeback", 3, degraded);
    refused("raid5_ls 3 64 journal_mode writeback", 3, "journal_mode must be given together with journal_dev");
}

#[test]
fn too_few_or_incomplete_devices_are_refused() {
    refused("raid6_zr 1 64", 3, "number of raid devices must be from 4 to 253");
    refused("raid5_ls 1 64", 4, "length must be divisible by the number of devices that hold data");
    let check = |text: &str| {
        let table = Raid::parse_table(text).unwrap();
        Raid::check(&table, Sectors(65536)).map_err(|invalid| invalid.to_string())
    };
    assert_eq!(check("raid1 1 0 2 - 8:0 - -"), Ok(()));
    assert_eq!(check("raid1 1 0 2 - 8:0 8:16 -"), Err("data device must be given for every metadata device".into()));
    assert_eq!(
        check("raid1 3 0 rebuild 1 2 - 8:0 - -").unwrap_err().to_string(),
        "rebuild must be the number of a device that is not missing"
    );
    let missing = Err("data_offset must be left out if the first device is missing".into());
    assert_eq!(check("raid1 3 0 data_offset 32 2 - - - 8:0"), missing);
    assert_eq!(check("raid1 3 0 data_offset 32 2 - 8:0 - -"), Ok(()));
    assert_eq!(check("raid1 3 0 data_offset 0 2 - - - 8:0"), Ok(()));
    let journal = |mode| check(&format!("raid4 5 64 journal_dev 8:9 journal_mode {mode} 3 8:0 8:1 - - 8:2 8:3"));
    let degraded = "journal_mode must be writethrough if a device is missing or rebuilt";
    assert_eq!([journal("writeback"), journal("writethrough")], [Err(degraded.into()), Ok(())]);
}

#[test]
fn more_missing_devices_than_the_level_tolerates_are_refused() {
    let check = |start: &str, missing: usize, devices: usize| {
        let pairs = " - -".repeat(missing) + &" 8:0 8:16".repeat(devices);
        let table = Raid::parse_input(&format!("{start} {}{pairs}", missing + devices)).unwrap();
        Raid::check(&table, Sectors(12 << 10))
    };
    for (start, most, devices) in
        [("raid0 1 8", 0, 2), ("raid1 1 0", 3, 1), ("raid4 1 8", 1, 2), ("raid5_ls 1 8", 1, 3), ("raid6_zr 1 8", 2, 2)]
    {
        assert_eq!(check(start, most, devices), Ok(()), "{start}");
        let refusal = check(start, most + 1, devices - 1).unwrap_err();
        assert_eq!(refusal.field(), "data device", "{start}");
    }
}

#[test]
fn raid10_needs_one_of_all_devices_that_hold_the_same_data() {
    let check = |params: &str, devices: &str| {
        let pairs = devices.replace('A', " 8:0 8:16").replace('-', " - -");
        let table = Raid::parse_input(&format!("raid10 {params} {}{pairs}", devices.len())).unwrap();
        Raid::check(&table, Sectors(60 << 10)).map_err(|refusal| refusal.field())
    };
    let far = "3 8 raid10_format far";
    for (params, devices) in [
        ("1 8", "A--A"),
        ("3 8 raid10_format near", "-AA-"),
        ("1 8", "-A-AA"),
        ("3 8 raid10_copies 3", "--A-A-"),
        (far, "-A-A"),
        ("3 8 raid10_format offset", "A-A"),
    ] {
        assert_eq!(check(params, devices), Ok(()), "{params} {devices}");
    }
    for (params, devices) in [
        ("1 8", "AA--"),
        ("1 8", "-AAA-"),
        ("1 8", "A--AA"),
        ("3 8 raid10_copies 3", "---AAA"),
        (far, "A--A"),
        (far, "-AA-"),
    ] {
        assert_eq!(check(params, devices), Err("data device"), "{params} {devices}");
    }
}

#[test]
fn raid10_requires_metadata_devices() {
    for (start, refused) in [("raid10 1 8", true), ("raid1 1 0", false)] {
        let check = |metadata: &str| {
            let table = Raid::parse_input(&format!("{start} 2 {metadata} 8:0 {metadata} 8:16")).unwrap();
            Raid::check(&table, Sectors(1024))
        };
        assert_eq!(check("-").is_err_and(|refusal| refusal.field() == "metadata device"), refused, "{start}");
        assert_eq!(check("8:32"), Ok(()), "{start}");
    }
}

#[test]
fn stripe_caches_out_of_range_are_refused() {
    refused("raid5_ls 3 8 stripe_cache 16", 3, "stripe_cache must be from 17 to 32768");
    refused("raid5_ls 3 32 stripe_cache 16", 3, "stripe_cache must be from 17 to 32768");
    assert_eq!(check("raid5_ls 3 64 stripe_cache 16", 3), Ok(()), "the kernel raises it to 32");
    refused("raid5_ls 3 64 stripe_cache 32769", 3, "stripe_cache must be from 17 to 32768");
    refused("raid5_ls 1 131072", 3, "chunk_size must be from 8 to 65536");
    assert_eq!(check("raid0 1 131072", 2), Ok(()));
}
