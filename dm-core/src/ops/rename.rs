//! Renames a device, or sets its uuid.

use super::error::{OpError, Operation, Remains, StateAfter, Step};
use super::host::Host;
use super::op::{Op, uninterrupted};
use super::setup::checked_name;
use crate::commands::RenameOptions;
use crate::error::Error;
use crate::id::{AsDevId, AsDmName, DmUuid};
use crate::udev::NodeChange;
use crate::wire::{DeviceInfo, UdevFlags};

impl Host {
    /// Changes the name of a device, and waits for udev. Has no effect if the device already has the new name.
    ///
    /// # Errors
    /// [`is_already_exists`](OpError::is_already_exists): the new name is taken. [`is_invalid`](OpError::is_invalid):
    /// the new name is not valid. [`is_not_found`](OpError::is_not_found): the device does not exist.
    #[doc(alias = "DM_DEVICE_RENAME")]
    #[doc(alias = "dmsetup rename")]
    pub fn rename(&self, id: impl AsDevId, new: impl AsDmName) -> Result<DeviceInfo, OpError> {
        self.rename_with(id, new, RenameOptions::new())
    }

    /// Changes the name of a device, with options. If the options have a cookie, only its flags are used, since the
    /// operation makes its own cookie.
    ///
    /// # Errors
    /// As [`rename`](Self::rename).
    pub fn rename_with(
        &self,
        id: impl AsDevId,
        new: impl AsDmName,
        options: RenameOptions,
    ) -> Result<DeviceInfo, OpError> {
        let new = &*checked_name(self, Operation::Rename, &new)?;
        let mut op = Op::new(self, Operation::Rename, &id)?;
        op.check_node_name(new)?;
        let before = op.info()?;
        op.found(&before);
        let Some(old) = before.name().filter(|old| *old != new) else { return Ok(before) };
        let options = options.cookie(op.udev.expect(options.udev_flags()));
        let renamed = uninterrupted(|| op.dm().device_rename_with(old, new, options));
        op.udev.sent(renamed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
        let info = renamed.or_else(|error| carried_out(&op, &before, error, |info| info.name() == Some(new)))?;
        // A device without an active table has no node.
        if info.has_active_table() {
            op.udev.note(old, info.number(), NodeChange::Absent);
            op.udev.note(new, info.number(), NodeChange::Present);
        }
        op.finish()?;
        Ok(info)
    }

    /// Sets the uuid of a device that has none, and waits for udev. A uuid cannot be changed or removed afterwards. If
    /// the device already has this uuid, nothing changes. Requires ioctl interface 4.19.
    ///
    /// # Errors
    /// [`is_already_exists`](OpError::is_already_exists): another device has the uuid.
    /// [`is_invalid`](OpError::is_invalid): this device has another uuid. [`is_not_found`](OpError::is_not_found): the
    /// device does not exist.
    #[doc(alias = "--setuuid")]
    pub fn set_uuid(&self, id: impl AsDevId, uuid: &DmUuid) -> Result<DeviceInfo, OpError> {
        let mut op = Op::new(self, Operation::Rename, &id)?;
        let before = op.info()?;
        op.found(&before);
        let Some(name) = before.name().filter(|_| before.uuid() != Some(uuid)) else { return Ok(before) };
        let options = RenameOptions::new().cookie(op.udev.expect(UdevFlags::empty()));
        let renamed = uninterrupted(|| op.dm().device_set_uuid_with(name, uuid, options));
        op.udev.sent(renamed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
        let info = renamed.or_else(|error| carried_out(&op, &before, error, |info| info.uuid() == Some(uuid)))?;
        op.finish()?;
        Ok(info)
    }
}

/// The state of the device if the rename took effect although the command failed; otherwise the error.
fn carried_out(
    op: &Op<'_>,
    before: &DeviceInfo,
    error: Error,
    is_right: impl Fn(&DeviceInfo) -> bool,
) -> Result<DeviceInfo, OpError> {
    match uninterrupted(|| op.dm().device_info(before.number())) {
        Ok(info) if is_right(&info) => Ok(info),
        Ok(_) => Err(op.fail(Step::Rename, error)),
        Err(fault) if fault.is_not_found() => Err(op.fail(Step::Rename, error)),
        Err(fault) => {
            let state = StateAfter::left(vec![Remains::Unknown], Some(fault));
            Err(op.failed(Step::Rename, error, state))
        }
    }
}
