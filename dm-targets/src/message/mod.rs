//! Messages to a device, independent of its targets.

pub(crate) mod device_message;
pub mod stats;
