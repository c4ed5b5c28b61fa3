//! The structures of a request and of its reply.

use crate::{DM_MAX_TYPE_NAME, DM_NAME_LEN, DM_UUID_LEN};

/// Header of every request to the control node, and of every reply.
///
/// In a command on an existing device, one of `uuid`, `name` and `dev` identifies the device. The other two must be
/// zero. [`DM_DEV_RENAME`](crate::DM_DEV_RENAME) requires the name.
///
/// Other commands use these fields as follows:
///
/// - [`DM_DEV_CREATE`](crate::DM_DEV_CREATE) takes the name and uuid of the new device and, with
///   [`DM_PERSISTENT_DEV_FLAG`](crate::DM_PERSISTENT_DEV_FLAG), its minor number.
/// - [`DM_LIST_DEVICES`](crate::DM_LIST_DEVICES) takes prefixes of names and uuids, since interface 4.45.
/// - [`DM_GET_TARGET_VERSION`](crate::DM_GET_TARGET_VERSION) takes a target type as the name.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dm_ioctl {
    /// In a request: the interface version that the caller needs. In a reply: the kernel's version, even if the kernel
    /// refused the requested version.
    pub version: [u32; 3],
    /// In a request: size of the whole buffer in bytes. In a reply: number of bytes that the reply uses. Both include
    /// this header.
    pub data_size: u32,
    /// Offset in bytes from the start of this header to the payload.
    pub data_start: u32,
    /// In a request: number of [`dm_target_spec`]s in the table to load. In a reply: number of targets in the active
    /// table, or, with [`DM_QUERY_INACTIVE_TABLE_FLAG`](crate::DM_QUERY_INACTIVE_TABLE_FLAG), in the inactive table.
    pub target_count: u32,
    /// In a reply: how many times the device is open.
    pub open_count: i32,
    /// Bits such as [`DM_SUSPEND_FLAG`](crate::DM_SUSPEND_FLAG), in requests and replies.
    pub flags: u32,
    /// In a request: the last event number seen ([`DM_DEV_WAIT`](crate::DM_DEV_WAIT)) or a [udev
    /// cookie](crate#the-udev-cookie) (resume, remove, rename). In a reply: the device's event number.
    pub event_nr: u32,
    /// Not used.
    pub padding: u32,
    /// Device number in the encoding of the kernel's `huge_encode_dev` (`include/linux/kdev_t.h`), or 0.
    pub dev: u64,
    /// Name of the device, NUL-terminated.
    pub name: [u8; DM_NAME_LEN],
    /// Uuid of the device, NUL-terminated.
    pub uuid: [u8; DM_UUID_LEN],
    /// Padding. The new name of a rename, a geometry or a message may start here.
    pub data: [u8; 7],
}

impl Default for dm_ioctl {
    /// All bytes zero.
    fn default() -> Self {
        Self {
            version: [0; 3],
            data_size: 0,
            data_start: 0,
            target_count: 0,
            open_count: 0,
            flags: 0,
            event_nr: 0,
            padding: 0,
            dev: 0,
            name: [0; DM_NAME_LEN],
            uuid: [0; DM_UUID_LEN],
            data: [0; 7],
        }
    }
}

/// One line of a table, or the status of one line.
///
/// The NUL-terminated parameters follow the structure directly. The next structure starts at a multiple of 8 bytes,
/// counted from the first structure.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dm_target_spec {
    /// First sector of the mapped device that the target maps.
    pub sector_start: u64,
    /// Number of sectors that the target maps.
    pub length: u64,
    /// In a reply: always 0. In a request: not used.
    pub status: i32,
    /// Offset in bytes to the next structure. In a table to load, the offset is counted from the start of **this**
    /// structure. In a status, it is counted from the start of the **first** structure. The last structure of a status
    /// contains the offset of the end of its parameters, rounded up to a multiple of 8. This offset can lie beyond the
    /// reply's `data_size`.
    pub next: u32,
    /// Target type, NUL-terminated.
    pub target_type: [u8; DM_MAX_TYPE_NAME],
}

