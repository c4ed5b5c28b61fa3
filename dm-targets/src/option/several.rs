//! Options that take several values.

use alloc::collections::BTreeSet;

use crate::errors::parse_error::ParseError;
use crate::errors::problem::{InvalidField, Problem};
use crate::option::kinds::check_once;
use crate::option::{OptionKind, OptionWord};
use crate::text::fields::Fields;
use crate::text::printer::Printer;
use crate::text::value::Value;

/// An option with several values. Its name is repeated before each value, as in `rebuild 0 rebuild 2`.
pub struct Each(
    /// The name of the option.
    pub &'static str,
);

impl<T: Value + Ord> OptionKind<BTreeSet<T>> for Each {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        word.is(self.0)
    }

    fn read(&self, field: &mut BTreeSet<T>, _: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        if !field.insert(fields.read_argument(self.0)?) {
            return Err(fields.error(self.0, Problem::Repeated));
        }
        Ok(())
    }

    #[inline]
    fn print(&self, field: &BTreeSet<T>, out: &mut Printer<'_, '_>) {
        for value in field {
            out.word(self.0).put(value);
        }
    }

    fn given(&self, field: &BTreeSet<T>) -> Option<&'static str> {
        (!field.is_empty()).then_some(self.0)
    }
}

/// A value that is printed as several words.
pub trait WordGroup: Sized {
    /// Parses the words.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: a word is missing ([`Problem::Missing`]) or invalid. The error points to that word or, if it is
    /// missing, to its place.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError>;

    /// Prints the words.
    fn print(&self, out: &mut Printer<'_, '_>);

    /// Checks that the kernel would accept each word.
    ///
    /// # Errors
    ///
    /// [`InvalidField`]: the kernel would refuse a word. The error names the field of that word.
    fn check(&self) -> Result<(), InvalidField>;
}

/// An option whose value has several words: its name, followed by the words of a [`WordGroup`].
pub struct Words(
    /// The name of the option.
    pub &'static str,
);

impl Words {
    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0
    }
}

impl<T: WordGroup> OptionKind<Option<T>> for Words {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        word.is(self.0)
    }

    fn read(&self, field: &mut Option<T>, _: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        check_once(field.is_some(), self.0, fields)?;
        *field = Some(T::parse(fields)?);
        Ok(())
    }

    #[inline]
    fn print(&self, field: &Option<T>, out: &mut Printer<'_, '_>) {
        if let Some(value) = field {
            value.print(out.word(self.0));
        }
    }

    fn given(&self, field: &Option<T>) -> Option<&'static str> {
        field.is_some().then_some(self.0)
    }

    fn check(&self, field: &Option<T>) -> Result<(), InvalidField> {
        field.as_ref().map_or(Ok(()), WordGroup::check)
    }
}
