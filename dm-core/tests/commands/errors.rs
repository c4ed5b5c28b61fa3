//! The content of errors: the errno, the kernel's log, the interface version, and whether an error is about the mapped
//! device or about a disk that its table uses.

use dm_core::{Command, DevIdBuf, Dm, DmName, DmNameBuf, DmUuid, Error, Geometry, ListOptions};
use dm_units::Version;

use crate::load::line;
use crate::support::{Answer, EACCES, EBUSY, EINTR, EINVAL, EIO, ELOOP, ENODEV, ENOENT, ENOTDIR, ENXIO, Script, put};

/// A command that fails.
type Call = fn(&Dm) -> Error;

/// A call of every command, and both uses of `DeviceRename`.
const CALLS: [(Command, Call); 20] = [
    (Command::Version, |dm| dm.version().unwrap_err()),
    (Command::RemoveAll, |dm| dm.remove_all().unwrap_err()),
    (Command::ListDevices, |dm| dm.list_devices().unwrap_err()),
    (Command::DeviceCreate, |dm| dm.device_create("disk").unwrap_err()),
    (Command::DeviceRemove, |dm| dm.device_remove("disk").unwrap_err()),
    (Command::DeviceRename, |dm| dm.device_rename("disk", "new").unwrap_err()),
    (Command::DeviceRename, |dm| dm.device_set_uuid("disk", DmUuid::new("LVM-1").unwrap()).unwrap_err()),
    (Command::DeviceSuspend, |dm| dm.device_suspend("disk").unwrap_err()),
    (Command::DeviceResume, |dm| dm.device_resume("disk").unwrap_err()),
    (Command::DeviceInfo, |dm| dm.device_info("disk").unwrap_err()),
    (Command::DeviceWait, |dm| dm.device_wait("disk", 0).unwrap_err()),
    (Command::TableLoad, |dm| dm.table_load("disk", [line("zero", "")]).unwrap_err()),
    (Command::TableClear, |dm| dm.table_clear("disk").unwrap_err()),
    (Command::TableDeps, |dm| dm.table_deps("disk").unwrap_err()),
    (Command::TableStatus, |dm| dm.table_status("disk").unwrap_err()),
    (Command::ListVersions, |dm| dm.list_versions().unwrap_err()),
    (Command::TargetMsg, |dm| dm.target_msg("disk", "any").unwrap_err()),
    (Command::SetGeometry, |dm| dm.set_geometry("disk", Geometry::new(1, 1, 1)).unwrap_err()),
    (Command::ArmPoll, |dm| dm.arm_poll().unwrap_err()),
    (Command::TargetVersion, |dm| dm.target_version("zero").unwrap_err()),
];

/// The commands for whose refusals the kernel logs reasons.
const WITH_REASONS: [Command; 6] = [
    Command::TableLoad,
    Command::TargetMsg,
    Command::DeviceResume,
    Command::DeviceCreate,
    Command::DeviceRename,
    Command::SetGeometry,
];

#[test]
fn a_command_that_is_interrupted_by_a_signal_is_not_sent_again() {
    for (command, call) in CALLS {
        let (dm, script) = Script::new().refuse(command, EINTR).start();
        let error = call(&dm);
        assert!(error.is_interrupted(), "{error}");
        assert_eq!(error.errno(), Some(EINTR));
        let again = script.sent().iter().filter(|request| request.command == command).count();
        assert_eq!(again, 1, "{command}");
    }
}

#[test]
fn a_refusal_names_the_command_the_errno_and_the_device_of_the_caller() {
    use Command::{ArmPoll, ListDevices, ListVersions, RemoveAll, TargetVersion, Version};
    let by_name = DevIdBuf::Name(DmNameBuf::new("disk").unwrap());
    for (command, call) in CALLS {
        let refusal = call(&Script::new().refuse(command, EIO).dm()).refusal().cloned().unwrap();
        assert_eq!((refusal.command(), refusal.errno().number()), (command, EIO));
        let without_device = [ArmPoll, ListDevices, ListVersions, RemoveAll, TargetVersion, Version].contains(&command);
        let text = refusal.to_string();
        assert_eq!(refusal.device(), (!without_device).then_some(&by_name), "{command}");
        assert_eq!(text.contains("of device 'disk' failed"), !without_device, "{text}");
        assert!(text.contains("I/O error (EIO)"), "{text}");
    }
}

