//! The control node: how it is opened, how requests are sent through it, and the kernel's log.

mod block_io;
mod dm;
mod inherited;
mod journal;
mod kernel_log;
mod log_lines;
mod open;
mod transport;
mod within;

pub use block_io::{BlockId, BlockIo, BlockOpenOptions};
pub use dm::{Dm, OpenOptions};
pub(crate) use dm::{Failure, Room};
pub(crate) use journal::Journal;
pub use kernel_log::LogMark;
pub use transport::{ControlNode, Transport};

#[cfg(test)]
mod tests;
