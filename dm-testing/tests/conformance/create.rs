//! `device_create`: a new device, its name, uuid and minor number, and the ones that are refused.

use dm_core::{CreateOptions, DmName, DmNameBuf, DmUuid, DmUuidBuf};
use dm_testing::TestKernel;

use crate::support::{Devices, LENGTH, RESERVED, exists, far_minor, info, refuses_reserved_names, zero};

on_both_kernels! { ["zero"];
    a_new_device_has_neither_uuid_nor_table,
    a_uuid_of_the_maximum_length_is_kept,
    the_minor_number_can_be_chosen,
    a_minor_number_that_is_taken_is_refused,
    a_minor_number_out_of_range_is_refused,
    a_name_that_is_taken_is_refused,
    a_uuid_that_is_taken_is_refused,
    a_name_can_contain_any_byte_except_nul_and_slash,
    a_uuid_can_contain_any_byte_except_nul,
    reserved_names_are_refused_since_4_48,
}

fn a_new_device_has_neither_uuid_nor_table(kernel: &dyn TestKernel) {
    let (dm, name) = (kernel.dm(), kernel.name("new"));
    let created = dm.device_create(&name).unwrap();
    for state in [&created, &info(kernel, &name)] {
        assert_eq!(state.name(), Some(&*name));
        assert_eq!(state.uuid(), None);
        assert_eq!(state.number(), created.number());
        assert_eq!((state.open_count(), state.event_nr(), state.target_count()), (0, 0, 0));
        assert!(!state.has_active_table() && !state.has_inactive_table());
        assert!(!state.is_suspended() && !state.is_read_only() && !state.is_deferred_remove());
        assert!(!state.uevent_generated());
    }
}

fn a_uuid_of_the_maximum_length_is_kept(kernel: &dyn TestKernel) {
    let (dm, name) = (kernel.dm(), kernel.name("device"));
    let longest = format!("{:x<width$}", kernel.prefix(), width = DmUuid::MAX_LEN);
    let uuid = DmUuid::new(&longest).unwrap();
    let created = dm.device_create_with(&name, CreateOptions::new().uuid(uuid)).unwrap();
    assert_eq!(created.uuid(), Some(uuid));
    assert_eq!(info(kernel, uuid).name(), Some(&*name));
}

fn the_minor_number_can_be_chosen(kernel: &dyn TestKernel) {
    let (dm, name, minor) = (kernel.dm(), kernel.name("chosen"), far_minor(0));
    let created = dm.device_create_with(&name, CreateOptions::new().minor(minor)).unwrap();
    assert_eq!(created.number().minor, minor);
    let other = dm.device_create(kernel.name("other")).unwrap();
    assert_eq!(created.number().major, other.number().major);
    assert_eq!(info(kernel, created.number()).name(), Some(&*name));
}

fn a_minor_number_that_is_taken_is_refused(kernel: &dyn TestKernel) {
    let (dm, second) = (kernel.dm(), kernel.name("second"));
    let options = CreateOptions::new().minor(far_minor(1));
    dm.device_create_with(kernel.name("first"), options).unwrap();
    let error = dm.device_create_with(&second, options).unwrap_err();
    assert!(error.is_already_exists() && error.errno() == Some(ENXIO), "{error}");
    assert!(!exists(kernel, &second));
}

/// The kernel's error for a minor number that is taken or out of range (`dm_create`).
const ENXIO: i32 = 6;

fn a_minor_number_out_of_range_is_refused(kernel: &dyn TestKernel) {
    let (dm, name) = (kernel.dm(), kernel.name("refused"));
    for minor in [1 << 20, u32::MAX] {
        let created = dm.device_create_with(&name, CreateOptions::new().minor(minor));
        assert!(created.is_err(), "minor {minor}: {created:?}");
        assert!(!exists(kernel, &name));
    }
}

fn a_name_that_is_taken_is_refused(kernel: &dyn TestKernel) {
    let (dm, name) = (kernel.dm(), kernel.name("one"));
    let number = dm.device_create(&name).unwrap().number();
    let error = dm.device_create(&name).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(info(kernel, &name).number(), number);
}

fn a_uuid_that_is_taken_is_refused(kernel: &dyn TestKernel) {
    let dm = kernel.dm();
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    let options = CreateOptions::new().uuid(&uuid);
    let [first, second] = ["first", "second"].map(|suffix| kernel.name(suffix));
    dm.device_create_with(&first, options).unwrap();
    let error = dm.device_create_with(&second, options).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(!exists(kernel, &second));
    assert_eq!(info(kernel, &uuid).name(), Some(&*first));
}

fn a_name_can_contain_any_byte_except_nul_and_slash(kernel: &dyn TestKernel) {
    let dm = kernel.dm();
    let longest = vec![b'n'; DmName::MAX_LEN.saturating_sub(kernel.prefix().len())];
    let suffixes: [&[u8]; 7] = [
        b" with  spaces ",
        "gr\u{fc}n\u{20ac}\u{1f980}".as_bytes(),
        b"\xff\xfe not utf-8 \xc3",
        b"\"quotes\" 'and' $(more) `of` \\x20 *",
        b"a\nnew\tline",
        b".",
        &longest,
    ];
    let names = suffixes.map(|suffix| DmNameBuf::new(&[kernel.prefix().as_bytes(), suffix].concat()).unwrap());
    for name in &names {
        let number = dm.device_create(name).unwrap().number();
        dm.table_load(name, [zero(LENGTH)]).unwrap();
        dm.device_resume(name).unwrap();
        assert_eq!(info(kernel, name).number(), number);
        assert_eq!(info(kernel, number).name(), Some(&**name));
    }
    let list = dm.list_devices().unwrap();
    let listed: Vec<DmNameBuf> = list.iter().map(|device| device.unwrap().name.to_owned()).collect();
    assert!(names.iter().all(|name| listed.contains(name)), "{listed:?}");
}

fn a_uuid_can_contain_any_byte_except_nul(kernel: &dyn TestKernel) {
    let dm = kernel.dm();
    let suffixes = [b" with spaces ".as_slice(), b"\xff\xfe", b"LVM-\n", b"a/b", b"\"\\x20' *"];
    for (index, suffix) in suffixes.into_iter().enumerate() {
        let uuid = DmUuidBuf::new(&[kernel.prefix().as_bytes(), suffix].concat()).unwrap();
        let name = kernel.name(&index.to_string());
        dm.device_create_with(&name, CreateOptions::new().uuid(&uuid)).unwrap();
        assert_eq!(info(kernel, &uuid).uuid(), Some(&*uuid));
    }
}

fn reserved_names_are_refused_since_4_48(kernel: &dyn TestKernel) {
    let dm = kernel.dm();
    for name in RESERVED.map(|name| DmName::new(name).unwrap()) {
        match dm.device_create(name) {
            Ok(_) => {
                dm.device_remove(name).unwrap();
                assert!(!refuses_reserved_names(&dm), "{name}");
            }
            Err(error) => assert!(refuses_reserved_names(&dm) && error.is_invalid(), "{name}: {error}"),
        }
    }
}