#[test]
fn a_prefix_or_a_target_type_is_not_taken_for_a_device() {
    let dm = Script::new().refuse(Command::ListDevices, EIO).refuse(Command::TargetVersion, EIO).dm();
    let prefix = ListOptions::new().name_prefix(DmName::new("vg-").unwrap());
    for error in [dm.list_devices_with(prefix).unwrap_err(), dm.target_version("zero").unwrap_err()] {
        assert_eq!(error.refusal().unwrap().device(), None, "{error}");
    }
}

#[test]
fn only_refusals_of_commands_with_reasons_contain_lines_of_the_log() {
    for (command, call) in CALLS {
        let (dm, script) = Script::new().log(&["device-mapper: a reason"]).refuse(command, EIO).start();
        let error = call(&dm);
        let refusal = error.refusal().unwrap();
        let has_reasons = WITH_REASONS.contains(&command);
        let expected: &[&str] = if has_reasons { &["device-mapper: a reason"] } else { &[] };
        assert_eq!(refusal.kernel_log(), expected, "{command}");
        assert!(!refusal.kernel_log_unread());
        assert_eq!(error.to_string().contains("; the kernel says: device-mapper: a reason"), has_reasons);
        assert_eq!(
            script.sent().len(),
            if has_reasons { 2 } else { 1 },
            "DeviceInfo is sent for the device number, by which the lines are filtered"
        );

        // Without a log, the error mentions that there may be a reason.
        let error = call(&Script::new().refuse(command, EIO).dm());
        assert_eq!(error.refusal().unwrap().kernel_log_unread(), has_reasons, "{command}");
        assert_eq!(error.to_string().contains("the kernel's log (dmesg) may have the reason"), has_reasons);
    }
}

#[test]
fn a_log_without_a_reason_is_not_reported_as_unread() {
    let dm = Script::new().log(&[]).refuse(Command::TableLoad, EINVAL).dm();
    let error = dm.table_load("disk", [line("zero", "")]).unwrap_err();
    let refusal = error.refusal().unwrap();
    assert!(refusal.kernel_log().is_empty() && !refusal.kernel_log_unread());
    assert_eq!(error.to_string(), "table_load of device 'disk' failed: Invalid argument (EINVAL)");
}

#[test]
fn an_error_of_a_load_distinguishes_a_disk_from_the_device() {
    let load = |script: Script| script.dm().table_load("disk", [line("linear", "7:0 0")]).unwrap_err();
    for errno in [EBUSY, ENODEV, ENXIO, EACCES] {
        // The device for which the table is loaded exists.
        let error = load(Script::new().refuse(Command::TableLoad, errno));
        assert!(error.is_disk_unusable(), "{error}");
        assert!(!error.is_busy() && !error.is_not_found() && !error.is_permission_denied(), "{error}");
    }
    for errno in [EINVAL, EIO, EINTR] {
        assert!(!load(Script::new().refuse(Command::TableLoad, errno)).is_disk_unusable());
    }
    let gone = || Script::new().refuse(Command::DeviceInfo, ENXIO);
    let error = load(gone().refuse(Command::TableLoad, ENXIO));
    assert!(error.is_not_found() && !error.is_disk_unusable(), "{error}");
    // For another command, the same errno is about the device.
    let error = Script::new().refuse(Command::DeviceResume, EBUSY).dm().device_resume("disk").unwrap_err();
    assert!(error.is_busy() && !error.is_disk_unusable(), "{error}");
}

