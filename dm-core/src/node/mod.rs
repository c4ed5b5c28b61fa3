//! The control node: opening it, sending requests through it, and the kernel's log beside it.

pub(crate) mod dm;
pub(crate) mod kernel_log;
pub(crate) mod open;
pub(crate) mod transport;
