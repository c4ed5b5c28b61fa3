//! The identification of devices by name, uuid or number; creation, removal and renaming.

use dm_core::{
    Command, CreateOptions, DevId, DevIdBuf, Dm, DmName, DmNameBuf, DmUuid, DmUuidBuf, Error, Flags, ListOptions,
    Removal, RemoveOptions, RequestFault,
};
use dm_units::DeviceNumber;

use crate::support::{Answer, Script};

#[test]
fn anything_that_names_a_device_is_an_id() {
    let name = DmName::new("disk").unwrap();
    let uuid = DmUuid::new("LVM-1").unwrap();
    let (name_buf, uuid_buf) = (name.to_owned(), uuid.to_owned());
    let id_buf: DevIdBuf = DevId::Name(name).to_owned();
    let by_name: [&dyn Fn(&Dm) -> bool; 8] = [
        &|dm| dm.device_info("disk").is_ok(),
        &|dm| dm.device_info(String::from("disk")).is_ok(),
        &|dm| dm.device_info(name).is_ok(),
        &|dm| dm.device_info(&name_buf).is_ok(),
        &|dm| dm.device_info(DmNameBuf::new("disk").unwrap()).is_ok(),
        &|dm| dm.device_info(DevId::from(name)).is_ok(),
        &|dm| dm.device_info(&id_buf).is_ok(),
        &|dm| dm.device_info(id_buf.clone()).is_ok(),
    ];
    for call in by_name {
        let request = Script::request_of(call);
        assert_eq!((request.name(), request.uuid(), request.number()), (&b"disk"[..], &b""[..], 0));
        assert_eq!(request.bytes.len(), 312, "a header and nothing else");
    }
    let by_uuid: [&dyn Fn(&Dm) -> bool; 3] =
        [&|dm| dm.device_info(uuid).is_ok(), &|dm| dm.device_info(&uuid_buf).is_ok(), &|dm| {
            dm.device_info(DmUuidBuf::new("LVM-1").unwrap()).is_ok()
        }];
    for call in by_uuid {
        let request = Script::request_of(call);
        assert_eq!((request.name(), request.uuid(), request.number()), (&b""[..], &b"LVM-1"[..], 0));
    }
    let request = Script::request_of(|dm| dm.table_clear(DeviceNumber::new(253, 0x12345)).is_ok());
    assert_eq!((request.name(), request.uuid()), (&b""[..], &b""[..]));
    assert_eq!(request.number(), 0x1230_fd45, "minor & 0xff | major << 8 | (minor & !0xff) << 12");
}

#[test]
fn a_number_that_no_device_can_have_is_not_taken_for_another() {
    let request = Script::request_of(|dm| dm.device_info(DeviceNumber::new(4096 + 253, 0)).is_ok());
    assert_eq!(request.number(), u64::MAX);
}

/// Calls each command that takes a name with `text`.
fn with_name(dm: &Dm, text: &str) -> Vec<Error> {
    let uuid = DmUuid::new("LVM-1").unwrap();
    vec![
        dm.device_create(text).unwrap_err(),
        dm.device_remove(text).unwrap_err(),
        dm.device_rename(text, "new").unwrap_err(),
        dm.device_rename("disk", text).unwrap_err(),
        dm.device_set_uuid(text, uuid).unwrap_err(),
        dm.device_suspend(text).unwrap_err(),
        dm.device_resume(text).unwrap_err(),
        dm.device_info(text).unwrap_err(),
        dm.device_wait(text, 0).unwrap_err(),
        dm.table_load(text, [crate::load::line("zero", "")]).unwrap_err(),
        dm.table_clear(text).unwrap_err(),
        dm.table_deps(text).unwrap_err(),
        dm.table_status(text).unwrap_err(),
        dm.target_msg(text, "any").unwrap_err(),
        dm.set_geometry(text, dm_core::Geometry::new(1, 1, 1)).unwrap_err(),
    ]
}

