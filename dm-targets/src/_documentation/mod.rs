//! Background: the design of the crate, a comparison with other libraries, and supported platforms.
//!
//! - [`design`]: the decisions, and the alternatives that were rejected.
//! - [`compare`]: other parsers of tables and statuses, and when to prefer them.
//! - [`platform`]: kernels, processors, `no_std`.

pub mod compare;
pub mod design;
pub mod platform;
