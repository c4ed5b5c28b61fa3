//! Background: why the crate is as it is, what other libraries do better, and where it runs.
//!
//! - [`design`]: the decisions, and the alternatives that were rejected.
//! - [`compare`]: other readers of tables and statuses, and when to prefer them.
//! - [`platform`]: kernels, processors, `no_std`.

pub mod compare;
pub mod design;
pub mod platform;
