//! `target_msg` on a real kernel: the target that gets the message, and replies.

use dm_core::{Message, MessageOptions, TargetLine};
use dm_testing::{MappedDevice, Pattern, Scratch, require};
use dm_units::{Bytes, Sectors};

use crate::support::{LENGTH, recorded, zero};

/// Sends a message to the target of the first sector; returns the reply's text.
fn send(scratch: &Scratch, device: &MappedDevice, message: &str) -> dm_core::Result<Option<String>> {
    let answer = scratch.dm().target_msg(device, message)?;
    Ok(answer.text().map(|text| text.to_string()))
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_sector_chooses_the_target() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::target("switch")]) else { return };
    let [one, two] = ["one", "two"].map(|_| scratch.loop_device(Bytes(1 << 20)).unwrap());
    for (disk, seed) in [(&one, 1), (&two, 2)] {
        Pattern::new(seed).write(disk.path(), Sectors(0), LENGTH).unwrap();
    }
    // Two regions of eight sectors, which are on the disks in turn until a message changes that.
    let switch = format!("2 8 0 {} 0 {} 0", one.number(), two.number());
    let lines = [
        TargetLine::text(Sectors(0), Sectors(16), "zero", String::new()),
        TargetLine::text(Sectors(16), Sectors(16), "switch", switch),
    ];
    let device = scratch.map("device", lines).unwrap();
    let holds = |seed, start| {
        let there = Pattern::new(seed).moved(Sectors(0), Sectors(16));
        there.verify(&device.path(), Sectors(start), Sectors(8)).is_ok()
    };
    assert!(holds(1, 16) && holds(2, 24));
    let send = |sector| {
        let message = Message::new("set_region_mappings 1:0").sector(sector);
        let sent = scratch.dm().target_msg_with(&device, message, MessageOptions::new());
        sent.map(|answer| assert!(answer.text().is_none()))
    };
    assert!(send(Sectors(0)).unwrap_err().is_invalid(), "target zero takes no messages");
    assert!(send(Sectors(32)).unwrap_err().is_invalid(), "no target is after the end");
    send(Sectors(17)).unwrap();
    assert!(holds(1, 16) && holds(1, 24));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn messages_of_statistics_have_replies() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let text = |message: &str| send(&scratch, &device, message).unwrap();
    assert_eq!(text("@stats_list").as_deref(), Some(""));
    assert_eq!(text("@stats_create - /2 first").as_deref(), Some("0"));
    // A backslash quotes a space.
    assert_eq!(text(r"@stats_create 8+16 8 a\ b aux").as_deref(), Some("1"));
    assert_eq!(text("@stats_list").as_deref(), Some("0: 0+64 32 first -\n1: 8+16 8 a b aux\n"));
    assert_eq!(text(r"@stats_list a\ b").as_deref(), Some("1: 8+16 8 a b aux\n"));

    Pattern::zeros().verify(&device.path(), Sectors(32), Sectors(8)).unwrap();
    let areas = text("@stats_print 0").unwrap();
    let second: Vec<_> = areas.lines().nth(1).unwrap().split(' ').collect();
    assert_eq!(second[0], "32+32");
    // The number of reads and of sectors read; udev may have read as well.
    assert_ne!((second[1], second[3]), ("0", "0"), "{areas}");
    assert_eq!(areas.lines().count(), 2);

    assert_eq!(text("@stats_delete 1"), None);
    assert_eq!(text("@stats_list").as_deref(), Some("0: 0+64 32 first -\n"));
    let error = send(&scratch, &device, "@stats_delete 1").unwrap_err();
    assert_eq!(error.errno(), Some(nix::errno::Errno::ENOENT as i32), "{error}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn long_answers_come_whole() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let (dm, calls) = recorded();
    let device = scratch.map("device", [zero(Sectors(3000))]).unwrap();
    send(&scratch, &device, "@stats_create - 1").unwrap();
    // Before the second call, the handle knows the size; in the third one, the caller gives it.
    for (options, most) in
        [(MessageOptions::new(), 4), (MessageOptions::new(), 1), (MessageOptions::new().reply_size(256 * 1024), 1)]
    {
        calls.take();
        let print = "@stats_print 0";
        let answer = dm.target_msg_with(&device, Message::new(print), options).unwrap();
        let text = answer.text().unwrap().to_str().unwrap();
        assert!(text.lines().zip(0..).all(|(line, area)| line.starts_with(&format!("{area}+1 "))), "{text}");
        assert_eq!(text.lines().count(), 3000);
        let calls = calls.take();
        assert!(calls.len() <= most, "{calls:?}");
    }
}
