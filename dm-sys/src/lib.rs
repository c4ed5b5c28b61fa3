//! The Linux device mapper's ioctl interface, under its C names: what the kernel's `include/uapi/linux/dm-ioctl.h`
//! declares, and the flags of libdevmapper's [udev cookie](#the-udev-cookie).
//!
//! The crate has no dependencies and no build script, needs no kernel headers and makes no system calls. It describes
//! interface 4.50 (Linux 6.16). A program built with this crate runs on older and newer kernels as well, since each
//! kernel decides at run time what it supports.
//!
//! # How a command is sent
//!
//! Every command except [`DM_MPATH_PROBE_PATHS`] is one `ioctl` on the control node, `/dev/mapper/control`. The
//! argument points to a buffer that starts with a header, a [`dm_ioctl`]. The payload after the header depends on the
//! command:
//!
//! | command | to the kernel | from the kernel |
//! |---|---|---|
//! | [`DM_LIST_DEVICES`] | | chain of [`dm_name_list`], each with a [`dm_name_list_trailer`] |
//! | [`DM_DEV_RENAME`] | new name or uuid, NUL-terminated | |
//! | [`DM_DEV_SET_GEOMETRY`] | `cylinders heads sectors start`, NUL-terminated | |
//! | [`DM_TABLE_LOAD`] | chain of [`dm_target_spec`] | |
//! | [`DM_TABLE_STATUS`], [`DM_DEV_WAIT`] | | chain of [`dm_target_spec`] |
//! | [`DM_TABLE_DEPS`] | | [`dm_target_deps`] |
//! | [`DM_LIST_VERSIONS`] | | chain of [`dm_target_versions`] |
//! | [`DM_GET_TARGET_VERSION`] | | one [`dm_target_versions`] |
//! | [`DM_TARGET_MSG`] | [`dm_target_msg`] | NUL-terminated text, if [`DM_DATA_OUT_FLAG`] is set |
//! | all others | | |
//!
//! The steps are the same for every wrapper of the system call (`libc::ioctl`, nix, rustix or inline assembly):
//!
//! 1. Take a buffer that is aligned to 8 bytes and filled with zeros **to its end**. If the command has a payload, the
//!    kernel reads the whole buffer, and the reply still contains the caller's bytes where the kernel wrote nothing.
//! 2. Fill in the header: `version` (the lowest interface version that has the command and its flags),
//!    `data_size` (the buffer's length), `data_start` (where the payload begins, usually
//!    `size_of::<dm_ioctl>()`), the device, the flags.
//! 3. Issue the request code, for example [`DM_DEV_STATUS`]. The codes are `u32`, but the parameter of `ioctl` is an
//!    `unsigned long` or an `int`, depending on the C library. Convert with `code as _`, which keeps all 32 bits.
//! 4. On success, check `flags` for [`DM_BUFFER_FULL_FLAG`]. If the flag is set, repeat the command with a larger
//!    buffer and a new header. (This executes a message again.) Otherwise the payload of the reply extends from
//!    `data_start` to `data_size`. If `data_size` is not larger than `data_start`, the reply has no payload.
//!
//! ```
//! use dm_sys::{DM_DEV_STATUS, DM_VERSION_MAJOR, dm_ioctl};
//!
//! let mut header = dm_ioctl {
//!     version: [DM_VERSION_MAJOR, 0, 0],
//!     data_size: size_of::<dm_ioctl>() as u32,
//!     data_start: size_of::<dm_ioctl>() as u32,
//!     ..dm_ioctl::default()
//! };
//! header.name[..4].copy_from_slice(b"root");
//!
//! assert_eq!(DM_DEV_STATUS, 0xc138_fd07);
//! // let answer = unsafe { libc::ioctl(control_fd, DM_DEV_STATUS as _, &mut header) };
//! ```
//!
//! # Flags
//!
//! The kernel reads some bits of [`dm_ioctl::flags`] in a request, and sets others in the reply. It ignores bits that a
//! command does not use, and mostly returns them unchanged.
//!
//! # The udev cookie
//!
//! A cookie lets a program wait until udev has finished with a device. Cookies are a convention between libdevmapper
//! and its udev rules. A program passes the cookie as [`dm_ioctl::event_nr`] of a resume, removal or rename. The kernel
//! only copies it, unless it is zero, into the variable `DM_COOKIE` of the uevent.
//!
//! The low 16 bits of the cookie identify a System V semaphore, which the rules decrement. The high 16 bits are flags
//! for the rules, such as [`DM_UDEV_PRIMARY_SOURCE_FLAG`], shifted left by [`DM_UDEV_FLAGS_SHIFT`]. The key of the
//! semaphore is the cookie with [`DM_COOKIE_MAGIC`] in place of the flags.
//!
//! # What the types promise
//!
//! - Structures are `#[repr(C)]` and consist of integers and arrays of integers, so any bytes that the kernel writes
//!   are valid. The layout is asserted at compile time on every target.
//! - C's `char` arrays are `[u8; N]`, because names are bytes without a defined encoding, and the signedness of
//!   `c_char` depends on the architecture.
//! - C's flexible array members are zero-length arrays, which mark the start of the data.
//! - All numbers are in the byte order of the machine.
//!
//! The safe interface on top of this crate is `dm-core`.
#![no_std]

mod commands;
mod flags;
mod ioc;
mod limits;
mod structs;
mod udev;

pub use commands::*;
pub use flags::*;
pub use limits::*;
pub use structs::*;
pub use udev::*;

/// Compiles and runs the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
