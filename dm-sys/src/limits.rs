//! Names, lengths, limits and the version of the interface.

/// Directory below `/dev` that holds the control node and, by convention, the devices' links.
pub const DM_DIR: &str = "mapper";
/// Name of the control node in [`DM_DIR`].
pub const DM_CONTROL_NODE: &str = "control";
/// Name of the driver in `/proc/misc` and `/proc/devices`. Kernel: `include/linux/device-mapper.h`.
pub const DM_NAME: &str = "device-mapper";
/// Major number of the control node. Kernel: `include/uapi/linux/major.h`.
pub const MISC_MAJOR: u32 = 10;
/// Minor number of the control node. Old kernels chose a free number instead, which is in `/proc/misc`. Kernel:
/// `include/linux/miscdevice.h`.
pub const MAPPER_CTRL_MINOR: u32 = 236;

/// Maximum length of a target type's name in bytes, including the NUL.
pub const DM_MAX_TYPE_NAME: usize = 16;
/// Maximum length of a device's name in bytes, including the NUL.
pub const DM_NAME_LEN: usize = 128;
/// Maximum length of a device's uuid in bytes, including the NUL.
pub const DM_UUID_LEN: usize = 129;

/// Maximum number of targets in a table, in newer kernels. Kernel: `drivers/md/dm-core.h`.
pub const DM_MAX_TARGETS: u32 = 1_048_576;
/// The largest `data_size` in bytes that newer kernels accept, divided by [`DM_MAX_TARGETS`]. The params of a single
/// target can be longer. Kernel: `drivers/md/dm-core.h`.
pub const DM_MAX_TARGET_PARAMS: u32 = 1024;

/// Major number of the interface. A different one means an incompatible interface.
pub const DM_VERSION_MAJOR: u32 = 4;
/// Minor number of the interface that this crate describes (Linux 6.16).
///
/// Do not send this number in a request, since a kernel refuses a minor number above its own. Send the lowest minor
/// number that has the command and its flags.
pub const DM_VERSION_MINOR: u32 = 50;
/// Patch level of the interface that this crate describes. The kernel ignores the patch level of a request.
pub const DM_VERSION_PATCHLEVEL: u32 = 0;
/// The text that the kernel prints after this version of the interface.
pub const DM_VERSION_EXTRA: &str = "-ioctl (2025-04-28)";
