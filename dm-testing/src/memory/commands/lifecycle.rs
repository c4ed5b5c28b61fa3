//! Creates, renames and removes devices.

use dm_core::Flags;
use dm_sys::{DM_CONTROL_NODE, DM_NAME_LEN, DM_UUID_LEN};
use dm_units::DeviceNumber;

use super::{fill, find};
use crate::memory::errno::Errno;
use crate::memory::kernel::{Kernel, Pause};
use crate::memory::wire::Param;

/// As `dev_create`.
pub(super) fn create(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    check_name(kernel, param.name())?;
    let minor = if param.has(Flags::PERSISTENT_DEV) {
        Some(DeviceNumber::from_huge(param.dev()).ok_or(Errno::EINVAL)?.minor)
    } else {
        None
    };
    let minor = kernel.add(param.name(), param.uuid(), minor)?;
    param.set(Flags::INACTIVE_PRESENT, false);
    Ok(fill(kernel, minor, param)?)
}

/// As `dev_remove`.
pub(super) fn remove(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    let deferred = param.has(Flags::DEFERRED_REMOVE);
    if kernel.open_count(minor) > 0 {
        if deferred {
            kernel.device_mut(minor)?.deferred_remove = true;
            return Ok(());
        }
        return Err(Errno::EBUSY.into());
    }
    param.set(Flags::DEFERRED_REMOVE, false);
    let is_sent = kernel.uevent(minor, param.event_nr());
    param.set(Flags::UEVENT_GENERATED, is_sent);
    kernel.delete(minor);
    Ok(())
}

/// As `remove_all`: in the order of names, repeatedly, until only open devices are left.
pub(super) fn remove_all(kernel: &mut Kernel, param: &mut Param) {
    let deferred = param.has(Flags::DEFERRED_REMOVE);
    while let Some(minor) = kernel.names.values().copied().find(|minor| kernel.open_count(*minor) == 0) {
        kernel.delete(minor);
    }
    if deferred {
        kernel.devices.values_mut().for_each(|device| device.deferred_remove = true);
    }
    let left = kernel.devices.len();
    if left > 0 {
        kernel.log("ioctl", &format!("remove_all left {left} open device(s)"));
    }
    param.set_data_size(0);
}

/// As `dev_rename`, which also sets uuids.
pub(super) fn rename(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let is_uuid = param.has(Flags::UUID);
    let longest = if is_uuid { DM_UUID_LEN } else { DM_NAME_LEN };
    let new = param.payload_text().filter(|new| !new.is_empty() && new.len() < longest).map(<[u8]>::to_vec);
    let Some(new) = new else {
        kernel.log("ioctl", "Invalid new mapped device name or uuid string supplied.");
        return Err(Errno::EINVAL.into());
    };
    if !is_uuid {
        check_name(kernel, &new)?;
    }
    let what = if is_uuid { "uuid" } else { "name" };
    let is_taken = if is_uuid { kernel.uuids.contains_key(&new) } else { kernel.names.contains_key(&new) };
    let (old, new_text) = (lossy(param.name()), lossy(&new));
    if is_taken {
        let text = format!("Unable to change {what} on mapped device {old} to one that already exists: {new_text}");
        kernel.log("ioctl", &text);
        return Err(Errno::EBUSY.into());
    }
    // Here the kernel looks up the device only by its name.
    let Some(minor) = kernel.names.get(param.name()).copied() else {
        let to = if is_uuid { "uuid " } else { "" };
        kernel.log("ioctl", &format!("Unable to rename non-existent device, {old} to {to}{new_text}"));
        return Err(Errno::ENXIO.into());
    };
    let device = kernel.device_mut(minor)?;
    if is_uuid && !device.uuid.is_empty() {
        let uuid = lossy(&device.uuid);
        kernel.log(
            "ioctl",
            &format!(
                "Unable to change uuid of mapped device {old} to {new_text} because uuid is already set to {uuid}"
            ),
        );
        return Err(Errno::EINVAL.into());
    }
    if is_uuid {
        device.uuid.clone_from(&new);
        kernel.uuids.insert(new, minor);
    } else {
        let old = std::mem::replace(&mut device.name, new.clone());
        kernel.names.remove(&old);
        kernel.names.insert(new, minor);
    }
    kernel.event(minor);
    let is_sent = kernel.uevent(minor, param.event_nr());
    param.set(Flags::UEVENT_GENERATED, is_sent);
    Ok(fill(kernel, minor, param)?)
}

/// As `check_name`.
fn check_name(kernel: &mut Kernel, name: &[u8]) -> Result<(), Errno> {
    let text = if name.contains(&b'/') {
        "device name cannot contain '/'".to_owned()
    } else if [DM_CONTROL_NODE.as_bytes(), b".", b".."].contains(&name) {
        format!("device name cannot be \"{DM_CONTROL_NODE}\", \".\", or \"..\"")
    } else {
        return Ok(());
    };
    kernel.log("ioctl", &text);
    Err(Errno::EINVAL)
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