/// The texts are those of every target on Linux 6.12 that returns the errno of `dm_get_device`, and those about
/// algorithms.
#[test]
fn a_missing_path_is_told_from_a_missing_algorithm() {
    let load = |script: Script| script.dm().table_load("disk", [line("linear", "/dev/x 0")]).unwrap_err();
    let with_log = |line: &str| {
        let log = format!("device-mapper: table: 253:7: {line} (-ENOENT)");
        let other = "device-mapper: ioctl: error adding target to table";
        load(Script::new().log(&[&log, other]).refuse(Command::TableLoad, ENOENT))
    };
    for missing in [
        "cache: Error opening metadata device",
        "cache: Error opening cache device",
        "clone: Error opening source device",
        "crypt: Device lookup failed",
        "integrity: Device lookup failed",
        "linear: Device lookup failed",
        "log-writes: Log device lookup failed",
        "mirror: Device lookup failure",
        "multipath: error getting device",
        "raid: RAID metadata device lookup failure",
        "raid: raid4/5/6 journal device lookup failure",
        "snapshot: Cannot get origin device",
        "snapshot-merge: Cannot get COW device",
        "snapshot-origin: Cannot get target device",
        "striped: Couldn't parse stripe destination",
        "thin: Error opening pool device",
        "thin-pool: Error opening metadata block device",
        "thin-pool: Error getting data device",
        "verity: Data device lookup failed",
        "verity: FEC device lookup failed",
        "verity: Hash device lookup failed",
        "writecache: Cache data device lookup failed",
        "zoned: Get target device failed",
    ] {
        let error = with_log(missing);
        assert!(error.is_disk_unusable(), "{error}");
    }
    for algorithm in [
        "crypt: Error allocating crypto tfm",
        "crypt: Error initializing LMK hash",
        "integrity: Invalid internal hash",
        "integrity: Invalid journal cipher",
        "verity: Cannot initialize hash function",
    ] {
        let error = with_log(algorithm);
        assert!(!error.is_disk_unusable(), "{error}");
    }
    for script in [Script::new(), Script::new().log(&[])] {
        assert!(load(script.refuse(Command::TableLoad, ENOENT)).is_disk_unusable());
    }
    for errno in [ENOTDIR, ELOOP] {
        assert!(load(Script::new().refuse(Command::TableLoad, errno)).is_disk_unusable());
    }
}

/// A kernel of this version that refuses every call of `command` with `EINVAL`.
fn kernel_that_refuses(command: Command, version: [u32; 3]) -> Dm {
    let refuse = move |request: &mut [u8]| {
        put(request, 0, &version);
        Err(std::io::Error::from_raw_os_error(EINVAL))
    };
    Script::new().act(command, refuse).dm()
}

#[test]
fn an_old_kernel_gives_an_error_with_both_versions() {
    let error = kernel_that_refuses(Command::ArmPoll, [4, 35, 0]).arm_poll().unwrap_err();
    assert!(error.is_unsupported() && !error.is_invalid(), "{error}");
    let Error::Unsupported { command: Command::ArmPoll, needed_minor: 36, kernel, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(kernel, Version::new(4, 35, 0));

    for version in [[4, 36, 0], [4, 48, 0], [5, 0, 0]] {
        let error = kernel_that_refuses(Command::ArmPoll, version).arm_poll().unwrap_err();
        assert!(error.is_invalid() && !error.is_unsupported(), "this kernel is new enough: {error}");
    }
    // Tables of `crypt` are sent as secure data, which requires interface 4.20.
    let load = kernel_that_refuses(Command::TableLoad, [4, 19, 0]).table_load("disk", [line("crypt", "")]).unwrap_err();
    assert!(load.is_unsupported(), "{load}");
    let load = kernel_that_refuses(Command::TableLoad, [4, 19, 0]).table_load("disk", [line("zero", "")]).unwrap_err();
    assert!(load.is_invalid(), "{load}");
}

#[test]
fn an_error_of_an_old_kernel_that_is_not_about_the_version_keeps_its_errno() {
    let refuse = |request: &mut [u8]| {
        put(request, 0, &[4, 10, 0]);
        Err(std::io::Error::from_raw_os_error(ENXIO))
    };
    let dm = Script::new().act(Command::DeviceResume, refuse).dm();
    assert!(dm.device_resume("disk").unwrap_err().is_not_found());
}

#[test]
fn a_cloned_error_has_the_same_text_and_a_malformed_reply_has_no_errno() {
    let error = Script::new().refuse(Command::DeviceRemove, EBUSY).dm().device_remove("disk").unwrap_err();
    assert_eq!(error.clone().to_string(), error.to_string());
    let malformed = Script::new().answer(Command::DeviceInfo, Answer::new().text(48, [b'x'; 128])).dm();
    let error = malformed.device_info("disk").unwrap_err();
    assert!(matches!(error.clone(), Error::Reply(_)) && error.errno().is_none() && error.refusal().is_none());
}
