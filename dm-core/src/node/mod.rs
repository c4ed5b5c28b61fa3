//! The control node: how it is opened, how requests are sent through it, and the kernel's log.

mod block_io;
mod dm;
mod explain;
mod inherited;
mod journal;
mod kernel_log;
mod log_lines;
mod open;
mod transport;
mod within;

pub use block_io::{BlockId, BlockIo, BlockOpenOptions};
pub(crate) use dm::Room;
pub use dm::{Dm, OpenOptions};
pub(crate) use explain::Failure;
pub(crate) use journal::Journal;
pub use kernel_log::LogMark;
pub use transport::{ControlNode, Transport};

#[cfg(test)]
mod tests;
