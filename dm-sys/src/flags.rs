//! Bits of [`dm_ioctl::flags`](crate::dm_ioctl::flags) and of an entry of the device list.
//!
//! Bits 2 and 7 are not assigned (libdevmapper uses bit 2 for itself, as `DM_EXISTS_FLAG`).

/// In a request ([`DM_TABLE_LOAD`](crate::DM_TABLE_LOAD)): open the table's devices read-only, and make the mapped
/// device read-only. In a reply: the device has an active table and is read-only. With
/// [`DM_QUERY_INACTIVE_TABLE_FLAG`]: the inactive table is read-only.
pub const DM_READONLY_FLAG: u32 = 1 << 0;
/// In a request ([`DM_DEV_SUSPEND`](crate::DM_DEV_SUSPEND)): set to suspend, clear to resume. In a reply: the device is
/// suspended.
pub const DM_SUSPEND_FLAG: u32 = 1 << 1;
/// In a request ([`DM_DEV_CREATE`](crate::DM_DEV_CREATE)): use the minor number of `dev`.
pub const DM_PERSISTENT_DEV_FLAG: u32 = 1 << 3;
/// In a request ([`DM_TABLE_STATUS`](crate::DM_TABLE_STATUS), [`DM_DEV_WAIT`](crate::DM_DEV_WAIT)): report the table
/// text instead of the status.
pub const DM_STATUS_TABLE_FLAG: u32 = 1 << 4;
/// In a reply: the active slot holds a table.
pub const DM_ACTIVE_PRESENT_FLAG: u32 = 1 << 5;
/// In a reply: the inactive slot holds a table.
pub const DM_INACTIVE_PRESENT_FLAG: u32 = 1 << 6;
/// In a reply: the reply did not fit into the buffer. The ioctl succeeds nevertheless.
pub const DM_BUFFER_FULL_FLAG: u32 = 1 << 8;
/// In a request: has no effect any more.
pub const DM_SKIP_BDGET_FLAG: u32 = 1 << 9;
/// In a request ([`DM_DEV_SUSPEND`](crate::DM_DEV_SUSPEND)): do not freeze a file system on the device.
pub const DM_SKIP_LOCKFS_FLAG: u32 = 1 << 10;
/// In a request ([`DM_DEV_SUSPEND`](crate::DM_DEV_SUSPEND)): do not flush queued I/O. Since interface 4.12. In a
/// request ([`DM_TABLE_STATUS`](crate::DM_TABLE_STATUS), [`DM_DEV_WAIT`](crate::DM_DEV_WAIT)): do not commit metadata
/// before the report.
pub const DM_NOFLUSH_FLAG: u32 = 1 << 11;
/// In a request: report on the inactive table instead of the active one. Before you read the reply, check its
/// [`DM_INACTIVE_PRESENT_FLAG`]. Since interface 4.16.
pub const DM_QUERY_INACTIVE_TABLE_FLAG: u32 = 1 << 12;
/// In a reply: a uevent was sent. udev, if it runs, then completes the [cookie](crate#the-udev-cookie) in the request's
/// `event_nr`. Since interface 4.17.
pub const DM_UEVENT_GENERATED_FLAG: u32 = 1 << 13;
/// In a request ([`DM_DEV_RENAME`](crate::DM_DEV_RENAME)): the payload is a uuid. Since interface 4.19. In a request
/// ([`DM_LIST_DEVICES`](crate::DM_LIST_DEVICES)): report the uuids. Since interface 4.45.
pub const DM_UUID_FLAG: u32 = 1 << 14;
/// In a request: wipe the caller's buffer right after reading it, and the kernel's copy of the buffer when the command
/// ends. The flag does not cover copies that a target makes. Never set in a reply. Since interface 4.20.
pub const DM_SECURE_DATA_FLAG: u32 = 1 << 15;
/// In a reply ([`DM_TARGET_MSG`](crate::DM_TARGET_MSG)): the message returned text.
pub const DM_DATA_OUT_FLAG: u32 = 1 << 16;
/// In a request ([`DM_DEV_REMOVE`](crate::DM_DEV_REMOVE), [`DM_REMOVE_ALL`](crate::DM_REMOVE_ALL)): remove an open
/// device after its last close. In a reply: the device will be removed after its last close. Since interface 4.27.
pub const DM_DEFERRED_REMOVE: u32 = 1 << 17;
/// In a reply: the kernel itself has suspended the device.
pub const DM_INTERNAL_SUSPEND_FLAG: u32 = 1 << 18;
/// In a request ([`DM_TABLE_STATUS`](crate::DM_TABLE_STATUS), [`DM_DEV_WAIT`](crate::DM_DEV_WAIT)): report the text
/// that the integrity measurement architecture (IMA) would measure, unless [`DM_STATUS_TABLE_FLAG`] is set too. Since
/// Linux 5.15, without a new interface version. Older kernels ignore the flag and report the status.
pub const DM_IMA_MEASUREMENT_FLAG: u32 = 1 << 19;

/// Bit of [`dm_name_list_trailer::flags`](crate::dm_name_list_trailer::flags): a uuid follows.
pub const DM_NAME_LIST_FLAG_HAS_UUID: u32 = 1;
/// Bit of [`dm_name_list_trailer::flags`](crate::dm_name_list_trailer::flags): the device has no
/// uuid.
pub const DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID: u32 = 2;
