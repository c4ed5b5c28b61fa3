//! The device that an operation changes, and its name in errors.

use dm_core::udev::{Strategy, Udev};
use dm_core::{DmUuidBuf, SetupOptions, TargetLine};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

use crate::support::{Devices, LENGTH, PATIENTLY, in_full, info, zero};

on_both_kernels! { ["linear", "zero"];
    a_uuid_never_leads_to_the_device_that_took_the_number,
    errors_name_the_device_as_the_caller_did,
    a_disk_that_does_not_exist_is_named,
}

fn a_uuid_never_leads_to_the_device_that_took_the_number(kernel: &dyn TestKernel) {
    let [first, second] = ["first", "second"].map(|suffix| kernel.name(suffix));
    let uuid = DmUuidBuf::new(&first.to_string()).unwrap();
    let host = kernel.host();
    let number = host.create_with(&first, [zero(LENGTH)], SetupOptions::new().uuid(&uuid)).unwrap().number();
    host.remove_with(&uuid, PATIENTLY).unwrap();
    host.create_with(&second, [zero(LENGTH)], SetupOptions::new().minor(number.minor)).unwrap();
    let errors = [
        host.path(&uuid).unwrap_err(),
        host.suspend(&uuid).unwrap_err(),
        host.resume(&uuid).unwrap_err(),
        host.reload(&uuid, [zero(LENGTH)]).unwrap_err(),
        host.rename(&uuid, "anything").unwrap_err(),
        host.remove(&uuid).unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_not_found() && error.is_undone(), "{error}");
        assert!(error.to_string().contains(&format!("device with uuid '{uuid}'")), "{error}");
    }
    let state = info(kernel, &second);
    assert!(state.number() == number && !state.is_suspended());
}

fn errors_name_the_device_as_the_caller_did(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let uuid = DmUuidBuf::new(&device.to_string()).unwrap();
    kernel.host().set_uuid(&device, &uuid).unwrap();
    let host = kernel.host().with_udev(Udev::new(Strategy::None));
    assert!(host.create("", [zero(LENGTH)]).unwrap_err().is_invalid());
    let nonsense = || [TargetLine::text(Sectors(0), LENGTH, "nonsense", "")];
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

fn a_disk_that_does_not_exist_is_named(kernel: &dyn TestKernel) {
    let name = kernel.name("new");
    for missing in ["/dev/no-such-disk", "4000:7"] {
        let line = TargetLine::text(Sectors(0), Sectors(64), "linear", format!("{missing} 0"));
        let error = kernel.host().create(&name, [line]).unwrap_err();
        assert!(error.is_undone() && !error.is_not_found() && error.is_disk_unusable(), "{error}");
        let text = in_full(&error);
        assert!(text.contains("Device lookup failed") || text.contains("which does not exist"), "{text}");
    }
}
