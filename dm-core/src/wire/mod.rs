//! The bytes of requests and replies: commands, headers, flags, buffers.

pub(crate) mod buffer;
mod command;
mod cookie;
mod flags;
pub(crate) mod header;
mod info;
pub(crate) mod pool;
pub(crate) mod reply;
pub(crate) mod scan;

pub use command::Command;
pub(crate) use command::INTERFACE_MAJOR;
pub use cookie::{UdevCookie, UdevFlags};
pub use flags::Flags;
pub use info::DeviceInfo;
pub use reply::ReplyError;
