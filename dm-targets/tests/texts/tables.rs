//! Whole tables, their errors, and serde.

use dm_targets::{Any, Crypt, Flakey, Linear, Raid, Table, TableErrorKind, TableLine, Target, Verity};
use dm_units::{DeviceNumber, Sectors};

fn refusal(text: &str) -> String {
    text.parse::<Table>().unwrap_err().to_string()
}

#[test]
fn lines_must_be_contiguous() {
    let text = "0 8 linear 253:0 0\n8 16 zero \n24 1 error ";
    let table: Table = text.parse().unwrap();
    assert_eq!(table.length(), Sectors(25));
    assert_eq!(table.lines().len(), 3);
    assert_eq!(table.to_string(), text);

    assert_eq!(refusal("1 8 zero"), "line 1: must start at sector 0");
    assert_eq!(refusal("0 8 zero\n9 8 zero"), "line 2: must start at sector 8");
    assert_eq!(refusal("0 8 zero\n7 8 zero"), "line 2: must start at sector 8");
    assert_eq!(refusal("0 8 zero\n8 0 zero"), "line 2: length must not be 0");
    assert_eq!(refusal(""), "line 1: a table needs at least one line");
}

#[test]
fn a_device_has_less_than_2_to_the_54_sectors() {
    assert!("0 18014398509481983 zero".parse::<Table>().is_ok());
    assert_eq!(refusal("0 18014398509481984 zero"), "line 1: ends beyond the largest sector of a device");
    assert_eq!(refusal("0 8 zero\n8 18446744073709551615 zero"), "line 2: ends beyond the largest sector of a device");
}

/// Linux 6.1 prints such a table.
#[test]
fn verity_is_only_mixed_with_verity() {
    let line = |start: u32| format!("{start} 8 verity 1 7:0 7:1 4096 4096 1 1 sha256 {} -", "ab".repeat(32));
    let lines = format!("{}\n{}", line(0), line(8));
    assert_eq!(Table::<Any>::parse_printed(&lines).unwrap().lines().len(), 2);
    assert_eq!(Table::<Verity>::parse_printed_as(&lines).unwrap().lines().len(), 2);
    let refused = |number| format!("line {number}: this target must be the only one of its table");
    assert_eq!(refusal(&format!("{}\n8 8 zero", line(0))), refused(1));
    assert_eq!(refusal(&format!("0 8 zero\n{}", line(8))), refused(2));
}

#[test]
fn some_targets_must_be_alone() {
    let pool = "0 524288 thin-pool 254:32 254:48 128 0";
    assert!(pool.parse::<Table>().is_ok());
    assert_eq!(refusal(&format!("{pool}\n524288 8 zero")), "line 1: this target must be the only one of its table");
    assert_eq!(
        refusal("0 8 zero\n8 128 thin-pool 254:32 254:48 128 0"),
        "line 2: this target must be the only one of its table"
    );
}

#[test]
fn every_line_is_checked() {
    assert_eq!(refusal("0 8 zero\n8 63 striped 1 64 8:0 0"), "line 2: length of a stripe must be a multiple of 64");
}

#[test]
fn a_typed_table_accepts_one_target_type() {
    let table: Table<Linear> = "0 8 linear 253:0 0".parse().unwrap();
    assert_eq!(table.lines()[0].target_type(), "linear");
    let error = "0 8 linear 253:0 0\n8 8 zero".parse::<Table<Linear>>().unwrap_err();
    assert_eq!(error.to_string(), "line 2: line: word 3, target type, must be linear");
}

#[test]
fn an_error_in_a_line_points_into_the_line() {
    let line = "0 8 linear 253:0 x";
    let error = line.parse::<TableLine>().unwrap_err();
    assert_eq!(
        error.annotate(line).to_string(),
        "linear table: word 2, start, must be a decimal number\n  0 8 linear 253:0 x\n                   ^"
    );
    let line = "0 eight linear";
    let error = line.parse::<TableLine>().unwrap_err();
    assert_eq!(
        error.annotate(line).to_string(),
        "line: word 2, length, must be a decimal number\n  0 eight ******\n    ^^^^^"
    );
}

