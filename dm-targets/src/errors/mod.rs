//! Errors in texts, values and tables.

pub(crate) mod keys;
pub(crate) mod parse_error;
pub(crate) mod problem;
pub(crate) mod table_error;
