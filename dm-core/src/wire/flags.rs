//! The flag bits of requests and replies.

use dm_sys as sys;

bitflags::bitflags! {
    /// The flags of a reply, as returned by [`DeviceInfo::flags`](crate::DeviceInfo::flags).
    ///
    /// The options of a command set the flags of its request. The reply repeats most of these flags, and adds the state
    /// of the device. Unknown bits are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Flags: u32 {
        /// The device, or the inactive table if that was requested, is read-only.
        const READONLY = sys::DM_READONLY_FLAG;
        /// The device is suspended.
        const SUSPEND = sys::DM_SUSPEND_FLAG;
        /// The request chose the minor number.
        const PERSISTENT_DEV = sys::DM_PERSISTENT_DEV_FLAG;
        /// The params of the table were requested, not the status.
        const STATUS_TABLE = sys::DM_STATUS_TABLE_FLAG;
        /// The device has an active table.
        const ACTIVE_PRESENT = sys::DM_ACTIVE_PRESENT_FLAG;
        /// The device has an inactive table.
        const INACTIVE_PRESENT = sys::DM_INACTIVE_PRESENT_FLAG;
        /// The reply did not fit into the buffer.
        const BUFFER_FULL = sys::DM_BUFFER_FULL_FLAG;
        /// The suspend was requested without freezing the file system.
        const SKIP_LOCKFS = sys::DM_SKIP_LOCKFS_FLAG;
        /// A suspend without flushing I/O was requested, or a status without committing metadata.
        const NOFLUSH = sys::DM_NOFLUSH_FLAG;
        /// The inactive table was requested.
        const QUERY_INACTIVE_TABLE = sys::DM_QUERY_INACTIVE_TABLE_FLAG;
        /// A resume, a removal or a rename sent a uevent.
        const UEVENT_GENERATED = sys::DM_UEVENT_GENERATED_FLAG;
        /// The request set a uuid, or requested the uuids of listed devices.
        const UUID = sys::DM_UUID_FLAG;
        /// The kernel was asked to wipe its copies. Kernels that know the flag clear it in the reply.
        const SECURE_DATA = sys::DM_SECURE_DATA_FLAG;
        /// A message was answered with text.
        const DATA_OUT = sys::DM_DATA_OUT_FLAG;
        /// The kernel removes the device at its last close.
        const DEFERRED_REMOVE = sys::DM_DEFERRED_REMOVE;
        /// The kernel has suspended the device internally.
        const INTERNAL_SUSPEND = sys::DM_INTERNAL_SUSPEND_FLAG;
        /// Text for the integrity measurement architecture was requested.
        const IMA_MEASUREMENT = sys::DM_IMA_MEASUREMENT_FLAG;
    }
}

impl Flags {
    /// The flags that describe a device's state; the others describe one request or its reply.
    pub(crate) const STATE: Self = Self::READONLY
        .union(Self::SUSPEND)
        .union(Self::ACTIVE_PRESENT)
        .union(Self::INACTIVE_PRESENT)
        .union(Self::DEFERRED_REMOVE)
        .union(Self::INTERNAL_SUSPEND);
}

/// Prints the names of the flags, such as `SUSPEND | ACTIVE_PRESENT`, and unknown bits as a number.
impl core::fmt::Display for Flags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// Serializes as text, such as `"SUSPEND | ACTIVE_PRESENT"`.
#[cfg(feature = "serde")]
impl serde::Serialize for Flags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
