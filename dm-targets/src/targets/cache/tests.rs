use dm_units::Version;

use super::*;
use crate::Params;

fn refusal<P: Params>(parsed: Result<P, crate::ParseError>) -> String {
    parsed.unwrap_err().to_string()
}

#[test]
fn a_table_is_printed_as_it_was_given_until_it_is_changed() {
    let text = "254:32 254:48 254:0 064 2 METADATA2 metadata2 default 2 Migration_Threshold +0100 and trailing junk";
    let mut table = Cache::parse_table(text).unwrap();
    assert_eq!(format!("{table:#}"), text);
    assert_eq!(table.to_string(), "254:32 254:48 254:0 64 1 metadata2 default 2 migration_threshold 100");
    assert!(table.features.metadata2);
    assert_eq!(table.policy_args, [CacheSetting::new(CacheKey::MigrationThreshold, 100)]);

    table.block_size = Sectors(128);
    assert_eq!(format!("{table:#}"), "254:32 254:48 254:0 128 1 metadata2 default 2 migration_threshold 100");
}

#[test]
fn two_io_modes_are_refused() {
    let table = |features| Cache::parse_table(&format!("1:0 1:1 1:2 64 {features} smq 0"));
    assert_eq!(
        refusal(table("2 writeback passthrough")),
        "cache table: word 7, passthrough, cannot be combined with writeback"
    );
    let table = table("1 WriteThrough").unwrap();
    assert_eq!(table.features.io_mode, Some(CacheIoMode::Writethrough));
}

#[test]
fn tables_are_checked() {
    let parse = |args| Cache::parse_table(&format!("1:0 1:1 1:2 {args}"));
    assert_eq!(refusal(parse("65 0 smq 0")), "cache table: word 4, data block size, must be a multiple of 64");
    assert_eq!(
        refusal(parse("64 0 smq 1 migration_threshold")),
        "cache table: word 8, policy argument, must be followed by a value"
    );
    assert_eq!(
        refusal(parse("64 0 smq 2 migration_threshold x")),
        "cache table: word 9, policy argument, must be a decimal number"
    );
    assert_eq!(refusal(parse("64 +0 smq 0")), "cache table: word 5, number of features, must be a decimal number");
    assert_eq!(refusal(parse("64 0 smq")), "cache table: word 7, number of policy arguments, is missing");

    let check = |args| Cache::check(&parse(args).unwrap(), Sectors(64)).map_err(|error| error.to_string());
    assert_eq!(check("64 0 mq 2 random_threshold 1"), Ok(()));
    assert_eq!(check("64 0 its_own 2 any thing"), Ok(()));
    for args in ["64 0 smq 2 random_threshold 1", "64 0 mq 2 any thing", "64 0 cleaner 2 any thing"] {
        assert_eq!(check(args), Err("policy argument cannot be combined with this policy".to_owned()));
    }
    let args = "64 4 metadata2 no_discard_passdown writeback new smq 0";
    assert_eq!(check(args), Err("number of features must be at most 3".to_owned()));
}

#[test]
fn statuses_of_early_kernels_have_no_metadata_mode() {
    let text = "8 27/65536 64 0/8192 0 0 0 0 0 0 0 1 writeback 2 migration_threshold 2048 mq 0 ";
    let Ok(CacheStatus::Working(cache)) = Cache::parse_status(text) else { panic!() };
    assert_eq!(cache.mode, None);
    assert_eq!(CacheStatus::Working(cache).to_string(), text);
}

#[test]
fn ranges_are_not_empty() {
    assert_eq!(
        refusal(Cache::parse_message("invalidate_cblocks 1 5-5")),
        "cache message: word 3, cblock, must be a non-empty range"
    );
    assert_eq!(
        refusal(Cache::parse_message("invalidate_cblocks 4294967296")),
        "cache message: word 2, cblock, must be at most 4294967295"
    );
    assert_eq!(
        refusal(Cache::parse_message("migration_threshold")),
        "cache message: word 1, key, must be followed by a value"
    );
}

#[test]
fn options_exist_since_the_version_that_introduced_them() {
    assert_eq!(Cache::has_feature("metadata2", Version::new(1, 9, 0)), Some(false));
    assert_eq!(Cache::has_feature("metadata2", Version::new(2, 0, 0)), Some(true));
}