#[test]
fn a_missing_word_is_shown_at_the_end() {
    let text = "253:0";
    let error = Linear::parse_table(text).unwrap_err();
    assert_eq!(error.annotate(text).to_string(), "linear table: word 2, start, is missing\n  253:0\n       ^");
}

#[test]
fn only_the_part_around_the_error_is_shown_of_a_long_text() {
    for length in [65_535, 65_536, 1 << 20] {
        let text = format!("{} x", "9".repeat(length));
        let shown = |error: dm_targets::ParseError| error.annotate(&text).to_string();
        let [long, behind] = [Linear::parse_table(&text), Linear::parse_table(&format!("8:0{text}"))];
        assert!(shown(long.unwrap_err()).len() < 1000, "{length}");
        assert!(shown(behind.unwrap_err()).len() < 1000, "{length}");
    }
    // The text is truncated in the middle of a character.
    let text = format!("{}8:0 x", " é".repeat(300));
    let annotated = Linear::parse_table(&text).unwrap_err().annotate(&text).to_string();
    assert_eq!(annotated.lines().count(), 3);
}

#[test]
fn errors_in_several_lines_do_not_show_the_text() {
    let text = "0 8 linear 8:0 0\n8 8 linear 8:0 x";
    let TableErrorKind::Parse(error) = text.parse::<Table>().unwrap_err().kind() else { panic!() };
    let annotated = error.annotate(text).to_string();
    assert_eq!(annotated.lines().nth(1).unwrap().trim_matches([' ', '*']), "", "{annotated}");
    let line = text.lines().nth(1).unwrap();
    assert!(error.annotate(line).to_string().contains("8 8 linear 8:0 x"));
}

#[test]
fn long_target_types_and_possible_keys_are_refused() {
    let refusal = |line: &str| line.parse::<TableLine>().unwrap_err().to_string();
    assert!("0 8 fifteen-letters x".parse::<TableLine>().is_ok());
    assert_eq!(refusal("0 8 sixteen--letters x"), "line: word 3, target type, must be at most 15 bytes long");
    assert_eq!(refusal("0 8 c0ffee00 x"), "line: word 3, target type, looks like a key, which does not belong here");
}

#[test]
fn errors_are_small() {
    assert!(size_of::<dm_targets::ParseError>() <= 112);
    assert_eq!(size_of::<Option<dm_targets::ParseError>>(), size_of::<dm_targets::ParseError>());
}

#[test]
fn a_table_can_be_converted_back_into_its_lines() {
    let table: Table = "0 8 zero\n8 8 error".parse().unwrap();
    let lines = table.clone().into_lines();
    assert_eq!(lines[..], *table.lines());
    assert_eq!(Table::new(lines), Ok(table));
}

#[test]
fn an_error_target_can_take_the_properties_of_a_device() {
    let table = dm_targets::error::ErrorTable::new().like(DeviceNumber::new(8, 0), Sectors(7));
    assert_eq!(table.to_string(), "8:0 7");
    assert_eq!(dm_targets::ErrorTarget::parse_table("8:0 7"), Ok(table));
}

#[test]
fn a_table_of_any_target_is_small() {
    assert!(size_of::<dm_targets::AnyTable>() <= 112, "{}", size_of::<dm_targets::AnyTable>());
    assert!(size_of::<TableLine>() <= 128);
}

#[test]
fn table_errors_have_their_cause_as_source() {
    let error = "0 8 linear 253:0".parse::<Table>().unwrap_err();
    let TableErrorKind::Parse(cause) = error.kind() else { panic!("{error}") };
    assert_eq!((error.line(), cause.target(), cause.field()), (1, "linear", "start"));
}

#[cfg(feature = "serde")]
mod serde {
    use dm_targets::linear::LinearTable;
    use dm_targets::thin_pool::{PoolMode, ThinPoolStatus};
    use dm_targets::{Any, StatusLine};

    use super::*;

    fn round_trip<T>(value: &T) -> String
    where
        T: ::serde::Serialize + for<'de> ::serde::Deserialize<'de> + PartialEq + std::fmt::Debug,
    {
        let json = serde_json::to_string(value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value);
        json
    }

