//! Tests of what the golden lines do not cover.

use super::*;

#[test]
fn a_table_is_printed_as_it_was_given_until_it_is_changed() {
    let text = "1:0 1:1 1:2 0016 1 No_Hydration 4 hydration_threshold 007 hydration_threshold +9 and more";
    let mut table = CloneTarget::parse_table(text).unwrap();
    assert_eq!(format!("{table:#}"), text);
    assert_eq!(table.core.hydration_threshold, Some(9), "the last one counts");
    table.core.hydration_threshold = Some(8);
    assert_eq!(format!("{table:#}"), "1:0 1:1 1:2 16 1 no_hydration 2 hydration_threshold 8");
}

#[test]
fn groups_are_optional() {
    for text in ["1:0 1:1 1:2 8", "1:0 1:1 1:2 8 0", "1:0 1:1 1:2 8 0 0", "1:0 1:1 1:2 8 1 no_hydration"] {
        assert_eq!(format!("{:#}", CloneTarget::parse_table(text).unwrap()), text);
    }
}

#[test]
fn tables_are_checked() {
    let refusal = |text: &str| CloneTarget::parse_table(text).unwrap_err().to_string();
    assert_eq!(refusal("1:0 1:1 1:2 24"), "clone table: word 4, region size, must be a power of two");
    assert_eq!(
        refusal("1:0 1:1 1:2 8 0 1 hydration_threshold"),
        "clone table: word 7, hydration_threshold, must be followed by a value"
    );
    let check = |text, length| {
        CloneTarget::check(&CloneTarget::parse_table(text).unwrap(), Sectors(length)).map_err(|error| error.to_string())
    };
    assert_eq!(check("1:0 1:1 1:2 8", 8 << 31), Ok(()));
    let error = check("1:0 1:1 1:2 8", (8 << 31) + 1).unwrap_err();
    assert_eq!(error, "number of regions must be from 1 to 2147483648");
    let error = check("1:0 1:1 1:2 8 0 1 odd", 8).unwrap_err();
    assert_eq!(error, "number of core arguments must be a multiple of 2");
    let mut table =
        CloneTable::new(Device::new("a").unwrap(), Device::new("b").unwrap(), Device::new("c").unwrap(), Sectors(8));
    table.region_size = Sectors(0);
    assert_eq!(
        CloneTarget::check(&table, Sectors(8)).unwrap_err().to_string(),
        "region size must be from 8 to 2097152"
    );
}