#[test]
fn text_that_cannot_be_a_name_is_not_sent() {
    let (dm, script) = Script::new().start();
    for text in ["", "a/b", "a\0b", &"n".repeat(128)] {
        for error in with_name(&dm, text) {
            assert!(matches!(error, Error::Request { fault: RequestFault::Name(_), .. }), "{error:?}");
        }
    }
    assert_eq!(script.sent(), []);
    let error = dm.device_create("a/b").unwrap_err().to_string();
    assert_eq!(error, "device_create cannot be sent: a name of a mapped device cannot contain a '/': byte 1");
}

#[test]
fn creation_sends_name_uuid_and_minor() {
    let uuid = DmUuid::new("LVM-1").unwrap();
    let request = Script::request_of(|dm| dm.device_create("disk").is_ok());
    assert_eq!((request.name(), request.uuid(), request.number()), (&b"disk"[..], &b""[..], 0));
    let options = CreateOptions::new().uuid(uuid).minor(0xf_ffff);
    let request = Script::request_of(|dm| dm.device_create_with("disk", options).is_ok());
    assert_eq!((request.name(), request.uuid(), request.number()), (&b"disk"[..], &b"LVM-1"[..], 0xfff0_00ff));

    let (dm, script) = Script::new().start();
    let error = dm.device_create_with("disk", CreateOptions::new().minor(0x10_0000)).unwrap_err();
    assert!(matches!(error, Error::Request { fault: RequestFault::Minor { minor: 0x10_0000, .. }, .. }), "{error:?}");
    assert_eq!(script.sent(), []);
}

#[test]
fn a_removal_says_what_became_of_it() {
    let removal = |flags: Flags| {
        let script = Script::new().answer(Command::DeviceRemove, Answer::new().flags(flags));
        script.dm().device_remove("disk").unwrap()
    };
    assert!(matches!(removal(Flags::DEFERRED_REMOVE), Removal::Deferred));
    assert!(matches!(removal(Flags::UEVENT_GENERATED), Removal::Done { uevent_generated: true, .. }));
    assert!(matches!(removal(Flags::empty()), Removal::Done { uevent_generated: false, .. }));
    // A kernel that cannot defer returns the flag of the request, which `Answer` keeps.
    let old = Script::new().interface([4, 26, 0]).answer(Command::DeviceRemove, Answer::new());
    let deferred = RemoveOptions::new().deferred(true).if_possible(true);
    let removal = old.dm().device_remove_with("disk", deferred).unwrap();
    assert!(matches!(removal, Removal::Done { uevent_generated: false, .. }), "{removal:?}");
}

#[test]
fn renaming_sends_the_new_text_behind_the_header() {
    let new = "n".repeat(127);
    let request = Script::request_of(|dm| dm.device_rename("disk", new.as_str()).is_ok());
    assert_eq!((request.name(), request.text(312)), (&b"disk"[..], new.as_bytes()));

    let long = "u".repeat(128);
    let request = Script::request_of(|dm| dm.device_set_uuid("disk", DmUuid::new(&long).unwrap()).is_ok());
    assert_eq!((request.name(), request.text(312)), (&b"disk"[..], long.as_bytes()));
    assert_eq!(request.payload().last(), Some(&0), "the kernel requires a NUL");
}

#[test]
fn prefixes_of_lists_are_sent_as_name_and_uuid() {
    let prefixes = ListOptions::new().name_prefix(DmName::new("vg-").unwrap());
    let request = Script::request_of(|dm| drop(dm.list_devices_with(prefixes)));
    assert_eq!((request.name(), request.uuid()), (&b"vg-"[..], &b""[..]));
    let both = prefixes.uuid_prefix(DmUuid::new("LVM-").unwrap());
    let request = Script::request_of(|dm| drop(dm.list_devices_with(both)));
    assert_eq!((request.name(), request.uuid()), (&b"vg-"[..], &b"LVM-"[..]));
}

#[test]
fn a_target_type_is_sent_as_a_name_and_checked() {
    let request = Script::request_of(|dm| dm.target_version("thin-pool").is_err());
    assert_eq!(request.name(), b"thin-pool");
    let (dm, script) = Script::new().start();
    for wrong in ["", "a234567890123456", "li\0ear"] {
        assert_eq!(
            dm.target_version(wrong).unwrap_err().to_string(),
            "target_version cannot be sent: the target type must have 1 to 15 bytes, none of them NUL"
        );
    }
    assert_eq!(script.sent(), []);
}
