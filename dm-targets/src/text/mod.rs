//! Splitting, quoting, parsing and printing of words.

pub(crate) mod device;
pub(crate) mod fields;
pub(crate) mod limits;
pub(crate) mod printer;
pub(crate) mod secret;
pub(crate) mod serde;
pub(crate) mod spelling;
mod split;
pub(crate) mod value;
pub(crate) mod word;
