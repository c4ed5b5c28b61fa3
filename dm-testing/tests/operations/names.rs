//! Which device an operation acts on, and how its errors name it.

use dm_core::paths::is_device;
use dm_core::{DmUuidBuf, SetupOptions};
use dm_testing::{Scratch, require};
use dm_units::DeviceNumber;

use crate::support::{PATIENTLY, in_full, info, without_udev, zero};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_never_leads_to_the_device_that_took_the_number() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let [first, second] = ["first", "second"].map(|suffix| scratch.name(suffix).unwrap());
    let uuid = DmUuidBuf::new(&first.to_string()).unwrap();
    let host = scratch.host();
    let number = host.create_with(&first, [zero()], SetupOptions::new().uuid(&uuid)).unwrap().number();
    host.path(&uuid).unwrap();
    host.remove_with(&uuid, PATIENTLY).unwrap();
    host.create_with(&second, [zero()], SetupOptions::new().minor(number.minor)).unwrap();
    let errors = [
        host.path(&uuid).unwrap_err(),
        host.suspend(&uuid).unwrap_err(),
        host.resume(&uuid).unwrap_err(),
        host.reload(&uuid, [zero()]).unwrap_err(),
        host.rename(&uuid, "anything").unwrap_err(),
        host.remove(&uuid).unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_not_found() && error.is_undone(), "{error}");
        assert!(error.to_string().contains(&format!("device with uuid '{uuid}'")), "{error}");
    }
    let state = info(&scratch, &second);
    assert!(state.number() == number && !state.is_suspended());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_rename_to_its_own_name_changes_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let name = scratch.name("device").unwrap();
    let number = scratch.host().create(&name, [zero()]).unwrap().number();
    assert_eq!(scratch.host().rename(&name, &name).unwrap().name(), Some(&*name));
    assert_eq!(scratch.host().rename(number, &name).unwrap().number(), number);
    assert!(is_device(&scratch.host().path(&name).unwrap(), number));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn errors_name_the_device_as_the_caller_did() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let uuid = DmUuidBuf::new(&device.to_string()).unwrap();
    scratch.host().set_uuid(&device, &uuid).unwrap();
    let host = without_udev(&scratch);
    let nonsense = || [dm_core::TargetLine::text(dm_units::Sectors(0), crate::support::LENGTH, "nonsense", "")];
    let by_name = in_full(&host.reload(device.name(), nonsense()).unwrap_err());
    let number = device.number();
    assert!(
        by_name.starts_with(&format!("reload of device '{device}' ({number}) failed at loading the table")),
        "{by_name}"
    );
    assert!(by_name.contains(&format!("table_load of device '{device}' failed")), "{by_name}");
    assert!(!by_name.contains("uuid '") && !by_name.contains(&format!("device {number}")), "{by_name}");
    let by_uuid = in_full(&host.reload(&uuid, nonsense()).unwrap_err());
    assert!(by_uuid.contains(&format!("table_load of device with uuid '{uuid}' failed")), "{by_uuid}");
    let by_number = in_full(&host.reload(number, nonsense()).unwrap_err());
    assert!(by_number.contains(&format!("table_load of device {number} failed")), "{by_number}");
    let missing = host.reload(DeviceNumber::new(number.major, 0xffff), nonsense()).unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
}
