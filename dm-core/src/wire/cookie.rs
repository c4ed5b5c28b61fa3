//! The cookie that a command passes to udev with its uevent.

use core::fmt;

use dm_sys as sys;

bitflags::bitflags! {
    /// The flags in a [cookie](UdevCookie), which tell udev's rules what to do with the uevent.
    ///
    /// The kernel copies the flags into the uevent's `DM_COOKIE`. Their meaning is a convention of libdm and its rules.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UdevFlags: u32 {
        /// The device mapper's own rules make no links in `/dev/mapper`.
        const DISABLE_DM_RULES = sys::DM_UDEV_DISABLE_DM_RULES_FLAG;
        /// The rules of subsystems such as LVM do nothing.
        const DISABLE_SUBSYSTEM_RULES = sys::DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG;
        /// The rules that make the links in `/dev/disk` do nothing.
        const DISABLE_DISK_RULES = sys::DM_UDEV_DISABLE_DISK_RULES_FLAG;
        /// The rules that belong to neither the device mapper nor a subsystem should do nothing.
        const DISABLE_OTHER_RULES = sys::DM_UDEV_DISABLE_OTHER_RULES_FLAG;
        /// If several devices claim the same link, the link leads to a device without this flag.
        const LOW_PRIORITY = sys::DM_UDEV_LOW_PRIORITY_FLAG;
        /// The library that sends the command leaves the nodes below `/dev/mapper` to udev.
        const DISABLE_LIBRARY_FALLBACK = sys::DM_UDEV_DISABLE_LIBRARY_FALLBACK;
        /// The uevent comes from a command and not from `udevadm trigger`. Set it in every cookie, as libdm does.
        const PRIMARY_SOURCE = sys::DM_UDEV_PRIMARY_SOURCE_FLAG;
        /// Flag 0 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_0 = sys::DM_SUBSYSTEM_UDEV_FLAG0;
        /// Flag 1 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_1 = sys::DM_SUBSYSTEM_UDEV_FLAG1;
        /// Flag 2 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_2 = sys::DM_SUBSYSTEM_UDEV_FLAG2;
        /// Flag 3 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_3 = sys::DM_SUBSYSTEM_UDEV_FLAG3;
        /// Flag 4 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_4 = sys::DM_SUBSYSTEM_UDEV_FLAG4;
        /// Flag 5 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_5 = sys::DM_SUBSYSTEM_UDEV_FLAG5;
        /// Flag 6 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_6 = sys::DM_SUBSYSTEM_UDEV_FLAG6;
        /// Flag 7 of the subsystem that owns the device, such as LVM. The subsystem defines its meaning.
        const SUBSYSTEM_7 = sys::DM_SUBSYSTEM_UDEV_FLAG7;
    }
}

/// The number that a resume, a removal or a rename adds to its uevent as `DM_COOKIE`.
///
/// The kernel accepts any number; 0 means no cookie. If the command causes no uevent, the number is not passed on: see
/// [`uevent_generated`](crate::DeviceInfo::uevent_generated).
///
/// udev's device-mapper rules read two halves. The upper 16 bits are the [`UdevFlags`]. The lower 16 bits, the
/// [`base`](Self::base), identify a System V semaphore with the key `0x0d4d0000` plus the base. The rules decrement the
/// semaphore when they have finished, so it must exist before the command is sent. If the base is 0, there is no
/// semaphore, and only the flags are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UdevCookie(u32);

impl UdevCookie {
    /// Makes a cookie from the [`base`](Self::base), which identifies its semaphore, and the flags for udev's rules.
    #[must_use]
    pub const fn new(base: u16, flags: UdevFlags) -> Self {
        Self(base as u32 | flags.bits() << sys::DM_UDEV_FLAGS_SHIFT)
    }

    /// Makes a cookie without a semaphore: it passes flags to udev's rules, and no process waits for it.
    #[must_use]
    pub const fn flags_only(flags: UdevFlags) -> Self {
        Self::new(0, flags)
    }

    /// Makes a cookie from the number in a uevent's `DM_COOKIE`, or from the key of a semaphore. Do not send a cookie
    /// made from a key, and use only its [`base`](Self::base): the upper half of a key is not a set of flags.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The whole number, as the kernel and udev see it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The lower 16 bits, which identify the cookie's semaphore. 0 if the cookie has no semaphore.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    pub const fn base(self) -> u16 {
        self.0 as u16
    }

    /// The flags for udev's rules, including unknown flags.
    #[must_use]
    pub const fn flags(self) -> UdevFlags {
        UdevFlags::from_bits_retain(self.0 >> sys::DM_UDEV_FLAGS_SHIFT)
    }
}

/// Prints the number in decimal, as in the uevent.
impl fmt::Display for UdevCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_upper_half() {
        let cookie = UdevCookie::new(0xbeef, UdevFlags::PRIMARY_SOURCE | UdevFlags::DISABLE_DISK_RULES);
        assert_eq!(cookie.number(), 0x0044_beef);
        assert_eq!(cookie.to_string(), "4505327");
        assert_eq!(UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE).number(), 0x0040_0000);
    }

    #[test]
    fn a_number_is_read_into_base_and_flags() {
        let cookie = UdevCookie::from_number(0x80c4_beef);
        assert_eq!(cookie.base(), 0xbeef);
        let unknown = UdevFlags::from_bits_retain(0x80);
        let known = UdevFlags::PRIMARY_SOURCE | UdevFlags::DISABLE_DISK_RULES | UdevFlags::SUBSYSTEM_7;
        assert_eq!(cookie.flags(), known | unknown);
        assert_eq!(UdevCookie::new(cookie.base(), cookie.flags()), cookie);
    }
}