    #[test]
    fn tables_are_text() {
        let table: LinearTable = Linear::parse_input(r"/dev/a\ b 8").unwrap();
        assert_eq!(round_trip(&table), r#""/dev/a\\ b 8""#);
        let table: Table = "0 8 zero\n8 8 linear 8:0 0".parse().unwrap();
        assert_eq!(round_trip(&table), r#""0 8 zero \n8 8 linear 8:0 0""#);
        let error = serde_json::from_str::<TableLine<Any>>(r#""0 8 linear 8:0""#).unwrap_err().to_string();
        assert!(error.starts_with("linear table: word 2, start, is missing"), "{error}");
    }

    #[test]
    fn statuses_are_structures() {
        let line = "0 8 thin-pool 0 4109/65536 0/4096 - rw discard_passdown new_mode - 1024 ";
        let line: StatusLine = line.parse().unwrap();
        assert_eq!(
            round_trip(&line),
            concat!(
                r#"{"start":0,"length":8,"status":{"ThinPool":{"Working":{"transaction_id":0,"#,
                r#""metadata":{"used":4109,"total":65536},"data":{"used":0,"total":4096},"held_root":null,"#,
                r#""mode":"rw","discard":"discard_passdown","no_space":"new_mode","check":"-","#,
                r#""metadata_low_water":1024,"extra":[]}}}}"#
            )
        );
        assert_eq!(serde_json::to_string(&ThinPoolStatus::Fail).unwrap(), r#""Fail""#);
        assert_eq!(round_trip(&PoolMode::ReadOnly), r#""ro""#);
    }

    #[test]
    fn statuses_are_read_back_from_formats_without_names_of_fields() {
        let lines = [
            "0 8 thin-pool 0 4109/65536 0/4096 - rw discard_passdown queue_if_no_space - 1024 ",
            "0 8 thin 8 7",
            "0 8 thin 8 7 new",
            "0 8 linear ",
        ];
        let lines: Vec<StatusLine> = lines.iter().map(|line| line.parse().unwrap()).collect();
        let bytes = postcard::to_allocvec(&lines).unwrap();
        assert_eq!(postcard::from_bytes::<Vec<StatusLine>>(&bytes).as_ref(), Ok(&lines));
    }
}

/// The difference between a table as it was requested and one that the kernel prints.
fn difference<T: Target>(requested: &str, printed: &str) -> Option<&'static str> {
    let (requested, printed) = (T::parse_input(requested).unwrap(), T::parse_table(printed).unwrap());
    T::difference(&requested, &printed).map(|difference| difference.field)
}

#[test]
fn a_field_that_the_kernel_rewrites_is_not_a_difference() {
    let all_fail = "8:0 0 5 10 2 error_reads error_writes";
    assert_eq!(difference::<Flakey>("8:0 0 5 10", all_fail), None);
    assert_eq!(difference::<Flakey>("8:0 0 5 10", "8:0 0 5 10 0 "), None);
    assert_eq!(difference::<Flakey>("8:0 0 5 10 1 drop_writes", all_fail), Some("features"));

    let crypt = "aes-xts-plain64 :32:logon:home 0 8:0 0";
    assert_eq!(difference::<Crypt>(&format!("{crypt} 1 sector_size:512"), crypt), None);
    assert_eq!(difference::<Crypt>(&format!("{crypt} 1 sector_size:4096"), crypt), Some("sector_size"));

    let raid = |sectors| format!("raid1 5 0 max_write_behind {sectors} write_mostly 1 2 8:0 8:1 8:2 8:3");
    assert_eq!(difference::<Raid>(&raid(1001), &raid(500)), None);
    assert_eq!(difference::<Raid>(&raid(1001), &raid(1001)), None);
    assert_eq!(difference::<Raid>(&raid(1001), &raid(501)), None, "an existing bitmap keeps its number");

    let digest = "ab".repeat(32);
    let verity = |options| format!("1 8:0 8:1 4096 4096 256 1 sha256 {digest} - {options}");
    let with_fec = |start: &str| {
        verity(format!(
            "{} use_fec_from_device 8:2 fec_blocks 300{start} fec_roots 2",
            if start.is_empty() { 6 } else { 8 }
        ))
    };
    assert_eq!(difference::<Verity>(&with_fec(""), &with_fec(" fec_start 0")), None);
    assert_eq!(difference::<Verity>(&with_fec(""), &with_fec(" fec_start 8")), Some("options"));
}
