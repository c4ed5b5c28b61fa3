//! Command numbers and the request codes made of them.

use crate::ioc::{NATIVE, io, iowr};
use crate::structs::dm_ioctl;

/// Magic number of the device mapper's ioctls.
pub const DM_IOCTL: u8 = 0xfd;

/// Number of [`DM_VERSION`].
pub const DM_VERSION_CMD: u8 = 0;
/// Number of [`DM_REMOVE_ALL`].
pub const DM_REMOVE_ALL_CMD: u8 = 1;
/// Number of [`DM_LIST_DEVICES`].
pub const DM_LIST_DEVICES_CMD: u8 = 2;
/// Number of [`DM_DEV_CREATE`].
pub const DM_DEV_CREATE_CMD: u8 = 3;
/// Number of [`DM_DEV_REMOVE`].
pub const DM_DEV_REMOVE_CMD: u8 = 4;
/// Number of [`DM_DEV_RENAME`].
pub const DM_DEV_RENAME_CMD: u8 = 5;
/// Number of [`DM_DEV_SUSPEND`].
pub const DM_DEV_SUSPEND_CMD: u8 = 6;
/// Number of [`DM_DEV_STATUS`].
pub const DM_DEV_STATUS_CMD: u8 = 7;
/// Number of [`DM_DEV_WAIT`].
pub const DM_DEV_WAIT_CMD: u8 = 8;
/// Number of [`DM_TABLE_LOAD`].
pub const DM_TABLE_LOAD_CMD: u8 = 9;
/// Number of [`DM_TABLE_CLEAR`].
pub const DM_TABLE_CLEAR_CMD: u8 = 10;
/// Number of [`DM_TABLE_DEPS`].
pub const DM_TABLE_DEPS_CMD: u8 = 11;
/// Number of [`DM_TABLE_STATUS`].
pub const DM_TABLE_STATUS_CMD: u8 = 12;
/// Number of [`DM_LIST_VERSIONS`].
pub const DM_LIST_VERSIONS_CMD: u8 = 13;
/// Number of [`DM_TARGET_MSG`].
pub const DM_TARGET_MSG_CMD: u8 = 14;
/// Number of [`DM_DEV_SET_GEOMETRY`].
pub const DM_DEV_SET_GEOMETRY_CMD: u8 = 15;
/// Number of [`DM_DEV_ARM_POLL`].
pub const DM_DEV_ARM_POLL_CMD: u8 = 16;
/// Number of [`DM_GET_TARGET_VERSION`].
pub const DM_GET_TARGET_VERSION_CMD: u8 = 17;
/// Number of [`DM_MPATH_PROBE_PATHS`].
pub const DM_MPATH_PROBE_PATHS_CMD: u8 = 18;

/// Size of the argument that the request codes name. The kernel itself looks at neither size nor
/// direction (`drivers/md/dm-ioctl.c`, `ctl_ioctl`).
const HEADER_SIZE: u16 = 312;
const _: () = assert!(size_of::<dm_ioctl>() == HEADER_SIZE as usize);

const fn control(nr: u8) -> u32 {
    iowr(NATIVE, DM_IOCTL, nr, HEADER_SIZE)
}

