//! Statistics of the device mapper.

use dm_core::{Message, MessageOptions};
use dm_testing::MemoryKernel;
use dm_units::Sectors;

use crate::support::{EINVAL, Mapped};

const ENOENT: Option<i32> = Some(2);
const EOVERFLOW: Option<i32> = Some(75);

fn device() -> Mapped {
    Mapped::new(&MemoryKernel::new(), 100, "zero", "")
}

fn text(device: &Mapped, message: &str) -> String {
    device.message(message).unwrap().unwrap()
}

#[test]
fn regions_are_numbered_from_the_first_free_one_on_and_listed() {
    let device = device();
    assert_eq!(text(&device, "@stats_list"), "");
    assert_eq!(text(&device, "@stats_create - /3"), "0");
    assert_eq!(text(&device, "@stats_create 8+16 4 prog aux"), "1");
    assert_eq!(text(&device, "@STATS_CREATE 0+8 8 2 precise_timestamps histogram:1,20 other"), "2");
    device.send(&["@stats_delete 0", "@stats_set_aux 1 new"]);
    assert_eq!(text(&device, "@stats_create - 100 0 7 8"), "0");
    let [first, second, third] =
        ["0: 0+100 100 7 8\n", "1: 8+16 4 prog new\n", "2: 0+8 8 other - precise_timestamps histogram:1,20\n"];
    assert_eq!(text(&device, "@stats_list"), [first, second, third].concat());
    assert_eq!(text(&device, "@stats_list prog"), second);
    assert_eq!(text(&device, "@stats_list none"), "");
}

#[test]
fn ios_and_sectors_are_counted_by_area() {
    let device = device();
    device.send_for_text(&["@stats_create 8+20 8", "@stats_create - 50 1 histogram:5,10"]);
    device.write(0, 10, 1).unwrap();
    device.read(14, 20).unwrap();
    device.memory.discard(device.number, Sectors(24), Sectors(1)).unwrap();
    device.memory.flush(device.number).unwrap();
    let lines =
        ["8+8 1 0 2 0 1 0 2 0 0 0 0 0 0\n", "16+8 1 0 8 0 0 0 0 0 0 0 0 0 0\n", "24+8 1 0 4 0 1 0 1 0 0 0 0 0 0\n"];
    assert_eq!(text(&device, "@stats_print 0"), lines.concat());
    assert_eq!(text(&device, "@stats_print 0 1 1"), lines[1]);
    assert_eq!(text(&device, "@stats_print 0 1 -"), lines[1..].concat());
    assert_eq!(text(&device, "@stats_print 0 9 9"), "");
    assert_eq!(text(&device, "@stats_print 1 0 1"), "0+50 1 0 20 0 2 0 11 0 0 0 0 0 0 3:0:0\n");
}

#[test]
fn counts_are_cleared_after_they_were_printed_or_without_it() {
    let device = device();
    device.send_for_text(&["@stats_create - 50"]);
    device.write(0, 100, 1).unwrap();
    let [first, second, cleared] =
        ["0+50 0 0 0 0 1 0 50 0 0 0 0 0 0\n", "50+50 0 0 0 0 1 0 50 0 0 0 0 0 0\n", "0+50 0 0 0 0 0 0 0 0 0 0 0 0 0\n"];
    assert_eq!(text(&device, "@stats_print_clear 0 0 1"), first);
    assert_eq!(text(&device, "@stats_print 0"), [cleared, second].concat());
    device.send_for_text(&["@stats_clear 0"]);
    assert_eq!(text(&device, "@stats_print 0 0 1"), cleared);
}

#[test]
fn a_region_whose_number_does_not_fit_in_the_reply_is_not_created() {
    let device = device();
    let options = MessageOptions::new().reply_size(4);
    let created = device.dm.target_msg_with(device.number, Message::new("@stats_create - 50"), options).unwrap();
    assert_eq!(created.text().unwrap().as_bytes(), b"0");
    assert_eq!(text(&device, "@stats_list"), "0: 0+100 50 - -\n");
}

#[test]
fn numbers_are_read_as_sscanf_does() {
    let device = device();
    // What does not fit in 64 or 32 bits wraps, and quoted white space before a number is skipped.
    for message in [
        "@stats_create 18446744073709551624+8 18446744073709551618",
        "@stats_create 8+8 /4294967300",
        "@stats_create 8+\\ 8 \\ 2 4294967296",
    ] {
        device.send_for_text(&[message]);
    }
    assert_eq!(text(&device, "@stats_list"), "0: 8+8 2 - -\n1: 8+8 2 - -\n2: 8+8 2 - -\n");
    device.send(&["@stats_delete 4294967297", "@stats_delete -4294967294"]);
    assert_eq!(text(&device, "@stats_list"), "0: 8+8 2 - -\n");
    device.refuses(EINVAL, &["@stats_delete 2147483648", "@stats_delete -\\ 0", "@stats_create 8+8 +2"]);
}

#[test]
fn malformed_messages_are_refused() {
    let device = device();
    device.send_for_text(&["@stats_create - 50"]);
    for message in [
        "@stats_create",
        "@stats_create -",
        "@stats_create 5 5",
        "@stats_create 5+0 5",
        "@stats_create - 0",
        "@stats_create - /0",
        "@stats_create - x",
        "@stats_create - 5 1",
        "@stats_create - 5 1 unknown",
        "@stats_create - 5 1 histogram:0",
        "@stats_create - 5 1 histogram:2,2",
        "@stats_create - 5 1 histogram:",
        "@stats_create - 5 2 histogram:1 histogram:2",
        "@stats_create - 5 a b c",
        "@stats_create 18446744073709551615+2 5",
        "@stats_delete",
        "@stats_delete x",
        "@stats_delete -1",
        "@stats_delete 0 0",
        "@stats_clear",
        "@stats_list a b",
        "@stats_print",
        "@stats_print 0 1",
        "@stats_print 0 x 1",
        "@stats_set_aux 0",
        "@stats_set_aux 0 a b",
    ] {
        device.refuses(EINVAL, &[message]);
        assert!(device.last_line().contains(" stats: Invalid parameters for message "), "{message}");
    }
    for message in ["@stats_delete 1", "@stats_clear 1", "@stats_print 1", "@stats_print_clear 1", "@stats_set_aux 1 a"]
    {
        device.refuses(ENOENT, &[message]);
    }
    let boundaries: Vec<String> = (1..=135).map(|boundary: u32| boundary.to_string()).collect();
    let histograms = format!("@stats_create 0+100000000 100 1 histogram:{}", boundaries.join(","));
    device.refuses(EOVERFLOW, &["@stats_create 0+8388609 1", &histograms]);
    device.refuses(EINVAL, &["@stats_unknown"]);
    assert!(device.last_line().ends_with("Unsupported message sent to DM core: @stats_unknown"));
}
