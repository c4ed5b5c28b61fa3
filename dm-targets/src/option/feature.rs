//! The target versions that support an option.

use dm_units::Version;

/// An option, argument, message or value of a target, and the first version of the target that supports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The word in the table or message. [`Target::FEATURES`](crate::Target::FEATURES) lists the exceptions.
    pub name: &'static str,
    /// The first version of the target that supports it.
    pub since: Version,
}
