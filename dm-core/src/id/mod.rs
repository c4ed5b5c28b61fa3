//! How devices are named: names, uuids, numbers, and text as the kernel gives it.

pub(crate) mod dev_id;
pub(crate) mod mangle;
pub(crate) mod name;
pub(crate) mod text;
