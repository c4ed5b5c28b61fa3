//! Tests of what the golden lines do not cover.

use super::*;

const DEVICES: &str = "2 - 8:0 - 8:16";

fn refusal(text: &str) -> String {
    Raid::parse_table(text).unwrap_err().to_string()
}

#[test]
fn near_sets_are_recovered_from_the_count() {
    let printed = "raid10 5 128 nosync raid10_format far 4 8:0 8:1 8:2 8:3 8:4 8:5 8:6 8:7";
    let table = Raid::parse_table(printed).unwrap();
    assert!(table.params.raid10_use_near_sets);
    assert_eq!(format!("{table:#}"), printed);
    let loadable = table.to_string();
    assert!(loadable.starts_with("raid10 5 128 nosync raid10_format far raid10_use_near_sets 4 "), "{loadable}");
    assert_eq!(Raid::parse_input(&loadable), Ok(table));
}

#[test]
fn near_sets_are_not_found_where_they_cannot_be() {
    let devices = "4 8:0 8:1 8:2 8:3 8:4 8:5 8:6 8:7";
    let has_near_sets = |table: RaidTable| table.params.raid10_use_near_sets;
    for text in [
        format!("raid10 3 128 raid10_format far {devices}"),
        format!("raid10 5 128 raid10_format far {devices}"),
        format!("raid5_ls 3 128 nosync {devices}"),
    ] {
        let table = Raid::parse_table(&text).unwrap();
        assert_eq!(format!("{table:#}"), text);
        assert!(!has_near_sets(table), "{text}");
    }
    let given = format!("raid10 4 128 raid10_format far raid10_use_near_sets {devices}");
    let (printed, input) = (Raid::parse_table(&given).unwrap(), Raid::parse_input(&given).unwrap());
    assert_eq!((format!("{printed:#}"), input.to_string()), (given.clone(), given.clone()));
    // The kernel would count the word and not print it.
    assert_eq!(format!("{input:#}"), given.replace("raid10_use_near_sets ", ""));
    assert!(has_near_sets(printed) && has_near_sets(input));
}

#[test]
fn the_data_of_all_copies_is_distributed_equally() {
    let table = Raid::parse_input("raid10 1 64 4 8:0 8:1 8:2 8:3 8:4 8:5 8:6 8:7").unwrap();
    // Two copies of 131074 sectors on four devices.
    assert_eq!(Raid::check(&table, Sectors(131_074)), Ok(()));
    assert!(Raid::check(&table, Sectors(131_073)).is_err_and(|refusal| refusal.field() == "length"));
}

#[test]
fn early_kernels_count_too_many_words() {
    let text = format!("raid1 5 0 rebuild 0 {DEVICES}");
    let table = Raid::parse_table(&text).unwrap();
    assert_eq!(format!("{table:#}"), text);
    assert_eq!(table.to_string(), format!("raid1 3 0 rebuild 0 {DEVICES}"));
    assert_eq!(Raid::check(&table, Sectors(65536)), Ok(()));
    assert_eq!(Raid::parse_table(&table.to_string()), Ok(table));
}

#[test]
fn parameters_are_read_in_any_order_but_only_once() {
    let table =
        Raid::parse_table(&format!("RAID1 8 0 region_size 1024 write_mostly 1 NOSYNC daemon_sleep 5 {DEVICES}"));
    let printed = format!("raid1 8 0 nosync daemon_sleep 5 write_mostly 1 region_size 1024 {DEVICES}");
    assert_eq!(table.unwrap().to_string(), printed);
    let word = "raid table: word";
    assert_eq!(refusal("raid1 5 0 rebuild 1 rebuild 1"), format!("{word} 7, rebuild, is given twice"));
    assert_eq!(refusal("raid1 3 0 sync sync"), format!("{word} 5, sync, is given twice"));
    assert_eq!(refusal("raid1 3 0 sync nosync"), format!("{word} 5, nosync, cannot be combined with sync"));
}

#[test]
fn a_count_that_cuts_a_parameter_is_refused() {
    let word = "raid table: word";
    assert_eq!(
        refusal(&format!("raid1 2 0 daemon_sleep 5 {DEVICES}")),
        format!("{word} 4, raid parameter, must be counted together with its value")
    );
    assert_eq!(refusal("raid1 3 0 daemon_sleep"), format!("{word} 4, daemon_sleep, must be followed by a value"));
    assert_eq!(
        refusal(&format!("raid1 1 0 nosync {DEVICES}")),
        format!("{word} 4, number of raid devices, must be a decimal number")
    );
}

#[test]
fn unknown_parameters_are_kept() {
    let text = format!("raid1 5 0 nosync newest 7 flag {DEVICES}");
    let table = Raid::parse_table(&text).unwrap();
    assert_eq!(table.params.other_params.len(), 3);
    assert_eq!(table.to_string(), text);
}

#[test]
fn words_after_the_devices_are_kept() {
    let text = format!("raid1 1 0 {DEVICES} more words");
    assert_eq!(format!("{:#}", Raid::parse_table(&text).unwrap()), text);
}

#[test]
fn messages_are_one_known_word() {
    assert_eq!(Raid::parse_message("CHECK"), Ok(RaidMessage::Check));
    assert_eq!(Raid::parse_message("reshape").unwrap_err().to_string(), "raid message: word 1, message, is not known");
    assert_eq!(Raid::parse_message("check 1").unwrap_err().to_string(), "raid message: word 2 is one word too many");
}

#[test]
fn requests_that_the_kernel_has_carried_out_are_removed() {
    let rest = |text: &str| {
        let mut table = Raid::parse_table(text).unwrap();
        Raid::remove_requests(&mut table);
        table.to_string()
    };
    let [recorded, missing, bare] = ["2 8:0 8:1 8:2 8:3", "2 8:0 8:1 - -", "2 - 8:1 - 8:3"];
    for devices in [recorded, missing] {
        assert_eq!(
            rest(&format!("raid1 6 0 nosync delta_disks -1 rebuild 0 {devices}")),
            format!("raid1 1 0 {devices}")
        );
        assert_eq!(rest(&format!("raid1 2 0 sync {devices}")), format!("raid1 2 0 sync {devices}"));
    }
    let kept = format!("raid1 4 0 nosync rebuild 0 {bare}");
    assert_eq!(rest(&format!("raid1 6 0 nosync rebuild 0 delta_disks 0 {bare}")), kept);
}

#[test]
fn requests_that_are_only_printed_are_not_compared() {
    let differs = |wanted: &str, printed: &str| {
        let [wanted, printed] =
            [wanted, printed].map(|words| Raid::parse_table(&format!("raid5_ls {words} {DEVICES}")).unwrap());
        Raid::difference(&wanted, &printed).is_some()
    };
    assert!(!differs("1 64", "3 64 delta_disks 1") && !differs("1 64", "3 64 delta_disks 0"));
    assert!(!differs("1 64", "2 64 nosync") && !differs("2 64 nosync", "1 64"));
    assert!(differs("3 64 delta_disks 1", "1 64") && differs("2 64 sync", "1 64") && differs("1 64", "2 64 sync"));
}
