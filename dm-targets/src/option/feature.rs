//! The target versions that support an option.

use dm_units::Version;

/// An option or message of a target, and the first version of the target that supports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The word in the table or message, or a name chosen by this crate if it has no word.
    pub name: &'static str,
    /// The first version of the target that supports it.
    pub since: Version,
}
