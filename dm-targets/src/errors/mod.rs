//! What is wrong with a text, a value or a table.

pub(crate) mod keys;
pub(crate) mod parse_error;
pub(crate) mod problem;
pub(crate) mod table_error;
