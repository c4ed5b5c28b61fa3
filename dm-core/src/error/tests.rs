//! The texts of errors, and the conditions of their predicates.

use super::*;
use crate::id::{DevIdBuf, DmNameBuf};

const ERRNOS: [NixErrno; 15] = [
    NixErrno::EPERM,
    NixErrno::EINTR,
    NixErrno::ENXIO,
    NixErrno::ENOMEM,
    NixErrno::EACCES,
    NixErrno::EBUSY,
    NixErrno::EEXIST,
    NixErrno::ENODEV,
    NixErrno::EINVAL,
    NixErrno::ENOTTY,
    NixErrno::ENOSPC,
    NixErrno::EROFS,
    NixErrno::ENODATA,
    NixErrno::EIO,
    NixErrno::EOPNOTSUPP,
];

fn refusal(command: Command, errno: NixErrno) -> Refusal {
    let device = DevIdBuf::Name(DmNameBuf::new("my disk").unwrap());
    Refusal::new(command, Some(device), Errno::from_nix(errno))
}

fn refused(command: Command, errno: NixErrno) -> Error {
    refusal(command, errno).into()
}

/// The errnos of a command for which a predicate holds.
fn errnos_of(command: Command, predicate: impl Fn(&Error) -> bool) -> Vec<NixErrno> {
    ERRNOS.into_iter().filter(|&errno| predicate(&refused(command, errno))).collect()
}

#[test]
fn a_refusal_names_command_device_and_errno() {
    assert_eq!(
        refusal(Command::DeviceRemove, NixErrno::EBUSY).to_string(),
        r"device_remove of device 'my\x20disk' failed: Device or resource busy (EBUSY)"
    );
    let no_device = Refusal::new(Command::ListDevices, None, Errno::from_nix(NixErrno::EINVAL));
    assert_eq!(no_device.to_string(), "list_devices failed: Invalid argument (EINVAL)");
}

#[test]
fn a_refusal_says_what_the_kernel_says_or_that_it_may_have_said_something() {
    let refusal = || Refusal::new(Command::TableLoad, None, Errno::from_nix(NixErrno::EINVAL));
    let line = "device-mapper: table: 253:0: zero: No arguments required (-EINVAL)";
    assert_eq!(
        refusal().with_kernel_log(KernelLog::Lines(vec![line.to_owned()])).to_string(),
        format!("table_load failed: Invalid argument (EINVAL); the kernel says: {line}")
    );
    let nothing = refusal().with_kernel_log(KernelLog::Lines(Vec::new()));
    assert_eq!(nothing.to_string(), "table_load failed: Invalid argument (EINVAL)");
    let two = KernelLog::Lines(["one reason", "another"].map(str::to_owned).to_vec());
    assert!(refusal().with_kernel_log(two).to_string().ends_with("; the kernel says: one reason; another"));
    let unread = refusal().with_kernel_log(KernelLog::Unread);
    assert!(unread.kernel_log_unread() && !refusal().kernel_log_unread());
    assert_eq!(
        unread.to_string(),
        "table_load failed: Invalid argument (EINVAL); the kernel's log (dmesg) may have the reason"
    );
}

#[test]
fn each_predicate_holds_for_its_errnos_and_no_other() {
    use NixErrno::{EACCES, EBUSY, EEXIST, EINTR, EINVAL, ENODATA, ENOMEM, ENOSPC, ENXIO, EPERM};
    for command in [Command::DeviceInfo, Command::DeviceRemove, Command::TableLoad, Command::TargetMsg] {
        assert_eq!(errnos_of(command, Error::is_not_found), [ENXIO], "{command}");
        assert_eq!(errnos_of(command, Error::is_busy), [EBUSY], "{command}");
        assert_eq!(errnos_of(command, Error::is_already_exists), [EEXIST], "{command}");
        assert_eq!(errnos_of(command, Error::is_permission_denied), [EPERM, EACCES], "{command}");
        assert_eq!(errnos_of(command, Error::is_invalid), [EINVAL], "{command}");
        assert_eq!(errnos_of(command, Error::is_interrupted), [EINTR], "{command}");
        assert_eq!(errnos_of(command, Error::is_no_data), [ENODATA], "{command}");
        assert_eq!(errnos_of(command, Error::is_no_space), [ENOSPC], "{command}");
        assert_eq!(errnos_of(command, Error::is_out_of_memory), [ENOMEM], "{command}");
        for never in [Error::is_no_device_mapper, Error::is_disk_unusable] {
            assert_eq!(errnos_of(command, never), [], "{command}");
        }
    }
}

#[test]
fn a_target_that_cannot_write_its_metadata_refuses_messages_as_read_only() {
    use NixErrno::{EOPNOTSUPP, EROFS};
    assert_eq!(errnos_of(Command::TargetMsg, Error::is_read_only), [EROFS, EOPNOTSUPP]);
    for command in [Command::DeviceInfo, Command::DeviceRemove, Command::TableLoad] {
        assert_eq!(errnos_of(command, Error::is_read_only), [EROFS], "{command}");
    }
}

#[test]
fn a_table_with_a_combination_that_its_target_lacks_is_unsupported() {
    assert_eq!(errnos_of(Command::TableLoad, Error::is_unsupported), [NixErrno::EOPNOTSUPP]);
    for command in [Command::DeviceInfo, Command::DeviceRemove, Command::TargetMsg] {
        assert_eq!(errnos_of(command, Error::is_unsupported), [], "{command}");
    }
    let of_a_disk = refusal(Command::TableLoad, NixErrno::EOPNOTSUPP).about_disk(true);
    assert!(!Error::from(of_a_disk).is_unsupported());
}

