//! Messages to a `multipath` target.
//!
//! Kernel: `multipath_message` in `drivers/md/dm-mpath.c`.

use core::fmt;

use crate::{Device, Fields, Message, NoReply, Params, ParseError, Printer, Problem};

/// A message to a `multipath` target. Groups are numbered from 1. The kernel returns `EINVAL` for a group or path that
/// the table does not contain, and `EBUSY` while the device is suspended.
///
/// ```
/// use dm_targets::multipath::MultipathMessage;
/// use dm_units::DeviceNumber;
///
/// let message = MultipathMessage::FailPath(DeviceNumber::new(8, 16).into());
/// assert_eq!(message.to_string(), "fail_path 8:16");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipathMessage {
    /// Queues requests, instead of failing them, while no path works.
    QueueIfNoPath,
    /// Fails requests while no path works, including queued requests.
    FailIfNoPath,
    /// Uses this group only if no other group works.
    DisableGroup(u32),
    /// Enables a disabled group again.
    EnableGroup(u32),
    /// Switches to this group with the next request, and enables all groups.
    SwitchGroup(u32),
    /// Marks a path as failed.
    FailPath(Device),
    /// Marks a failed path as working again.
    ReinstatePath(Device),
}

impl Message for MultipathMessage {
    type Reply = NoReply;
}

impl Params for MultipathMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        Ok(match name {
            _ if name.is("queue_if_no_path") => Self::QueueIfNoPath,
            _ if name.is("fail_if_no_path") => Self::FailIfNoPath,
            _ if name.is("disable_group") => Self::DisableGroup(fields.read("group")?),
            _ if name.is("enable_group") => Self::EnableGroup(fields.read("group")?),
            _ if name.is("switch_group") => Self::SwitchGroup(fields.read("group")?),
            _ if name.is("fail_path") => Self::FailPath(fields.read("device")?),
            _ if name.is("reinstate_path") => Self::ReinstatePath(fields.read("device")?),
            _ => return Err(fields.error("message", Problem::Unknown)),
        })
    }
}

impl fmt::Display for MultipathMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::QueueIfNoPath => out.word("queue_if_no_path"),
            Self::FailIfNoPath => out.word("fail_if_no_path"),
            Self::DisableGroup(group) => out.word("disable_group").put(group),
            Self::EnableGroup(group) => out.word("enable_group").put(group),
            Self::SwitchGroup(group) => out.word("switch_group").put(group),
            Self::FailPath(device) => out.word("fail_path").put(device),
            Self::ReinstatePath(device) => out.word("reinstate_path").put(device),
        };
        out.end()
    }
}
