//! For those who come from other libraries: there → here.
//!
//! Only what this crate does is here. Tables, statuses and messages of targets are in `dm-targets`, units in `dm-units`.
//!
//! # From the crate `devicemapper`, 0.25 and 0.32 or later
//!
//! | there | here |
//! |---|---|
//! | `DM::new` | [`Dm::open`](crate::Dm::open); the module and the node are looked after |
//! | `DM::file` | [`AsFd`](std::os::fd::AsFd) of [`Dm`](crate::Dm) |
//! | `DM::version` | [`version`](crate::Dm::version) |
//! | `DM::remove_all` | [`remove_all`](crate::Dm::remove_all) |
//! | `DM::list_devices` | [`list_devices`](crate::Dm::list_devices), also with uuids; a [`Buffer`](crate::Buffer) is reused |
//! | `DM::device_create` | [`device_create`](crate::Dm::device_create); as one with load and resume: [`device_setup`](crate::Dm::device_setup) |
//! | `DM::device_remove` | [`device_remove`](crate::Dm::device_remove); [`retry`](crate::RemoveOptions::retry) is asked for, not built in |
//! | `DM::device_rename` with `DevId::Name` | [`device_rename`](crate::Dm::device_rename) |
//! | `DM::device_rename` with `DevId::Uuid` | [`device_set_uuid`](crate::Dm::device_set_uuid) |
//! | `DM::device_suspend` with `DM_SUSPEND` | [`device_suspend`](crate::Dm::device_suspend) |
//! | `DM::device_suspend` without it | [`device_resume`](crate::Dm::device_resume) |
//! | `DM::device_info` | [`device_info`](crate::Dm::device_info), also of the inactive table |
//! | `DM::device_wait` | [`device_wait`](crate::Dm::device_wait); with a deadline [`wait_event`](crate::Dm::wait_event) |
//! | `DM::table_load` | [`table_load`](crate::Dm::table_load); any number of lines, never copied |
//! | `DM::table_clear` | [`table_clear`](crate::Dm::table_clear) |
//! | `DM::table_deps` | [`table_deps`](crate::Dm::table_deps); all at once: [`device_tree`](crate::Dm::device_tree) |
//! | `DM::table_status` | [`table_status`](crate::Dm::table_status) with [`StatusOptions`](crate::StatusOptions) |
//! | `DM::list_versions` | [`list_versions`](crate::Dm::list_versions) |
//! | `DM::target_msg` | [`target_msg`](crate::Dm::target_msg) |
//! | `DM::arm_poll` | [`arm_poll`](crate::Dm::arm_poll); the whole loop is [`EventPoller`](crate::EventPoller) |
//! | `device_exists` | [`device_info`](crate::Dm::device_info) and [`is_not_found`](crate::Error::is_not_found): one ioctl, no list |
//! | `devnode_to_devno` | [`paths::device_at`](crate::machine::paths::device_at) |
//! | `Device` | `dm_units::DeviceNumber` |
//! | `DevId` | [`DevId`](crate::DevId), also by number |
//! | `DeviceInfo` | [`DeviceInfo`](crate::DeviceInfo), with a method for each flag |
//! | `DmFlags` | the options of each command; of an answer, [`Flags`](crate::Flags) |
//! | `DmOptions` | the options of each command, which can say only what it honours |
//! | `DmOptions::private` | `new` of each options type |
//! | `DmUdevFlags`, `DmCookie` | [`UdevFlags`](crate::UdevFlags), [`UdevCookie`](crate::UdevCookie) |
//! | waiting for udev inside each command | [`udev::Batch`](crate::udev::Batch), for several at once and with a deadline |
//! | `DmName`, `DmNameBuf`, `DmUuid`, `DmUuidBuf` | [`DmName`](crate::DmName), [`DmNameBuf`](crate::DmNameBuf), [`DmUuid`](crate::DmUuid), [`DmUuidBuf`](crate::DmUuidBuf); any bytes that the kernel takes |
//! | `DmResult` | [`Result`](crate::Result) |
//! | `errors::Error::ContextInit` | [`OpenError`](crate::OpenError) |
//! | `errors::Error::InvalidArgument` | [`NameError`](crate::NameError), [`RequestFault`](crate::RequestFault) |
//! | `errors::Error::Ioctl` | [`Refusal`](crate::Refusal), with the kernel's own reason |
//! | `errors::Error::IoctlResultTooLarge` | [`RequestFault::TooLarge`](crate::RequestFault::TooLarge), at the kernel's limit |
//! | `errors::Error::MetadataIo`, `GeneralIo` | [`OpenError::File`](crate::OpenError::File) and `std::io::Error` of [`paths`](crate::paths) |
//! | `errors::Error::UdevSync` | [`UdevError`](crate::udev::UdevError) |
//! | `DmError`, `ErrorEnum` | [`Error`](crate::Error): one type, asked by its predicates |
//!
//! # From the crate `devicemapper`, 0.4
//!
//! As above, and:
//!
//! | there | here |
//! |---|---|
//! | `DM::wait_for_dm` | [`Dm::open`](crate::Dm::open) loads the module; nothing is waited for without an end |
//! | `DM::device_status` | [`device_info`](crate::Dm::device_info) |
//! | `DM::device_set_geometry`, which did nothing | [`set_geometry`](crate::Dm::set_geometry) |
//! | `DM::depends_on` | [`DeviceTree::cycle`](crate::DeviceTree::cycle), for a table that is not loaded yet, too |
//! | `dev_majors` | [`paths::majors`](crate::machine::paths::majors) |
//! | `Device::devnode` | [`paths::kernel_path`](crate::machine::paths::kernel_path) |
//! | `Device::dstr`, `Device::from_str` | `Display` and `FromStr` of `dm_units::DeviceNumber`; [`paths::device_at`](crate::machine::paths::device_at) |
//! | `blkdev_size` | [`paths::size_of`](crate::machine::paths::size_of) |
//! | `DM_CTL_PATH`, `DM_NAME_LEN`, … | `dm_sys` |
//! | `io::Result` | [`Result`](crate::Result) |
//!
//! # From Docker's Go package `devicemapper`
//!
//! | there | here |
//! |---|---|
//! | `TaskCreate`, `TaskCreateNamed`, `Task` | a method of [`Dm`](crate::Dm) for each command; nothing is to be destroyed |
//! | `GetDriverVersion` | [`version`](crate::Dm::version) |
//! | `GetLibraryVersion` | there is no other library below |
//! | `SetDevDir` | [`Dm::open_at`](crate::Dm::open_at) for the control node; nodes are under `/dev` |
//! | `GetInfo`, `GetInfoWithDeferred`, `Info` | [`device_info`](crate::Dm::device_info), [`DeviceInfo`](crate::DeviceInfo); a missing device is [`is_not_found`](crate::Error::is_not_found) |
//! | `GetDeps`, `Deps` | [`table_deps`](crate::Dm::table_deps), [`Deps`](crate::Deps) |
//! | `GetStatus`, `GetTable`, `TargetLine` | [`table_status`](crate::Dm::table_status), [`TargetLine`](crate::TargetLine) |
//! | `SuspendDevice`, `ResumeDevice` | [`device_suspend`](crate::Dm::device_suspend), [`device_resume`](crate::Dm::device_resume) |
//! | `RemoveDevice` | [`device_remove`](crate::Dm::device_remove), or in a [`udev::Batch`](crate::udev::Batch) |
//! | `RemoveDeviceDeferred`, `CancelDeferredRemove` | [`RemoveOptions::deferred`](crate::RemoveOptions::deferred), [`cancel_deferred_remove`](crate::Dm::cancel_deferred_remove) |
//! | `CreatePool`, `ActivateDevice`, `ActivateDeviceWithExternal` | [`device_setup`](crate::Dm::device_setup) with a line of `dm-targets` |
//! | `ReloadPool` | [`table_load`](crate::Dm::table_load), or [`device_reload`](crate::Dm::device_reload) with its way back |
//! | `CreateDevice`, `CreateSnapDeviceRaw`, `DeleteDevice`, `SetTransactionID` | [`target_msg`](crate::Dm::target_msg) with a message of `dm-targets` |
//! | `CreateSnapDevice` | [`device_suspend`](crate::Dm::device_suspend), [`target_msg`](crate::Dm::target_msg), [`device_resume`](crate::Dm::device_resume) |
//! | `UdevWait` | [`udev::Batch::finish`](crate::udev::Batch::finish), with a deadline |
//! | `UdevSetSyncSupport`, `UdevSyncSupported`, `CookieSupported` | [`udev::Strategy`](crate::udev::Strategy), [`udev::Udev::strategy`](crate::udev::Udev::strategy) |
//! | `DmUdevDisable…Flag` | [`UdevFlags`](crate::UdevFlags) |
//! | `GetBlockDeviceSize` | [`paths::size_of`](crate::machine::paths::size_of) |
//! | `BlockDeviceDiscard` | not here: it is a command of every block device, `blkdiscard` |
//! | `DevmapperLogger`, `LogInit` | the crate `log` |
//! | `ErrBusy` | [`is_busy`](crate::Error::is_busy), and who keeps it so: [`Refusal::users`](crate::Refusal::users) |
//! | `ErrEnxio` | [`is_not_found`](crate::Error::is_not_found) |
//! | `ErrDeviceIDExists`, `DeviceIDExists` | [`errno`](crate::Error::errno) `EEXIST` of the message |
//! | `ErrTask…`, `ErrGet…`, `ErrSet…` | [`Refusal`](crate::Refusal) with command, device and errno |
//! | `ErrUdevWait` | [`UdevError::TimedOut`](crate::udev::UdevError::TimedOut) |
