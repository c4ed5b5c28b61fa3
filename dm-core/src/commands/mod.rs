//! One file per command, or per family of commands with one form of answer: options, method, answer, tests.

mod create;
mod deps;
mod geometry;
mod info;
mod list;
mod load;
mod message;
mod poll;
mod remove;
mod rename;
mod status;
mod suspend;
mod versions;

pub use create::CreateOptions;
pub use deps::{Deps, DepsOptions};
pub use geometry::Geometry;
pub use info::InfoOptions;
pub use list::{DeviceList, Devices, ListOptions, ListedDevice};
pub use load::{LoadOptions, ParamsWriter, Printed, TargetLine, WriteParams};
pub use message::MessageOptions;
pub use remove::{Removal, RemoveAllOptions, RemoveOptions};
pub use rename::RenameOptions;
pub use status::{StatusKind, StatusOptions, TableStatus, TargetLines};
pub use suspend::{ResumeOptions, SuspendOptions};
pub use versions::{TargetVersion, TargetVersionList, TargetVersions};

/// One of the two tables a device can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TableSlot {
    /// The one in force.
    #[default]
    Active,
    /// The one prepared by [`table_load`](crate::Dm::table_load); the next resume puts it in force.
    Inactive,
}

/// The interface version that has the flag for the inactive table.
const QUERY_INACTIVE_MINOR: u32 = 16;

impl TableSlot {
    fn apply(self, request: crate::wire::header::Request<'_>) -> crate::wire::header::Request<'_> {
        request.flag_since(QUERY_INACTIVE_MINOR, crate::Flags::QUERY_INACTIVE_TABLE, self == Self::Inactive)
    }
}
