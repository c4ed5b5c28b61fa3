//! Information from sysfs, procfs and `/dev`: paths and names of devices, users of a device, and block devices.
//!
//! Start with [`paths`] for the path of a device, with [`users`] for what keeps it busy, and with [`block`] for its
//! size and data.

pub mod block;
mod describe;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod foreign;
#[cfg(target_os = "linux")]
mod path_only;
pub mod paths;
mod roots;
pub mod users;

#[cfg(not(target_os = "linux"))]
use elsewhere::path_only;

pub use describe::{DeviceDescription, describe};
pub use foreign::ForeignText;
pub(crate) use foreign::unescaped;
pub use users::Users;
pub(crate) use users::{Holder, Mount, holders, holders_within, mounts};
