//! The state of one device, which is in the header of most replies.

use core::fmt;

use dm_units::{DeviceNumber, Version};

use super::command::Command;
use super::flags::Flags;
use super::header::{self, HeaderBytes};
use super::reply::ReplyError;
use crate::id::{DmName, DmUuid};

/// The state of a mapped device, as reported by most commands.
///
/// A `DeviceInfo` holds the header of a reply and allocates nothing. The kernel function `__dev_status` in
/// drivers/md/dm-ioctl.c fills in this header. Two values are equal if they report the same state, even for
/// different requests. The reply to a rename has neither name nor uuid, and so differs from other replies.
#[derive(Clone)]
pub struct DeviceInfo {
    command: Command,
    header: HeaderBytes,
}

impl DeviceInfo {
    /// Checks the fields that can be malformed; after this every field can be read.
    #[inline]
    pub(crate) fn new(command: Command, header: &HeaderBytes) -> Result<Self, ReplyError> {
        Self::check(command, header)?;
        Ok(Self { command, header: *header })
    }

    /// The check of [`new`](Self::new), without the copy.
    #[inline]
    pub(crate) fn check(command: Command, header: &HeaderBytes) -> Result<(), ReplyError> {
        match header::fault(header) {
            None => Ok(()),
            Some((what, at)) => Err(ReplyError { command, what, at }),
        }
    }

    /// Wraps a header that was checked.
    #[inline]
    pub(crate) const fn of_checked(command: Command, header: &HeaderBytes) -> Self {
        Self { command, header: *header }
    }

    /// The name of the device. `None` if the command's reply does not contain it, as after a rename.
    #[must_use]
    #[doc(alias = "dm_task_get_name")]
    pub fn name(&self) -> Option<&DmName> {
        match self.command {
            Command::DeviceRename => None,
            _ => DmName::from_kernel(header::name(&self.header)),
        }
    }

    /// The uuid of the device. `None` if it has no uuid, or if the command's reply does not contain it, as after a
    /// rename.
    #[must_use]
    #[doc(alias = "dm_task_get_uuid")]
    pub fn uuid(&self) -> Option<&DmUuid> {
        match self.command {
            Command::DeviceRename => None,
            _ => DmUuid::from_kernel(header::uuid(&self.header)),
        }
    }

    /// The number of its block device.
    #[must_use]
    pub fn number(&self) -> DeviceNumber {
        header::number(&self.header)
    }

    /// The open count: how many times processes, mounts and other devices have the device open.
    #[must_use]
    pub fn open_count(&self) -> i32 {
        header::open_count(&self.header)
    }

    /// The event number, which grows by one with each event of the device. It wraps around, so compare it only for
    /// equality.
    #[must_use]
    pub fn event_nr(&self) -> u32 {
        header::event_nr(&self.header)
    }

    /// The number of lines of the active table, or of the inactive one if that was requested. 0 if the slot
    /// has no table.
    #[must_use]
    pub fn target_count(&self) -> u32 {
        header::target_count(&self.header)
    }

    /// All flags of the reply: the state of the device, and most flags of the request.
    #[must_use]
    pub fn flags(&self) -> Flags {
        header::flags(&self.header)
    }

    /// Whether the device is suspended, so that I/O to it waits.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.flags().contains(Flags::SUSPEND)
    }

    /// Whether the kernel has suspended the device internally, such as a thin device while its pool is suspended.
    #[must_use]
    pub fn is_internally_suspended(&self) -> bool {
        self.flags().contains(Flags::INTERNAL_SUSPEND)
    }

    /// Whether the device, or the inactive table if that was requested, is read-only. `false` if the slot has no table.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.flags().contains(Flags::READONLY)
    }

    /// Whether the device has an active table.
    #[must_use]
    pub fn has_active_table(&self) -> bool {
        self.flags().contains(Flags::ACTIVE_PRESENT)
    }

    /// Whether the device has an inactive table, which the next resume makes active.
    #[must_use]
    pub fn has_inactive_table(&self) -> bool {
        self.flags().contains(Flags::INACTIVE_PRESENT)
    }

    /// Whether the kernel removes the device when its last user closes it.
    #[must_use]
    pub fn is_deferred_remove(&self) -> bool {
        self.flags().contains(Flags::DEFERRED_REMOVE)
    }

    /// Whether a resume, a removal or a rename sent a uevent. udev may still be processing it when the command returns.
    /// `false` for other commands, even for the first load of a table, although that registers the block device with a
    /// uevent.
    #[must_use]
    pub fn uevent_generated(&self) -> bool {
        self.flags().contains(Flags::UEVENT_GENERATED)
    }

    /// The version of the kernel's ioctl interface.
    #[must_use]
    pub fn interface_version(&self) -> Version {
        header::version(&self.header)
    }

    /// The fields that are compared.
    fn state(&self) -> (Option<&DmName>, Option<&DmUuid>, DeviceNumber, i32, u32, u32, Flags) {
        (
            self.name(),
            self.uuid(),
            self.number(),
            self.open_count(),
            self.event_nr(),
            self.target_count(),
            self.flags() & Flags::STATE,
        )
    }
}

impl PartialEq for DeviceInfo {
    fn eq(&self, other: &Self) -> bool {
        self.state() == other.state()
    }
}

impl Eq for DeviceInfo {}

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
