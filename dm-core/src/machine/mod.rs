//! Facts about the machine from sysfs, procfs and `/dev`: paths and names of devices, who uses a device, and block devices.
//!
//! Start at [`paths`] for where a device is, at [`users`] for what keeps it busy, and at [`block`] for its size and its data.

pub mod block;
mod describe;
mod foreign;
pub mod paths;
mod roots;
pub mod users;

pub use describe::{DeviceDescription, describe};
pub use foreign::ForeignText;
pub use users::Users;
pub(crate) use users::{Holder, Mount, holders, mounts};