/// Reports the kernel's interface version. The kernel also reports its version when it refuses the version of a
/// request. Since interface 4.0.
pub const DM_VERSION: u32 = control(DM_VERSION_CMD);
/// Removes every device that is not open, then those that were open only because a removed device used them. With
/// [`DM_DEFERRED_REMOVE`](crate::DM_DEFERRED_REMOVE), devices that are still open are removed after their last close.
/// The kernel writes nothing back except the version. Since interface 4.0.
pub const DM_REMOVE_ALL: u32 = control(DM_REMOVE_ALL_CMD);
/// Lists the devices. Since interface 4.0; event numbers since 4.37, uuids and a prefix filter since 4.45.
pub const DM_LIST_DEVICES: u32 = control(DM_LIST_DEVICES_CMD);
/// Creates a device with both table slots empty. Since interface 4.0.
pub const DM_DEV_CREATE: u32 = control(DM_DEV_CREATE_CMD);
/// Removes a device that is not open, and its tables. With [`DM_DEFERRED_REMOVE`](crate::DM_DEFERRED_REMOVE), an open
/// device is removed after its last close. Since interface 4.0.
pub const DM_DEV_REMOVE: u32 = control(DM_DEV_REMOVE_CMD);
/// Renames a device, or sets the uuid of a device that has none. The device must be given by name. Since interface 4.0;
/// uuids since 4.19.
pub const DM_DEV_RENAME: u32 = control(DM_DEV_RENAME_CMD);
/// Suspends a device if [`DM_SUSPEND_FLAG`](crate::DM_SUSPEND_FLAG) is set, and otherwise resumes the device. A resume
/// first moves the table in the inactive slot, if there is one, to the active slot. Since interface 4.0.
pub const DM_DEV_SUSPEND: u32 = control(DM_DEV_SUSPEND_CMD);
/// Reports a device's number, name, uuid, open count, state flags, event number and number of targets in the header.
/// Since interface 4.0.
pub const DM_DEV_STATUS: u32 = control(DM_DEV_STATUS_CMD);
/// Waits until a device's event number differs from the given number, then replies as [`DM_TABLE_STATUS`] does. Since
/// interface 4.0.
pub const DM_DEV_WAIT: u32 = control(DM_DEV_WAIT_CMD);
/// Loads a table into the inactive slot. Since interface 4.0.
pub const DM_TABLE_LOAD: u32 = control(DM_TABLE_LOAD_CMD);
/// Removes the table in the inactive slot. Since interface 4.0.
pub const DM_TABLE_CLEAR: u32 = control(DM_TABLE_CLEAR_CMD);
/// Lists the devices that a table uses. Since interface 4.0.
pub const DM_TABLE_DEPS: u32 = control(DM_TABLE_DEPS_CMD);
/// Reports the status of each target of a table, or its table text with
/// [`DM_STATUS_TABLE_FLAG`](crate::DM_STATUS_TABLE_FLAG). Since interface 4.0.
pub const DM_TABLE_STATUS: u32 = control(DM_TABLE_STATUS_CMD);
/// Lists the registered target types and their versions. Since interface 4.1.
pub const DM_LIST_VERSIONS: u32 = control(DM_LIST_VERSIONS_CMD);
/// Sends a message to the target that maps a sector. A message whose first word starts with `@` goes to the core of the
/// device mapper instead. Since interface 4.2.
pub const DM_TARGET_MSG: u32 = control(DM_TARGET_MSG_CMD);
/// Sets the cylinders, heads and sectors (CHS) that a device reports. The kernel writes nothing back except the
/// version. Since interface 4.6.
pub const DM_DEV_SET_GEOMETRY: u32 = control(DM_DEV_SET_GEOMETRY_CMD);
/// Records the global event counter for this open control node. `poll` then reports the node as readable once the
/// counter has changed. Since interface 4.36.
pub const DM_DEV_ARM_POLL: u32 = control(DM_DEV_ARM_POLL_CMD);
/// Reports the version of the target type given in `name`, and loads the target's module if necessary. Since interface
/// 4.41.
pub const DM_GET_TARGET_VERSION: u32 = control(DM_GET_TARGET_VERSION_CMD);
/// Reads from each active path of a multipath device's current group, and fails the paths that cannot be read. The
/// ioctl goes **to the multipath block device**, not to the control node, and has no argument. Since interface 4.50.
///
/// This is the only request code whose value depends on the architecture: `0x2000fd12` on MIPS, PowerPC and SPARC, and
/// `0xfd12` elsewhere.
pub const DM_MPATH_PROBE_PATHS: u32 = io(NATIVE, DM_IOCTL, DM_MPATH_PROBE_PATHS_CMD);
