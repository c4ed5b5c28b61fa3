//! What the kernel says about one device in the header of most answers.

use core::fmt;

use dm_units::DeviceNumber;

use crate::error::ReplyError;
use crate::id::name::{DmName, DmUuid};
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, HeaderBytes};
use dm_units::Version;

/// The state of a mapped device, as `__dev_status` in drivers/md/dm-ioctl.c fills it in.
///
/// It is the answer's header itself, read when asked: getting one costs no allocation.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    header: HeaderBytes,
}

impl DeviceInfo {
    /// Takes a header for what it is: after this every field of it can be read.
    #[inline]
    pub(crate) fn new(command: Command, header: &HeaderBytes) -> Result<Self, ReplyError> {
        match header::fault(header) {
            None => Ok(Self { header: *header }),
            Some((what, at)) => Err(ReplyError { command, what, at }),
        }
    }

    /// The name. `None` where the command's answer does not have it.
    #[must_use]
    pub fn name(&self) -> Option<DmName<'_>> {
        DmName::from_kernel(header::name(&self.header))
    }

    /// The uuid. `None` where the device has none or the command's answer does not have it.
    #[must_use]
    pub fn uuid(&self) -> Option<DmUuid<'_>> {
        DmUuid::from_kernel(header::uuid(&self.header))
    }

    /// The device number.
    #[must_use]
    pub fn number(&self) -> DeviceNumber {
        header::number(&self.header)
    }

    /// How many times the device is open, by processes, mounts and other devices.
    #[must_use]
    pub fn open_count(&self) -> i32 {
        header::open_count(&self.header)
    }

    /// How many events the device has had. It wraps around, so compare for difference.
    #[must_use]
    pub fn event_nr(&self) -> u32 {
        header::event_nr(&self.header)
    }

    /// How many lines the active table has, or the inactive one if that was asked for; 0 without one.
    #[must_use]
    pub fn target_count(&self) -> u32 {
        header::target_count(&self.header)
    }

    /// All flags, as they came.
    #[must_use]
    pub fn flags(&self) -> Flags {
        header::flags(&self.header)
    }

    /// The device is suspended: io to it waits.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.flags().contains(Flags::SUSPEND)
    }

    /// The kernel itself has suspended the device, for instance a thin device while its pool is suspended.
    #[must_use]
    pub fn is_internally_suspended(&self) -> bool {
        self.flags().contains(Flags::INTERNAL_SUSPEND)
    }

    /// The active table, or the inactive one if that was asked for, is read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.flags().contains(Flags::READONLY)
    }

    /// A table is in force.
    #[must_use]
    pub fn has_active_table(&self) -> bool {
        self.flags().contains(Flags::ACTIVE_PRESENT)
    }

    /// A table is prepared; the next resume puts it in force.
    #[must_use]
    pub fn has_inactive_table(&self) -> bool {
        self.flags().contains(Flags::INACTIVE_PRESENT)
    }

    /// The device goes away when it is closed for the last time.
    #[must_use]
    pub fn is_deferred_remove(&self) -> bool {
        self.flags().contains(Flags::DEFERRED_REMOVE)
    }

    /// The command sent a uevent, so udev will have something to do.
    #[must_use]
    pub fn uevent_generated(&self) -> bool {
        self.flags().contains(Flags::UEVENT_GENERATED)
    }

    /// The version of the kernel's ioctl interface.
    #[must_use]
    pub fn interface_version(&self) -> Version {
        header::version(&self.header)
    }
}

impl fmt::Debug for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceInfo")
            .field("name", &self.name())
            .field("uuid", &self.uuid())
            .field("number", &self.number())
            .field("open_count", &self.open_count())
            .field("event_nr", &self.event_nr())
            .field("target_count", &self.target_count())
            .field("flags", &self.flags())
            .finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for DeviceInfo {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("DeviceInfo", 7)?;
        fields.serialize_field("name", &self.name())?;
        fields.serialize_field("uuid", &self.uuid())?;
        fields.serialize_field("number", &self.number())?;
        fields.serialize_field("open_count", &self.open_count())?;
        fields.serialize_field("event_nr", &self.event_nr())?;
        fields.serialize_field("target_count", &self.target_count())?;
        fields.serialize_field("flags", &self.flags())?;
        fields.end()
    }
}
