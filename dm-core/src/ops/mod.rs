//! Operations: methods of [`Host`] that send several commands and wait for udev, and that undo the earlier steps when
//! one fails.

mod block;
mod disk;
mod error;
mod host;
mod locks;
mod make_nodes;
mod op;
mod read_ahead;
mod recover;
mod reload;
mod remove;
mod rename;
mod retry;
mod setup;
mod stack;
mod suspend;
mod take_over;
mod undo;
mod walk;

pub use disk::UnusableDisk;
pub use error::{Difference, OpError, OpErrorKind, Operation, Remains, StateAfter, Step};
pub use host::{Batch, Host};
pub use make_nodes::NodeChanges;
pub use read_ahead::ResumePolicy;
pub use recover::{Leftover, LeftoverKind, Prefix};
pub use reload::ReloadOptions;
pub use remove::RemovePolicy;
pub use retry::Retry;
pub use setup::SetupOptions;
pub use stack::StackRemoval;
pub use suspend::{Steps, SuspendPolicy};
pub use take_over::TakeOver;
