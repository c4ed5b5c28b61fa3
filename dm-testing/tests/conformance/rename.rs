//! `device_rename` and `device_set_uuid`.

use dm_core::{DmName, DmUuidBuf};
use dm_testing::TestKernel;

use crate::support::{Devices, LENGTH, RESERVED, exists, info, name_of_bytes, refuses_reserved_names, zero};

on_both_kernels! { ["zero"];
    the_device_answers_to_its_new_name_only,
    a_device_in_use_can_be_renamed,
    a_name_that_is_taken_is_refused,
    a_missing_device_is_not_found,
    reserved_names_are_refused_since_4_48,
    a_uuid_can_be_set_once,
    a_uuid_that_is_taken_is_refused,
    the_longest_name_and_uuid_fit,
}

fn the_device_answers_to_its_new_name_only(kernel: &dyn TestKernel) {
    let device = kernel.create("old");
    let new = kernel.name("new");
    let answer = kernel.dm().device_rename(device.name(), &new).unwrap();
    assert_eq!(answer.number(), device.number());
    assert_eq!((answer.name(), answer.uuid()), (None, None), "the kernel's answer has the old name");
    assert_eq!(info(kernel, &new).number(), device.number());
    assert_eq!(info(kernel, device.number()).name(), Some(&*new));
    assert!(!exists(kernel, device.name()));
}

fn a_device_in_use_can_be_renamed(kernel: &dyn TestKernel) {
    let device = kernel.map("old", [zero(LENGTH)]);
    let _user = kernel.open(device.number()).unwrap();
    let new = name_of_bytes(kernel, b"\xff new");
    let answer = kernel.dm().device_rename(device.name(), &new).unwrap();
    assert!(answer.uevent_generated());
    assert_eq!(info(kernel, device.number()).name(), Some(&*new));
}

fn a_name_that_is_taken_is_refused(kernel: &dyn TestKernel) {
    let [one, two] = ["one", "two"].map(|suffix| kernel.create(suffix));
    for taken in [two.name(), one.name()] {
        let error = kernel.dm().device_rename(one.name(), taken).unwrap_err();
        assert!(error.is_already_exists(), "{error}");
    }
    assert_eq!(info(kernel, one.name()).number(), one.number());
    assert_eq!(info(kernel, two.name()).number(), two.number());
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let [missing, new] = ["missing", "new"].map(|suffix| kernel.name(suffix));
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    assert!(kernel.dm().device_rename(&missing, &new).unwrap_err().is_not_found());
    let error = kernel.dm().device_set_uuid(&missing, &uuid).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

fn reserved_names_are_refused_since_4_48(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    for other in RESERVED.map(|name| DmName::new(name).unwrap()) {
        match kernel.dm().device_rename(device.name(), other) {
            Ok(_) => {
                kernel.dm().device_rename(other, device.name()).unwrap();
                assert!(!refuses_reserved_names(&kernel.dm()), "{other}");
            }
            Err(error) => assert!(refuses_reserved_names(&kernel.dm()) && error.is_invalid(), "{other}: {error}"),
        }
    }
    assert_eq!(info(kernel, device.name()).number(), device.number());
}

fn a_uuid_can_be_set_once(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    let uuid = DmUuidBuf::new(&[kernel.prefix().as_bytes(), b"\xff first"].concat()).unwrap();
    kernel.dm().device_set_uuid(device.name(), &uuid).unwrap();
    assert_eq!(info(kernel, &uuid).number(), device.number());
    assert_eq!(info(kernel, device.name()).uuid(), Some(&*uuid));

    let other = DmUuidBuf::new(&format!("{}other", kernel.prefix())).unwrap();
    let error = kernel.dm().device_set_uuid(device.name(), &other).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert_eq!(info(kernel, device.name()).uuid(), Some(&*uuid));
}

fn a_uuid_that_is_taken_is_refused(kernel: &dyn TestKernel) {
    let [one, two] = ["one", "two"].map(|suffix| kernel.create(suffix));
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    kernel.dm().device_set_uuid(one.name(), &uuid).unwrap();
    let error = kernel.dm().device_set_uuid(two.name(), &uuid).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(info(kernel, two.name()).uuid(), None);
}

fn the_longest_name_and_uuid_fit(kernel: &dyn TestKernel) {
    let device = kernel.create("short");
    let name = kernel.name(&"n".repeat(DmName::MAX_LEN.saturating_sub(kernel.prefix().len())));
    kernel.dm().device_rename(device.name(), &name).unwrap();
    let uuid = DmUuidBuf::new(&format!("{:u<128}", kernel.prefix())).unwrap();
    kernel.dm().device_set_uuid(&name, &uuid).unwrap();
    let state = info(kernel, device.number());
    assert_eq!((state.name(), state.uuid()), (Some(&*name), Some(&*uuid)));
}