/// The reply of [`DM_TABLE_DEPS`](crate::DM_TABLE_DEPS): the devices that a table uses.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dm_target_deps {
    /// Number of entries in `dev`.
    pub count: u32,
    /// Not written by the kernel.
    pub padding: u32,
    /// Start of the device numbers, in the same encoding as [`dm_ioctl::dev`].
    pub dev: [u64; 0],
}

/// One entry of the reply of [`DM_LIST_DEVICES`](crate::DM_LIST_DEVICES). A [`dm_name_list_trailer`] follows the name,
/// at [`trailer_offset`](Self::trailer_offset).
///
/// If the list is empty, the reply's `data_size` equals its `data_start`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dm_name_list {
    /// Device number, in the same encoding as [`dm_ioctl::dev`].
    pub dev: u64,
    /// Offset in bytes from the start of this entry to the next one, 0 in the last.
    pub next: u32,
    /// Start of the NUL-terminated name. Use the offset of this field, not the size of the structure: if C pads the
    /// structure to 16 bytes, the name starts in the padding.
    pub name: [u8; 0],
}

impl dm_name_list {
    /// Offset in bytes from the start of an entry to its [`dm_name_list_trailer`], for a name of `name_len` bytes
    /// without its NUL. Returns `None` if the offset does not fit in a `usize`.
    pub const fn trailer_offset(name_len: usize) -> Option<usize> {
        const AROUND_NAME: usize = core::mem::offset_of!(dm_name_list, name) + 1;
        match name_len.checked_add(AROUND_NAME) {
            Some(end) => end.checked_next_multiple_of(8),
            None => None,
        }
    }
}

/// The fields after the name of a [`dm_name_list`]. The C header only describes them in a comment.
///
/// Kernel: `drivers/md/dm-ioctl.c`, `list_devices`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dm_name_list_trailer {
    /// The device's event number. Since interface 4.37; earlier kernels write no trailer.
    pub event_nr: u32,
    /// `DM_NAME_LIST_FLAG_*` bits, or 0 if the request lacked [`DM_UUID_FLAG`](crate::DM_UUID_FLAG). Since interface
    /// 4.45; earlier kernels leave the caller's bytes there.
    pub flags: u32,
    /// Start of the NUL-terminated uuid, if `flags` has
    /// [`DM_NAME_LIST_FLAG_HAS_UUID`](crate::DM_NAME_LIST_FLAG_HAS_UUID).
    pub uuid: [u8; 0],
}

/// A target type and its version, as [`DM_LIST_VERSIONS`](crate::DM_LIST_VERSIONS) and
/// [`DM_GET_TARGET_VERSION`](crate::DM_GET_TARGET_VERSION) report them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dm_target_versions {
    /// Offset in bytes from the start of this entry to the next one, 0 in the last.
    pub next: u32,
    /// Major, minor and patch level.
    pub version: [u32; 3],
    /// Start of the NUL-terminated name of the target type.
    pub name: [u8; 0],
}

/// The payload of [`DM_TARGET_MSG`](crate::DM_TARGET_MSG): a message to a target, or to the core of the device mapper.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dm_target_msg {
    /// A sector of the mapped device. The target that maps this sector gets the message. If the first word of the text
    /// starts with `@`, the core gets the message and the sector is ignored.
    pub sector: u64,
    /// Start of the NUL-terminated text.
    pub message: [u8; 0],
}

/// Fails the build if the layout of a structure differs from the kernel's ABI.
///
/// C's `__u64` is aligned to 8 bytes on most architectures, to 4 on 32-bit x86 and to 2 on m68k. That moves no field,
/// but changes the padding at the end of a structure.
mod layout {
    use super::*;
    use core::mem::offset_of;

