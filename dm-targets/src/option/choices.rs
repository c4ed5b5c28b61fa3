//! Options that are a choice of words.

use crate::errors::parse_error::ParseError;
use crate::errors::problem::Problem;
use crate::option::kinds::check_once;
use crate::option::{OptionKind, OptionWord};
use crate::text::fields::Fields;
use crate::text::printer::Printer;

/// An option that is one word of a list. Each word stands for a value, and only one of the words can be given.
pub struct OneOf<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Clone + PartialEq> OptionKind<Option<T>> for OneOf<T> {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        self.0.iter().any(|(name, _)| word.is(name))
    }

    fn read(&self, field: &mut Option<T>, word: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        let Some((name, value)) = self.0.iter().find(|(name, _)| word.is(name)) else { return Ok(()) };
        match self.given(field) {
            None => *field = Some(value.clone()),
            Some(before) if before == *name => return Err(fields.error(name, Problem::Repeated)),
            Some(before) => return Err(fields.error(name, Problem::Conflict(before))),
        }
        Ok(())
    }

    #[inline]
    fn print(&self, field: &Option<T>, out: &mut Printer<'_, '_>) {
        if let Some(word) = self.given(field) {
            out.word(word);
        }
    }

    fn given(&self, field: &Option<T>) -> Option<&'static str> {
        let given = field.as_ref()?;
        self.0.iter().find(|(_, value)| value == given).map(|(name, _)| *name)
    }
}

/// An option with two possible values, such as `on` and `off`.
pub struct OnOff(
    /// The name of the option.
    pub &'static str,
    /// The words for `false` and `true`.
    pub [&'static str; 2],
    /// The values for errors, such as `on or off`.
    pub &'static str,
);

impl OnOff {
    /// An option `name` whose value is `off` or `on`.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(name, ["off", "on"], "on or off")
    }

    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0
    }

    /// Reads the value, which is the word after the name.
    ///
    /// # Errors
    ///
    /// [`Problem::Expected`]: the value is missing, or is neither of the two words.
    pub fn read_value(&self, fields: &mut Fields<'_>) -> Result<bool, ParseError> {
        let Self(name, [off, on], either) = *self;
        match fields.next_word() {
            Some(word) if word.spelling() == off => Ok(false),
            Some(word) if word.spelling() == on => Ok(true),
            Some(_) => Err(fields.error(name, Problem::Expected(either))),
            None => Err(fields.error(name, Problem::Expected("followed by a value"))),
        }
    }
}

impl OptionKind<Option<bool>> for OnOff {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        word.is(self.0)
    }

    fn read(&self, field: &mut Option<bool>, _: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        check_once(field.is_some(), self.0, fields)?;
        *field = Some(self.read_value(fields)?);
        Ok(())
    }

    #[inline]
    fn print(&self, field: &Option<bool>, out: &mut Printer<'_, '_>) {
        let Self(name, [off, on], _) = *self;
        if let Some(is_on) = field {
            out.word(name).word(if *is_on { on } else { off });
        }
    }

    fn given(&self, field: &Option<bool>) -> Option<&'static str> {
        field.map(|_| self.0)
    }
}
