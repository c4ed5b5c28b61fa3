//! The commands of [`Dm`](crate::Dm): one file for each ioctl or for a few related ones, with options, methods and
//! replies.

mod create;
mod deps;
mod geometry;
mod info;
mod line;
mod list;
mod load;
mod message;
mod parse;
mod payload;
mod poll;
mod remove;
mod rename;
mod status;
mod status_reply;
mod suspend;
mod version;
mod versions;

pub use create::CreateOptions;
pub use deps::{Deps, DepsOptions};
pub use geometry::Geometry;
pub use info::InfoOptions;
pub(crate) use line::is_secret;
pub use line::{FieldDifference, LineText, TargetLine, TargetParams};
pub use list::{DeviceList, Devices, ListOptions, ListedDevice};
pub(crate) use load::PreparedTable;
pub use load::{ClearOptions, LoadOptions};
pub(crate) use message::PreparedMessage;
pub use message::{Message, MessageOptions, MessageReply};
pub use parse::LineError;
pub use payload::{Payload, PayloadWriter};
pub use remove::{Removal, RemoveAllOptions, RemoveOptions};
pub use rename::RenameOptions;
pub use status::{StatusKind, StatusOptions};
pub use status_reply::{PrintedParams, TableStatus, TargetStatus, TargetStatuses};
pub use suspend::{ResumeOptions, SuspendOptions};
pub use versions::{TargetVersion, TargetVersionList, TargetVersions, VersionsOptions};

use crate::error::{Error, Result};
use crate::id::{AsDevId, DevId};
use crate::wire::header::Request;
use crate::wire::{Command, Flags};

/// One of the two tables that a device can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TableSlot {
    /// The table that maps I/O now.
    #[default]
    Active,
    /// The table that [`table_load`](crate::Dm::table_load) has loaded. The next resume makes it active.
    #[doc(alias = "--inactive")]
    Inactive,
}

/// The interface version that has the flag for the inactive table.
const QUERY_INACTIVE_MINOR: u32 = 16;

impl TableSlot {
    /// Sets the flag for the inactive table. An older kernel refuses the request, or ignores the flag if it may.
    fn apply(self, request: Request<'_>, if_possible: bool) -> Request<'_> {
        let minor = since(QUERY_INACTIVE_MINOR, if_possible);
        request.flag_since(minor, Flags::QUERY_INACTIVE_TABLE, self == Self::Inactive)
    }
}

/// The interface version that a request requires because of an option; 0 if an older kernel may ignore the option.
const fn since(minor: u32, if_possible: bool) -> u32 {
    if if_possible { 0 } else { minor }
}

/// Checks the name, uuid or number by which the caller identifies a device.
#[inline]
fn dev_id<T: AsDevId>(command: Command, id: &T) -> Result<DevId<'_>> {
    id.as_dev_id().map_err(|fault| Error::request(command, fault))
}
