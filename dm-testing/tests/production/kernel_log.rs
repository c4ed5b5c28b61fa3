//! The reasons that the kernel logs when it refuses a command.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::thread;

use dm_core::{Dm, Error, Message, MessageOptions, OpenOptions, Payload, TargetLine};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, cover, linear, refusal, with_own_mounts, zero};

const LOG: &str = "/dev/kmsg";

/// The error for a refused table, and the kernel's reasons.
fn refused(device: &MappedDevice, target_type: &str, params: impl Payload) -> (Error, Vec<String>) {
    refused_by(&Dm::open().unwrap(), device, target_type, params)
}

fn refused_by(dm: &Dm, device: &MappedDevice, target_type: &str, params: impl Payload) -> (Error, Vec<String>) {
    let line = TargetLine::text(Sectors(0), LENGTH, target_type, params);
    let error = dm.table_load(device, [line]).unwrap_err();
    let lines = refusal(&error).kernel_log().to_vec();
    (error, lines)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_table_comes_with_the_kernels_reason() {
    let needs = ["linear", "zero", "striped", "delay"].map(require::target);
    let Some(scratch) = Scratch::new(&needs) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let device = scratch.create("device").unwrap();
    let faults = [
        ("linear", format!("{disk}"), "linear: Invalid argument count"),
        ("linear", format!("{disk} x"), "linear: Invalid device sector"),
        ("linear", "no-such-disk 0".to_owned(), "linear: Device lookup failed"),
        ("linear", format!("{disk} 1"), "too small for target"),
        ("zero", "x".to_owned(), "zero: No arguments required"),
        ("striped", "2".to_owned(), "striped: Not enough arguments"),
        ("striped", format!("0 8 {disk} 0"), "striped: Invalid stripe count"),
        ("delay", format!("{disk} 0 x"), "delay: Invalid delay"),
        ("no-such-target", String::new(), "no-such-target: unknown target type"),
    ];
    for (target_type, params, reason) in faults {
        let (error, lines) = refused(&device, target_type, &params);
        let said: Vec<_> = lines.iter().filter(|line| line.contains(reason)).collect();
        let [line] = said[..] else { unreachable!("{reason}: {lines:?}") };
        assert!(line.starts_with(&format!("device-mapper: table: {}: ", device.number())), "{line}");
        assert!(error.to_string().contains(line.as_str()), "{error}");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_line_of_a_table_has_its_reason() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    let gap = [(0, 8), (9, 8)].map(|(start, length)| TargetLine::text(Sectors(start), Sectors(length), "zero", ""));
    let loaded = scratch.dm().table_load(&device, gap);
    let error = loaded.unwrap_err().to_string();
    assert!(error.contains("zero: Gap in table"), "{error}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_message_comes_with_the_kernels_reason() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let faults = [
        (Sectors(0), "hello", "Target type does not support messages"),
        (Sectors(0), "", "Empty message received"),
        (LENGTH, "hello", "Target message sector outside device"),
        (Sectors(0), "@hello", "Unsupported message sent to DM core: @hello"),
    ];
    for (sector, message, reason) in faults {
        let options = MessageOptions::new();
        let error = scratch.dm().target_msg_with(&device, Message::new(message).sector(sector), options).unwrap_err();
        let [line] = refusal(&error).kernel_log() else { unreachable!("{error}") };
        assert!(line.starts_with("device-mapper: ") && line.contains(reason), "{line}");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_resume_comes_with_the_kernels_reason() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("device", [linear(disk.number())]).unwrap();
    let beyond = TargetLine::text(Sectors(0), LENGTH, "linear", format!("{} 8", disk.number()));
    scratch.dm().table_load(&device, [beyond]).unwrap();
    let error = scratch.dm().device_resume(device.name()).unwrap_err();
    let [line] = refusal(&error).kernel_log() else { unreachable!("{error}") };
    assert!(line.contains(&format!("table: {}: loop", device.number())) && line.contains("too small"), "{line}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn older_lines_are_no_reasons() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    let first = refused(&device, "zero", "x").1;
    // The same refusal again, after other calls that fail and succeed, and with an earlier line of the same device.
    refused(&device, "no-such-target", "");
    scratch.swap(&device, [zero()]).unwrap();
    let older = format!("<4>device-mapper: table: {}: an older line\n", device.number());
    File::options().write(true).open(LOG).unwrap().write_all(older.as_bytes()).unwrap();
    for _ in 0..20 {
        assert_eq!(refused(&device, "zero", "x").1, first);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn errors_without_a_fault_in_the_request_have_no_reasons() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let user = File::open(device.path()).unwrap();
    refused(&device, "zero", "x");
    let error = scratch.dm().device_remove(&device).unwrap_err();
    assert!(refusal(&error).kernel_log().is_empty(), "{error}");
    drop(user);
}

/// The number of times that two threads fail simultaneously.
const ROUNDS: usize = 100;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_of_two_devices_has_its_own_reasons() {
    let Some(scratch) = Scratch::new(&["zero", "linear"].map(require::target)) else { return };
    let faults = [("zero", "x", "zero: No arguments required"), ("linear", "x 0", "linear: Device lookup failed")];
    thread::scope(|scope| {
        for (target_type, params, reason) in faults {
            let device = scratch.create(target_type).unwrap();
            scope.spawn(move || {
                let ours = format!("device-mapper: table: {}: {reason}", device.number());
                for _ in 0..ROUNDS {
                    let lines = refused(&device, target_type, params).1;
                    assert_eq!(lines.iter().filter(|line| line.starts_with(&ours)).count(), 1, "{lines:?}");
                    let named = |line: &&String| line.starts_with("device-mapper: table: ");
                    assert_eq!(lines.iter().filter(named).count(), 1, "{lines:?}");
                }
            });
        }
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn threads_that_share_a_handle_keep_their_reasons_apart() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let [loaded, messaged] = ["loaded", "messaged"].map(|suffix| scratch.map(suffix, [zero()]).unwrap());
    thread::scope(|scope| {
        let loader = scope.spawn(|| {
            for _ in 0..ROUNDS {
                let lines = refused_by(scratch.dm(), &loaded, "zero", "x").1;
                assert!(lines.iter().any(|line| line.contains("No arguments required")), "{lines:?}");
                assert!(!lines.iter().any(|line| line.contains("messages")), "{lines:?}");
            }
        });
        while !loader.is_finished() {
            let sent = scratch.dm().target_msg(&messaged, "x");
            let error = sent.unwrap_err().to_string();
            // If the kernel does not log the process, giving no reason is right too.
            assert!(!error.contains("No arguments") && !error.contains("adding target"), "{error}");
        }
    });
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_a_log_the_error_says_where_the_reason_may_be() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let (error, lines) = with_own_mounts(|| {
        // The path is a socket, which cannot be opened.
        cover(LOG, &socket);
        assert!(fs::read(LOG).is_err());
        refused(&device, "zero", "x")
    });
    let is_alone = |(error, lines): (Error, Vec<String>)| {
        assert!(error.is_invalid() && lines.is_empty() && refusal(&error).kernel_log_unread(), "{error}");
        assert!(error.to_string().ends_with("; the kernel's log (dmesg) may have the reason"), "{error}");
    };
    is_alone((error, lines));
    let without = Dm::open_with(OpenOptions::new().kernel_log(false)).unwrap();
    is_alone(refused_by(&without, &device, "zero", "x"));
    assert!(!refused(&device, "zero", "x").1.is_empty());
}