#[test]
fn a_taken_name_is_not_a_busy_device() {
    // Without a chosen minor number, the kernel returns ENXIO if it cannot make a device.
    assert_eq!(errnos_of(Command::DeviceCreate, Error::is_already_exists), [NixErrno::EBUSY]);
    let taken = refusal(Command::DeviceCreate, NixErrno::ENXIO).chose_number(true);
    assert!(Error::from(taken).is_already_exists());
    assert_eq!(errnos_of(Command::DeviceCreate, Error::is_busy), []);
    assert_eq!(errnos_of(Command::DeviceCreate, Error::is_not_found), []);
    assert_eq!(errnos_of(Command::DeviceRename, Error::is_already_exists), [NixErrno::EBUSY]);
    assert_eq!(errnos_of(Command::DeviceRename, Error::is_busy), []);
    assert_eq!(errnos_of(Command::DeviceRename, Error::is_not_found), [NixErrno::ENXIO]);
}

#[test]
fn a_disk_that_is_busy_or_missing_is_not_the_device() {
    for errno in [NixErrno::EBUSY, NixErrno::ENXIO, NixErrno::ENODEV] {
        let error = Error::from(refusal(Command::TableLoad, errno).about_disk(true));
        assert!(error.is_disk_unusable() && !error.is_busy() && !error.is_not_found(), "{errno}");
    }
}

#[test]
fn errors_that_are_not_the_kernels_have_no_errno_and_none_of_its_predicates() {
    let path = || "/dev/mapper/control".into();
    let unsupported =
        Error::Unsupported { command: Command::ArmPoll, needed_minor: 36, kernel: Version::new(4, 35, 0) };
    let permission = OpenError::Permission { path: path(), reason: PermissionReason::NotRoot };
    let none = Error::from(OpenError::NoDeviceMapper { path: path() });
    assert!(unsupported.is_unsupported() && !none.is_unsupported());
    assert!(none.is_no_device_mapper() && !unsupported.is_no_device_mapper());
    let elsewhere = Error::from(OpenError::NotLinux);
    assert!(elsewhere.is_no_device_mapper() && !elsewhere.is_permission_denied() && elsewhere.errno().is_none());
    assert!(Error::from(permission).is_permission_denied() && !none.is_permission_denied());
    let file = |kind| Error::from(OpenError::file("open", "/dev/mapper/control", std::io::Error::from(kind)));
    assert!(file(std::io::ErrorKind::PermissionDenied).is_permission_denied());
    assert!(!file(std::io::ErrorKind::NotFound).is_permission_denied());
    for error in [unsupported, none, Error::request(Command::TableLoad, RequestFault::NoLines)] {
        let kernels = [
            error.is_not_found(),
            error.is_already_exists(),
            error.is_busy(),
            error.is_invalid(),
            error.is_interrupted(),
            error.is_no_data(),
            error.is_read_only(),
            error.is_no_space(),
            error.is_permission_denied(),
        ];
        assert!(kernels.iter().all(|holds| !holds) && error.errno().is_none(), "{error}");
    }
}

#[test]
fn the_error_of_a_request_that_is_not_sent_says_why() {
    let says = |fault| Error::request(Command::TableLoad, fault).to_string();
    assert_eq!(
        says(RequestFault::TargetType { line: Some(3) }),
        "table_load cannot be sent: the target type of table line 3 must have 1 to 15 bytes, none of them NUL"
    );
    assert_eq!(
        says(RequestFault::Nul { line: None, at: 7 }),
        "table_load cannot be sent: the text has a NUL at byte 7"
    );
}

#[test]
fn an_unsupported_command_names_both_versions_and_what_to_do_without() {
    let text = |command, needed_minor| {
        Error::Unsupported { command, needed_minor, kernel: Version::new(4, 11, 0) }.to_string()
    };
    for (command, minor) in [(Command::ArmPoll, 36), (Command::TargetVersion, 41)] {
        let command_alone = format!("{command} needs device mapper interface 4.{minor}; this kernel has 4.11.0");
        assert_eq!(text(command, minor), command_alone);
    }
    assert_eq!(
        text(Command::DeviceRename, 19),
        "device_rename with a uuid needs device mapper interface 4.19; this kernel has 4.11.0"
    );
    assert_eq!(
        text(Command::TableLoad, 20),
        "table_load of secret text needs device mapper interface 4.20; this kernel has 4.11.0; set `if_possible` if the \
         kernel may keep copies of it"
    );
    assert_eq!(
        text(Command::DeviceSuspend, 12),
        "device_suspend with these options needs device mapper interface 4.12; this kernel has 4.11.0, so use a newer \
         kernel or leave the option out"
    );
}

#[test]
fn no_error_repeats_its_source() {
    use std::error::Error as _;
    let source = || std::io::Error::from_raw_os_error(NixErrno::EIO as i32);
    let errors = [
        OpenError::file("open", "/x", source()),
        OpenError::UnexpectedErrno { path: "/x".into(), source: source().into() },
    ];
    for error in errors {
        assert!(!error.to_string().contains(&error.source().unwrap().to_string()), "{error}");
        assert_eq!(error.errno(), Some(NixErrno::EIO as i32));
    }
}

#[test]
fn a_control_node_that_cannot_be_opened_has_the_errno_of_the_system_call() {
    let failed = std::io::Error::from_raw_os_error(nix::libc::EMFILE);
    let error = Error::from(OpenError::file("open", "/dev/mapper/control", failed));
    assert_eq!(error.errno(), Some(nix::libc::EMFILE));
    assert_eq!(Error::from(OpenError::NotLinux).errno(), None);
}
