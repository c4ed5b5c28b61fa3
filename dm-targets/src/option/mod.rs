//! The options of tables. Each option is declared once, with [`options!`](crate::options).
//!
//! A group of options, such as the features of a pool, is a struct that the macro generates from a list. Each line of
//! the list has the field with its docs, the parameter of its setter, the syntax, and optionally the first target
//! version that supports the option. The syntax is a value of a type that implements [`OptionKind`], such as [`Flag`]
//! or [`Argument`].
//!
//! The macro derives parsing, printing, counting, range checks and the target's `FEATURES` from the list. Options are
//! printed in the order of the list.

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
