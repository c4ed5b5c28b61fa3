//! Since when a target has an option.

use dm_units::Version;

/// An option of a target, and the first version of the target that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The option's word in the table or message, or a word of ours where it has none.
    pub name: &'static str,
    /// The version of the target.
    pub since: Version,
}
