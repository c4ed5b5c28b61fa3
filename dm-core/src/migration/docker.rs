//! Replacements for Docker's Go packages `devicemapper` and `loopback` (`github.com/moby/moby/pkg`), which use
//! libdevmapper.
//!
//! In each row, names of the last version come first, followed by older spellings such as `DeviceIdExists`. Whole thin
//! pools and thin devices are in `dm_targets::migration`.
//!
//! # Devices
//!
//! | there | here |
//! |---|---|
//! | `CreatePool` | [`Host::create`] with a typed line of `dm-targets` |
//! | `ReloadPool` | [`Host::reload`], which resumes the pool as well and is undone on failure |
//! | `ActivateDevice`, `ActivateDeviceWithExternal` | [`Host::create`] with a typed line |
//! | `SuspendDevice`, `ResumeDevice` | [`Host::suspend`], [`Host::resume`] |
//! | `RemoveDevice` | [`Host::remove`] |
//! | `RemoveDeviceDeferred` | [`Host::remove_with`] and [`RemovePolicy::deferred`] |
//! | `CancelDeferredRemove` | [`Host::cancel_deferred_remove`] |
//! | `CreateDevice`, `DeleteDevice`, `CreateSnapDeviceRaw`, `SetTransactionID`, `SetTransactionId` | [`Host::message`] with a message of `dm-targets` |
//! | `CreateSnapDevice` | [`Host::while_suspended`], which resumes the origin also after a failure |
//! | `GetInfo`, `GetInfoWithDeferred` | [`Dm::device_info`] |
//! | `GetDeps` | [`Dm::table_deps`] |
//! | `GetStatus` | [`Dm::table_status`] |
//! | `GetTable` | [`Dm::table_status_with`] and [`StatusOptions::table`] |
//! | `GetDriverVersion` | [`Dm::version`] |
//! | `GetLibraryVersion`, `DmGetLibraryVersion` | —: this crate does not use libdevmapper |
//! | `LibraryDeferredRemovalSupport` | —: without support in the kernel, the error is [`Error::is_unsupported`] |
//!
//! # Tasks
//!
//! | there | here |
//! |---|---|
//! | `Task`, `CDmTask`, `TaskType`, `TaskCreate`, `TaskCreateNamed`, `DmTaskCreate`, `DmTaskDestroy`, `ErrCreateRemoveTask` | a method of [`Dm`] per command; nothing to destroy |
//! | `Run`, `DmTaskRun`, `ErrTaskRun`, `ErrRunRemoveDevice` | the call itself; [`Refusal`] with command, device and errno |
//! | `SetName`, `DmTaskSetName`, `ErrTaskSetName` | the argument that is [`AsDevId`]; [`NameError`] |
//! | `SetMessage`, `SetSector`, `DmTaskSetMessage`, `DmTaskSetSector`, `ErrTaskSetMessage`, `ErrTaskSetSector` | [`Message`] |
//! | `AddTarget`, `DmTaskAddTarget`, `ErrTaskAddTarget` | [`TargetLine`] |
//! | `SetRo`, `DmTaskSetRo`, `ErrTaskSetRo` | [`LoadOptions::read_only`] |
//! | `SetAddNode`, `AddNodeType`: `AddNodeOnResume`, `AddNodeOnCreate`; `DmTaskSetAddNode`, `ErrTaskSetAddNode`, `ErrInvalidAddNode` | —: an operation makes the node, or waits for it, once the device has a table |
//! | `SetCookie`, `DmTaskSetCookie`, `ErrTaskSetCookie`, `ErrNilCookie` | [`Host`]; for a command [`ResumeOptions::cookie`] and similar options |
//! | `DmTaskDeferredRemove`, `ErrTaskDeferredRemove` | [`RemoveOptions::deferred`] |
//! | `DmTaskGetDeps`, `ErrTaskGetDeps`, `Deps`: `Count`, `Filler`, `Device` | [`Deps`], [`Deps::len`], [`Deps::iter`] |
//! | `DmTaskGetInfo`, `DmTaskGetInfoWithDeferred`, `ErrTaskGetInfo` | [`Dm::device_info`] |
//! | `DmTaskGetDriverVersion`, `ErrTaskGetDriverVersion` | [`Dm::version`] |
//! | `GetNextTarget`, `DmGetNextTarget` | [`TableStatus::iter`] |
//!
//! | task type | here |
//! |---|---|
//! | `DeviceCreate` | [`Dm::device_create`] |
//! | `DeviceReload` | [`Dm::table_load`] |
//! | `DeviceRemove` | [`Dm::device_remove`] |
//! | `DeviceRemoveAll` | [`Dm::remove_all`] |
//! | `DeviceSuspend` | [`Dm::device_suspend`] |
//! | `DeviceResume` | [`Dm::device_resume`] |
//! | `DeviceInfo` | [`Dm::device_info`] |
//! | `DeviceDeps` | [`Dm::table_deps`] |
//! | `DeviceRename` | [`Dm::device_rename`] |
//! | `DeviceVersion` | [`Dm::version`] |
//! | `DeviceStatus`, `DeviceTable` | [`Dm::table_status`], [`Dm::table_status_with`] |
//! | `DeviceWaitevent` | [`Dm::wait_event`], [`Dm::device_wait`] |
//! | `DeviceList` | [`Dm::list_devices`] |
//! | `DeviceClear` | [`Dm::table_clear`] |
//! | `DeviceMknodes` | [`Host::make_nodes`]; without udev, each operation makes the nodes of its devices |
//! | `DeviceListVersions` | [`Dm::list_versions`] |
//! | `DeviceTargetMsg` | [`Dm::target_msg`] |
//! | `DeviceSetGeometry` | [`Dm::set_geometry`] |
//!
//! # Fields of `Info`
//!
//! | there | here |
//! |---|---|
//! | `Info`: `Exists` | [`Error::is_not_found`] |
//! | `Info`: `Suspended` | [`DeviceInfo::is_suspended`] |
//! | `Info`: `LiveTable`, `InactiveTable` | [`DeviceInfo::has_active_table`], [`DeviceInfo::has_inactive_table`] |
//! | `Info`: `OpenCount`, `EventNr`, `TargetCount` | [`DeviceInfo::open_count`], [`DeviceInfo::event_nr`], [`DeviceInfo::target_count`] |
//! | `Info`: `Major`, `Minor` | [`DeviceInfo::number`] |
//! | `Info`: `ReadOnly` | [`DeviceInfo::is_read_only`] |
//! | `Info`: `DeferredRemove` | [`DeviceInfo::is_deferred_remove`] |
//!
//! # udev and nodes
//!
//! | there | here |
//! |---|---|
//! | `UdevWait`, `DmUdevWait`, `ErrUdevWait` | [`Batch::finish`]; a single operation waits by itself. For the error: [`OpError::is_timed_out`] |
//! | `UdevSetSyncSupport`, `DmUdevSetSyncSupport` | [`Host::with_udev`] and a [`Strategy`] |
//! | `UdevSyncSupported`, `DmUdevGetSyncSupport`, `CookieSupported`, `DmCookieSupported` | [`Udev::check_cookies`](crate::udev::Udev::check_cookies) |
//! | `DmUdevDisableSubsystemRulesFlag`, `DmUdevDisableDiskRulesFlag`, `DmUdevDisableOtherRulesFlag` | [`Visibility::Private`] sets all three; for a single one: [`UdevFlags`] |
//! | `DmUdevDisableLibraryFallback` | [`UdevFlags::DISABLE_LIBRARY_FALLBACK`] |
//! | `SetDevDir`, `DmSetDevDir`, `ErrSetDevDir` | [`OpenOptions::path`] for the control node, [`Udev::dev_dir`](crate::udev::Udev::dev_dir) for the nodes |
//!
//! # Errors
//!
//! | there | here |
//! |---|---|
//! | `ErrBusy` | [`OpError::is_busy`]; the users of the busy device: [`OpError::users`] |
//! | `ErrEnxio` | [`OpError::is_not_found`] |
//! | `ErrEnoData` | [`OpError::is_no_data`] |
//! | `ErrDeviceIDExists`, `ErrDeviceIdExists`, `DeviceIDExists`, `DeviceIdExists` | [`OpError::is_already_exists`] of the message |
//! | `ErrGetLibraryVersion` | —: this crate does not use libdevmapper |
//! | `ErrGetBlockSize` | [`BlockError`] |
//!
//! # The log
//!
//! | there | here |
//! |---|---|
//! | `LogInit`, `LogInitVerbose`, `DmLogInitVerbose`, `LogWithErrnoInit`, `DevmapperLogger`, `DMLog`, `DevmapperLogCallback` | the crate `log`, with any logger; this crate registers none |
//! | `DefaultLogger`: `Level` | `log::set_max_level` |
//! | `LogLevelFatal`, `LogLevelErr`, `LogLevelWarn`, `LogLevelNotice`, `LogLevelInfo` | —: the error that the call returns has this information |
//! | `LogLevelDebug` | `log::Level::Debug` for a command that fails, `log::Level::Trace` for one that succeeds |
//!
//! # Block and loop devices
//!
//! | there | here |
//! |---|---|
//! | `GetBlockDeviceSize`, `BlkGetSize64` | [`BlockDevice::size`] |
//! | `BlockDeviceDiscard`, `BlkDiscard` | [`BlockDevice::discard`], of a range |
//! | `AttachLoopDevice` | `LoopDevice::over` of the crate `dm-testing`; `LoopDevice::leave` leaves the device attached |
//! | `FindLoopDeviceFor` | `LoopDevice::find` of `dm-testing`, and `AttachedLoop::take_over` |
//! | `SetCapacity`, `LoopbackSetCapacity` | `LoopDevice::follow_file` of `dm-testing` |
//! | `ErrAttachLoopbackDevice`, `ErrGetLoopbackBackingFile`, `ErrSetCapacity`, `ErrLoopbackSetCapacity` | `Error` of `dm-testing`: what was tried, with which file, why |
//! | `LoopInfo64`, `CLoopInfo64`, `LoopSetFd`, `LoopClrFd`, `LoopGetStatus64`, `LoopSetStatus64`, `LoopSetCapacity`, `LoopCtlGetFree` | —: not needed with `LoopDevice` |
//! | `LoFlagsReadOnly`, `LoFlagsAutoClear`, `LoFlagsPartScan`, `LoKeySize`, `LoNameSize` | —: not needed with `LoopDevice` |
//!
//! To find the loop devices that use a mapped device, use [`users`](crate::users).

#[cfg(doc)]
use crate::{
    AsDevId, Batch, Deps, DeviceInfo, Dm, Error, Host, LoadOptions, Message, NameError, OpError, OpenOptions, Refusal,
    RemoveOptions, RemovePolicy, ResumeOptions, StatusOptions, TableStatus, TargetLine, UdevFlags,
    block::{BlockDevice, BlockError},
    udev::{Strategy, Visibility},
};
