//! Messages.
//!
//! Kernel: `multipath_message` in `drivers/md/dm-mpath.c`.

use core::fmt;

use crate::{Device, Fields, Message, NoReply, Params, ParseError, Printer, Problem};

/// A message to a `multipath` target. Groups are numbered from 1.
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
    /// Lets requests wait when no path is left.
    QueueIfNoPath,
    /// Lets requests fail when no path is left, also those that wait now.
    FailIfNoPath,
    /// Uses a group only when no other one is left.
    DisableGroup(u32),
    /// Uses a group again that was disabled.
    EnableGroup(u32),
    /// Uses a group from now on.
    SwitchGroup(u32),
    /// Takes a path for failed.
    FailPath(Device),
    /// Uses a path again that has failed.
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
