//! Options of tables, each declared once, in the list of its group.
//!
//! A group, such as the features of a pool, is a struct that [`options!`](crate::options) makes of a list. A line of the
//! list has the option's field with its docs, the parameter of its setter, how it is written, and since which version of
//! the target there is such an option. Reading, counting, printing, range checks and the target's `FEATURES` follow from it;
//! options are printed in the order of the list. How an option is written is a value of a type such as [`Flag`] or
//! [`Argument`], or of another type that implements [`OptionKind`].

mod choices;
mod feature;
mod group;
pub(crate) mod keywords;
mod kinds;
mod several;

#[doc(hidden)]
pub use alloc::vec::Vec;
#[doc(hidden)]
pub use dm_units::Version;

pub use choices::{OnOff, OneOf};
pub use feature::Feature;
pub use group::{Case, Count, OptionGroup, Put};
pub use kinds::{Argument, Flag, Name, OptionKind, OptionWord, Pair};
pub use several::{Each, WordGroup, Words};

pub(crate) use group::options;