    const _: () = {
        assert!(size_of::<dm_ioctl>() == 312);
        assert!(align_of::<dm_ioctl>() == align_of::<u64>());
        assert!(offset_of!(dm_ioctl, version) == 0);
        assert!(offset_of!(dm_ioctl, data_size) == 12);
        assert!(offset_of!(dm_ioctl, data_start) == 16);
        assert!(offset_of!(dm_ioctl, target_count) == 20);
        assert!(offset_of!(dm_ioctl, open_count) == 24);
        assert!(offset_of!(dm_ioctl, flags) == 28);
        assert!(offset_of!(dm_ioctl, event_nr) == 32);
        assert!(offset_of!(dm_ioctl, padding) == 36);
        assert!(offset_of!(dm_ioctl, dev) == 40);
        assert!(offset_of!(dm_ioctl, name) == 48);
        assert!(offset_of!(dm_ioctl, uuid) == 176);
        assert!(offset_of!(dm_ioctl, data) == 305);
    };

    const _: () = {
        assert!(size_of::<dm_target_spec>() == 40);
        assert!(align_of::<dm_target_spec>() == align_of::<u64>());
        assert!(offset_of!(dm_target_spec, sector_start) == 0);
        assert!(offset_of!(dm_target_spec, length) == 8);
        assert!(offset_of!(dm_target_spec, status) == 16);
        assert!(offset_of!(dm_target_spec, next) == 20);
        assert!(offset_of!(dm_target_spec, target_type) == 24);
    };

    const _: () = {
        assert!(size_of::<dm_target_deps>() == 8);
        assert!(align_of::<dm_target_deps>() == align_of::<u64>());
        assert!(offset_of!(dm_target_deps, count) == 0);
        assert!(offset_of!(dm_target_deps, padding) == 4);
        assert!(offset_of!(dm_target_deps, dev) == 8);
    };

    const _: () = {
        assert!(size_of::<dm_name_list>() == 12_usize.next_multiple_of(align_of::<u64>()));
        assert!(align_of::<dm_name_list>() == align_of::<u64>());
        assert!(offset_of!(dm_name_list, dev) == 0);
        assert!(offset_of!(dm_name_list, next) == 8);
        assert!(offset_of!(dm_name_list, name) == 12);
    };

    const _: () = {
        assert!(size_of::<dm_name_list_trailer>() == 8);
        assert!(align_of::<dm_name_list_trailer>() == align_of::<u32>());
        assert!(offset_of!(dm_name_list_trailer, event_nr) == 0);
        assert!(offset_of!(dm_name_list_trailer, flags) == 4);
        assert!(offset_of!(dm_name_list_trailer, uuid) == 8);
    };

    const _: () = {
        assert!(size_of::<dm_target_versions>() == 16);
        assert!(align_of::<dm_target_versions>() == align_of::<u32>());
        assert!(offset_of!(dm_target_versions, next) == 0);
        assert!(offset_of!(dm_target_versions, version) == 4);
        assert!(offset_of!(dm_target_versions, name) == 16);
    };

    const _: () = {
        assert!(size_of::<dm_target_msg>() == 8);
        assert!(align_of::<dm_target_msg>() == align_of::<u64>());
        assert!(offset_of!(dm_target_msg, sector) == 0);
        assert!(offset_of!(dm_target_msg, message) == 8);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_starts_at_the_next_multiple_of_8_after_the_nul() {
        assert_eq!(dm_name_list::trailer_offset(1), Some(16)); // 12 + 1 + NUL = 14
        assert_eq!(dm_name_list::trailer_offset(3), Some(16)); // 12 + 3 + NUL = 16
        assert_eq!(dm_name_list::trailer_offset(4), Some(24)); // 12 + 4 + NUL = 17
        assert_eq!(dm_name_list::trailer_offset(127), Some(144)); // 12 + 127 + NUL = 140
        assert_eq!(dm_name_list::trailer_offset(usize::MAX), None);
    }
}
