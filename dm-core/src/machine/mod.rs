//! What sysfs, procfs and `/dev` say of the machine: paths, and who uses a device.

pub mod paths;
pub(crate) mod users;
