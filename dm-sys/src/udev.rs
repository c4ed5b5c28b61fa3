//! The cookie that lets a program wait for udev, with libdevmapper's names.

/// High half of the key of a [cookie's](crate#the-udev-cookie) semaphore.
pub const DM_COOKIE_MAGIC: u32 = 0x0d4d;
/// The bits of the cookie that hold flags.
pub const DM_UDEV_FLAGS_MASK: u32 = 0xffff_0000;
/// Position of the flags in the cookie: shift flags such as [`DM_UDEV_PRIMARY_SOURCE_FLAG`] left by this number of
/// bits.
pub const DM_UDEV_FLAGS_SHIFT: u32 = 16;

/// Flag: the device mapper's own rules make no links in `/dev/mapper`.
pub const DM_UDEV_DISABLE_DM_RULES_FLAG: u32 = 0x0001;
/// Flag: the rules of subsystems such as LVM do nothing.
pub const DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG: u32 = 0x0002;
/// Flag: the rules that make the links in `/dev/disk` do nothing.
pub const DM_UDEV_DISABLE_DISK_RULES_FLAG: u32 = 0x0004;
/// Flag: all other rules should do nothing.
pub const DM_UDEV_DISABLE_OTHER_RULES_FLAG: u32 = 0x0008;
/// Flag: if another device claims the same link, the other device gets the link.
pub const DM_UDEV_LOW_PRIORITY_FLAG: u32 = 0x0010;
/// Flag: libdevmapper leaves the device nodes to udev.
pub const DM_UDEV_DISABLE_LIBRARY_FALLBACK: u32 = 0x0020;
/// Flag: the event comes from a command and not from `udevadm trigger`. libdevmapper always sets this flag.
pub const DM_UDEV_PRIMARY_SOURCE_FLAG: u32 = 0x0040;
/// Flag 0 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG0: u32 = 0x0100;
/// Flag 1 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG1: u32 = 0x0200;
/// Flag 2 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG2: u32 = 0x0400;
/// Flag 3 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG3: u32 = 0x0800;
/// Flag 4 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG4: u32 = 0x1000;
/// Flag 5 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG5: u32 = 0x2000;
/// Flag 6 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG6: u32 = 0x4000;
/// Flag 7 for private use by the subsystem that owns the device, such as LVM.
pub const DM_SUBSYSTEM_UDEV_FLAG7: u32 = 0x8000;
