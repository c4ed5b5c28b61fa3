use super::*;
use crate::Key;

fn table(text: &str) -> IntegrityTable {
    Integrity::parse_table(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(text: &str) -> Result<(), String> {
    Integrity::check(&table(text), Sectors(8)).map_err(|error| error.to_string())
}

#[test]
fn journal_sectors_keep_their_place() {
    for text in [
        "8:0 0 4 J 3 journal_sectors:8 interleave_sectors:32768 buffer_sectors:128",
        "8:0 0 4 J 3 interleave_sectors:32768 buffer_sectors:128 journal_sectors:8",
    ] {
        assert_eq!(table(text).options.journal_sectors, Some(8));
        assert_eq!(format!("{:#}", table(text)), text);
    }
}

#[test]
fn bad_words_are_refused() {
    let cases = [
        ("8:0 0 4 J", "integrity table: word 5, number of options, is missing"),
        ("8:0 0 0 J 0", "integrity table: word 3, tag size, must be from 1 to 255"),
        ("8:0 0 256 J 0", "integrity table: word 3, tag size, must be from 1 to 255"),
        ("8:0 0 4 J 1 block_size:1000", "integrity table: word 6, block_size, must be a power of two"),
        ("8:0 0 4 J 1 journal_watermark:101", "integrity table: word 6, journal_watermark, must be at most 100"),
        (
            "8:0 0 4 J 1 meta_device:7",
            "integrity table: word 6, meta_device, must be a device number such as 253:0, or a path",
        ),
        (
            "8:0 0 4 J 1 internal_hash:hmac(sha256):abc",
            "integrity table: word 6, internal_hash, must be an even number of hexadecimal digits",
        ),
        ("8:0 0 4 J 2 recalculate recalculate", "integrity table: word 7, recalculate, is given twice"),
    ];
    for (text, expected) in cases {
        assert_eq!(Integrity::parse_table(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn words_in_another_case_are_not_known() {
    let table = table("8:0 0 4 J 1 Recalculate");
    assert!(!table.options.recalculate);
    assert_eq!(table.options.other_options[0].reveal(), "Recalculate");
}

#[test]
fn keys_are_kept_as_given_and_not_shown() {
    let text =
        "8:0 0 32 J 3 internal_hash:hmac(sha256):C0ffee journal_mac:hmac(sha1):BadBad new_mac:x:Beef01 more:Beef01";
    let table = table(text);
    assert_eq!(format!("{table:#}"), text);
    assert!(table.to_string().contains("hmac(sha256):c0ffee"));
    assert_eq!(table.options.internal_hash.as_ref().and_then(KeyedAlgorithm::key).map(Key::size), Some(3));
    let debug = format!("{table:?}");
    assert!(["C0ffee", "BadBad", "Beef01"].iter().all(|key| !debug.contains(key)), "{debug}");
}

#[test]
fn options_that_need_an_internal_hash_are_refused_without_one() {
    for text in ["8:0 0 - J 0", "8:0 0 4 B 0", "8:0 0 4 I 0", "8:0 0 4 J 1 recalculate", "8:0 0 4 D 1 allow_discards"] {
        assert_eq!(check(text), Err("internal_hash is missing".to_owned()), "{text}");
    }
    assert_eq!(check("8:0 0 - B 1 internal_hash:crc32c"), Ok(()));
    let keyed = "8:0 0 - J 2 allow_discards_keyed internal_hash:crc32c";
    assert_eq!(check(keyed), Err("internal_hash must be keyed for allow_discards_keyed".to_owned()));
}

#[test]
fn inline_mode_has_neither_journal_nor_discards() {
    let refused = |option: &str| check(&format!("8:0 0 4 I 2 {option} internal_hash:crc32c"));
    assert_eq!(refused("recalculate"), Ok(()));
    assert_eq!(refused("meta_device:8:1"), Err("meta_device cannot be combined with mode I".to_owned()));
    assert_eq!(refused("journal_mac:sha256"), Err("journal_mac cannot be combined with mode I".to_owned()));
    assert_eq!(refused("allow_discards"), Err("allow_discards cannot be combined with mode I".to_owned()));
}

#[test]
fn early_statuses_are_shorter() {
    let status = |text| Integrity::parse_status(text).unwrap();
    assert_eq!(status("3").provided_sectors, None);
    assert_eq!(status("3 8").recalculation, None);
    assert_eq!(status("3 8 -").recalculation, Some(Recalculation::Off));
    assert_eq!(status("3 8 4").recalculation, Some(Recalculation::Reached(Sectors(4))));
}
