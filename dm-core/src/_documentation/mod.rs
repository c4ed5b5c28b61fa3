//! Background: why the crate is as it is, what other libraries do better, and where it runs.
//!
//! - [`design`]: the decisions, and the alternatives that were rejected.
//! - [`compare`]: other ways to drive the device mapper, and when to prefer them.
//! - [`platform`]: kernels, processors, udev, containers.

pub mod compare;
pub mod design;
pub mod platform;
