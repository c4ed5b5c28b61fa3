//! Messages to a device, whatever its targets are.

pub(crate) mod device_message;
pub mod stats;
