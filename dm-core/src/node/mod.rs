//! The control node: how it is opened, how requests are sent through it, and the kernel's log.

mod block_io;
mod dm;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod explain;
mod inherited;
mod journal;
mod kernel_log;
mod log_lines;
#[cfg(target_os = "linux")]
mod open;
mod transport;
#[cfg(target_os = "linux")]
mod within;

pub use block_io::{BlockId, BlockIo, BlockOpenOptions};
pub(crate) use dm::ReplySizes;
pub use dm::{Dm, OpenOptions};
#[cfg(not(target_os = "linux"))]
use elsewhere::{open, within};
pub(crate) use explain::Failure;
pub(crate) use journal::Journal;
pub use kernel_log::LogMark;
pub(crate) use open::make_device_node;
pub use transport::{ControlNode, Transport};

#[cfg(test)]
mod tests;
