//! Replacements for the crate `devicemapper`, 0.25 to 0.34.
//!
//! The names are those of version 0.34.8. If a name differs in 0.25.0 or 0.32.3, it is listed too. Units are on the
//! page [`units`](super::units). Tables, statuses and whole devices are in `dm_targets::migration`.
//!
//! # Commands
//!
//! | there | here |
//! |---|---|
//! | `DM::new` | [`Dm::open`]; for operations: [`Host::open`]. Both load the module and check the node |
//! | `DM::file`, `AsRawFd` of `DM` | [`Dm::poll_fd`], to wait for events; commands are sent through a [`Transport`] |
//! | `DM::version` | [`Dm::version`] |
//! | `DM::remove_all` | [`Dm::remove_all`] |
//! | `DM::list_devices` | [`Dm::list_devices`]; [`Dm::list_devices_with`] adds uuids and filters by prefix |
//! | `DM::device_create` | [`Dm::device_create`]; with table and resume: [`Host::create`], [`Host::setup`] |
//! | `DM::device_remove` | [`Host::remove_with`]; [`RemovePolicy::retry`] retries, [`Dm::device_remove`] never does |
//! | `DM::device_rename` | [`Host::rename`], [`Dm::device_rename`]; with `DevId::Uuid`: [`Host::set_uuid`], [`Dm::device_set_uuid`] |
//! | `DM::device_suspend` | with `DM_SUSPEND`: [`Host::suspend`], [`Dm::device_suspend`]; without this flag: [`Host::resume`], [`Dm::device_resume`] |
//! | `DM::device_info` | [`Dm::device_info`] |
//! | `DM::device_wait` | [`Dm::wait_event`], with a timeout; [`Dm::device_wait`] is the bare ioctl |
//! | `DM::table_load` | [`Host::reload`] replaces an active table; [`Dm::table_load`] fills the inactive slot |
//! | `DM::table_clear` | [`Dm::table_clear`] |
//! | `DM::table_deps` | [`Dm::table_deps`]; down to the disks: [`Dm::device_tree_of`]; of all devices: [`Dm::device_tree`] |
//! | `DM::table_status` | [`Dm::table_status`]; with `DM_STATUS_TABLE`: [`Dm::table_status_with`] and [`StatusOptions::table`] |
//! | `DM::list_versions` | [`Dm::list_versions`]; of one target: [`Dm::target_version`] |
//! | `DM::target_msg` | [`Dm::target_msg`]; [`Host::message`] with the errors of an operation |
//! | `DM::arm_poll` | [`EventPoller`] has the whole loop; [`Dm::arm_poll`] is the bare ioctl |
//! | `device_exists` | [`Dm::device_info`] and [`Error::is_not_found`]: one ioctl, not a list of all |
//! | `devnode_to_devno` | [`paths::device_at`] |
//! | `message` of a device | [`Dm::target_msg`]; typed in `dm-targets` |
//!
//! # Options and flags
//!
//! | there | here |
//! |---|---|
//! | `DmOptions` | the options of each command, such as [`CreateOptions`], or operation, such as [`SetupOptions`] |
//! | `DmOptions::new`, `default` | `new` of each type of options, or the short form of the command |
//! | `DmOptions::private` | [`Visibility::Private`] in [`SetupOptions::visibility`] and [`ReloadOptions::visibility`] |
//! | `DmOptions::set_flags`, `DmOptions::flags` | a setter for each flag, such as [`LoadOptions::read_only`]; see below |
//! | `DmOptions::set_udev_flags`, `udev_flags`; before 0.33 `set_cookie`, `cookie` | [`SetupOptions::udev_flags`], [`ReloadOptions::udev_flags`]; for a single command: [`UdevCookie::flags_only`] |
//! | `DmFlags` | in replies [`Flags`]; in requests, below |
//! | `DM_READONLY` | [`LoadOptions::read_only`], [`SetupOptions::read_only`]; in replies [`DeviceInfo::is_read_only`] |
//! | `DM_SUSPEND` | [`Dm::device_suspend`]; in replies [`DeviceInfo::is_suspended`] |
//! | `DM_PERSISTENT_DEV` | [`CreateOptions::minor`], [`SetupOptions::minor`], which take the number as well |
//! | `DM_STATUS_TABLE` | [`StatusOptions::table`] |
//! | `DM_ACTIVE_PRESENT` | [`DeviceInfo::has_active_table`] |
//! | `DM_INACTIVE_PRESENT` | [`DeviceInfo::has_inactive_table`] |
//! | `DM_BUFFER_FULL` | —: replies of up to 1 GiB are read completely |
//! | `DM_SKIP_BDGET` | —: kernels have ignored it since 2009 |
//! | `DM_SKIP_LOCKFS` | [`SuspendOptions::skip_lockfs`], [`SuspendPolicy::skip_lockfs`] |
//! | `DM_NOFLUSH` | [`SuspendOptions::noflush`], [`SuspendPolicy::noflush`], [`StatusOptions::noflush`] |
//! | `DM_QUERY_INACTIVE_TABLE` | [`InfoOptions::slot`], [`DepsOptions::slot`], [`StatusOptions::slot`] |
//! | `DM_UEVENT_GENERATED` | [`DeviceInfo::uevent_generated`] |
//! | `DM_UUID` | [`Dm::device_set_uuid`] |
//! | `DM_SECURE_DATA` | set for params that [may contain a key](Payload::may_hold_key); otherwise [`LoadOptions::secure`] and similar options |
//! | `DM_DATA_OUT` | [`MessageReply::text`] |
//! | `DM_DEFERRED_REMOVE` | [`RemovePolicy::deferred`], [`RemoveOptions::deferred`], [`RemoveAllOptions::deferred`]; in replies [`DeviceInfo::is_deferred_remove`] |
//! | `DM_INTERNAL_SUSPEND` | [`DeviceInfo::is_internally_suspended`] |
//!
//! # udev
//!
//! | there | here |
//! |---|---|
//! | waiting for udev in each command | [`Host`]: each operation waits, or a [`Batch`] waits once for several, with a timeout |
//! | `DmUdevFlags`; before 0.33 `DmCookie` | [`UdevFlags`], [`UdevCookie`] |
//! | `DM_UDEV_DISABLE_DM_RULES_FLAG` | [`UdevFlags::DISABLE_DM_RULES`] |
//! | `DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG` | [`UdevFlags::DISABLE_SUBSYSTEM_RULES`] |
//! | `DM_UDEV_DISABLE_DISK_RULES_FLAG` | [`UdevFlags::DISABLE_DISK_RULES`] |
//! | `DM_UDEV_DISABLE_OTHER_RULES_FLAG` | [`UdevFlags::DISABLE_OTHER_RULES`] |
//! | `DM_UDEV_LOW_PRIORITY_FLAG` | [`UdevFlags::LOW_PRIORITY`] |
//! | `DM_UDEV_DISABLE_LIBRARY_FALLBACK` | [`UdevFlags::DISABLE_LIBRARY_FALLBACK`]; how to wait is a [`Strategy`] |
//! | `DM_UDEV_PRIMARY_SOURCE_FLAG` | [`UdevFlags::PRIMARY_SOURCE`], which every operation sets |
//!
//! # Names, numbers and replies
//!
//! | there | here |
//! |---|---|
//! | `DevId`: `Name`, `Uuid` | [`DevId`], also by number; all types with [`AsDevId`], such as `&str` |
//! | `DmName::new`, `as_bytes`; `DmNameBuf::new` | [`DmName::new`], [`DmName::as_bytes`], [`DmNameBuf::new`]; any bytes that the kernel accepts |
//! | `DmUuid::new`, `as_bytes`; `DmUuidBuf::new` | [`DmUuid::new`], [`DmUuid::as_bytes`], [`DmUuidBuf::new`] |
//! | `Device`: `major`, `minor` | [`DeviceNumber`] |
//! | `Device::from_kdev_t`, `Device::to_kdev_t` | [`DeviceNumber::from_huge`], [`DeviceNumber::to_huge`] |
//! | `From` of `Device` and `dev_t` | [`DeviceNumber::from_dev_t`], [`DeviceNumber::to_dev_t`] |
//! | `FromStr` and `Display` of `Device` | the same of [`DeviceNumber`] |
//! | `DeviceInfo::version` | [`DeviceInfo::interface_version`] |
//! | `DeviceInfo::open_count`, `event_nr`, `flags` | [`DeviceInfo::open_count`], [`DeviceInfo::event_nr`], [`DeviceInfo::flags`] |
//! | `DeviceInfo::device` | [`DeviceInfo::number`] |
//! | `DeviceInfo::name`, `uuid` | [`DeviceInfo::name`], [`DeviceInfo::uuid`] |
//! | `DeviceInfo::new`, `TryFrom` of a raw header | —: replies are decoded and checked by each command |
//! | the tuples of `list_devices`, `table_status`, `list_versions` | [`ListedDevice`], [`TargetStatus`], [`TargetVersion`] |
//! | the tuples given to `table_load` | [`TargetLine`] |
//!
//! # Errors
//!
//! | there | here |
//! |---|---|
//! | `DmResult` | [`Result`](crate::Result); of an operation, `Result<_, OpError>` |
//! | `DmError`: `Core`, `Dm` | [`Error`] of a command, [`OpError`] of an operation, `DevError` of a whole device in `dm-targets` |
//! | `ErrorEnum`: `Error`, `Invalid`, `NotFound` | predicates: [`Error::is_invalid`], [`Error::is_not_found`], … |
//! | `errors::Error`: `ContextInit`; in 0.25 `ContextInitError` | [`OpenError`] |
//! | `errors::Error`: `InvalidArgument` | [`NameError`], [`RequestFault`] |
//! | `errors::Error`: `Ioctl`; in 0.25 `IoctlError` | [`Refusal`], with command, device, errno and the reason from the kernel's log |
//! | `errors::Error`: `IoctlResultTooLarge` | [`RequestFault::ReplyTooLarge`] |
//! | `errors::Error`: `MetadataIo`, `GeneralIo` | [`OpenError::File`], and [`std::io::Error`] of [`paths`] |
//! | `errors::Error`: `UdevSync` | [`UdevError`] |
//! | `ErrorKind`, `ResultExt` and the other items of `error_chain`, in 0.25 | [`std::error::Error::source`] of each error |

#[cfg(doc)]
use dm_units::DeviceNumber;

#[cfg(doc)]
use crate::{
    AsDevId, Batch, CreateOptions, DepsOptions, DevId, DeviceInfo, Dm, DmName, DmNameBuf, DmUuid, DmUuidBuf, Error,
    EventPoller, Flags, Host, InfoOptions, ListedDevice, LoadOptions, MessageReply, NameError, OpError, OpenError,
    Payload, Refusal, ReloadOptions, RemoveAllOptions, RemoveOptions, RemovePolicy, RequestFault, SetupOptions,
    StatusOptions, SuspendOptions, SuspendPolicy, TargetLine, TargetStatus, TargetVersion, Transport, UdevCookie,
    UdevFlags, paths,
    udev::{Strategy, UdevError, Visibility},
};
