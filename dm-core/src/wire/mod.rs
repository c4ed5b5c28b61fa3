//! What goes to the kernel and comes back, as bytes: headers, buffers, commands, flags.

pub(crate) mod buffer;
pub(crate) mod command;
pub(crate) mod cookie;
pub(crate) mod flags;
pub(crate) mod header;
pub(crate) mod info;
