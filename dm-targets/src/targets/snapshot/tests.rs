//! Tests of what the golden lines do not cover.

use super::*;

fn refusal(text: &str) -> String {
    Snapshot::parse_table(text).unwrap_err().to_string()
}

fn check(text: &str) -> Result<(), String> {
    let table = Snapshot::parse_table(text).unwrap();
    Snapshot::check(&table, Sectors(8)).map_err(|invalid| invalid.to_string())
}

#[test]
fn errors_name_the_word_that_the_constructor_refuses() {
    let same = "snapshot table: word 2, COW device, must not be the same as the origin device";
    assert_eq!(refusal("254:0 254:0 P 16"), same);
    assert_eq!(refusal("254:0 254:32 P 24"), "snapshot table: word 4, chunk size, must be a power of two");
    assert_eq!(refusal("254:0 254:32 P 8388608"), "snapshot table: word 4, chunk size, must be from 1 to 2097152");
    assert_eq!(
        refusal("254:0 254:32 P 16 1 discard_passdown_origin"),
        "snapshot table: word 6, discard_passdown_origin, must be given together with discard_zeroes_cow"
    );
    assert_eq!(
        refusal("254:0 254:32 P 16 2 discard_zeroes_cow discard_zeroes_cow"),
        "snapshot table: word 7, discard_zeroes_cow, is given twice"
    );
}

#[test]
fn a_chunk_size_of_0_needs_a_store_on_disk() {
    assert_eq!(check("254:0 254:32 P 0"), Ok(()));
    assert_eq!(check("254:0 254:32 N 0"), Err("chunk size must be from 1 to 2097152".into()));
}

#[test]
fn the_store_is_known_by_its_first_letters() {
    for store in ["p", "po", "Post", "n", "none"] {
        let text = format!("254:0 254:32 {store} 16");
        assert_eq!(check(&text), Ok(()));
        assert_eq!(Snapshot::parse_table(&text).unwrap().to_string(), text);
    }
    for store in ["persistent", "X"] {
        let text = format!("254:0 254:32 {store} 16");
        assert_eq!(check(&text), Err("exception store type must be P, PO or N".into()));
    }
}

#[test]
fn only_persistent_stores_can_be_merged() {
    let check = |text| SnapshotMerge::check(&SnapshotMerge::parse_table(text).unwrap(), Sectors(8));
    assert_eq!(check("254:0 254:32 PO 16"), Ok(()));
    assert_eq!(
        check("254:0 254:32 N 16").unwrap_err().to_string(),
        "exception store type must be P or PO: only a persistent store can be merged"
    );
    assert_eq!(
        check("254:0 254:32 none 16").unwrap_err().to_string(),
        "exception store type must be P or PO: only a persistent store can be merged"
    );
}

#[test]
fn words_after_the_features_are_printed_back() {
    for text in ["254:0 254:32 P 16 0", "254:0 254:32 P 16 0 more", "254:0 254:32 P 16 1 discard_zeroes_cow more"] {
        assert_eq!(format!("{:#}", Snapshot::parse_table(text).unwrap()), text);
    }
    assert_eq!(
        Snapshot::parse_table("254:0 254:32 P 16 more").unwrap_err().to_string(),
        "snapshot table: word 5, number of features, must be a decimal number"
    );
}

#[test]
fn special_statuses_stand_alone() {
    assert_eq!(Snapshot::parse_status("Merge failed"), Ok(SnapshotStatus::MergeFailed));
    for text in ["Merge", "Invalid 7", "failed", ""] {
        assert!(Snapshot::parse_status(text).is_err(), "{text}");
    }
}

#[test]
fn a_merge_is_complete_when_only_metadata_is_left() {
    assert!(SnapshotMerge::parse_status("32/1024 32").unwrap().is_merged());
    assert!(!SnapshotMerge::parse_status("48/1024 32").unwrap().is_merged());
    assert!(!SnapshotStatus::MergeFailed.is_merged());
}
