//! The syntax of options.

use core::fmt::Write;

use crate::errors::parse_error::ParseError;
use crate::errors::problem::{InvalidField, Problem};
use crate::option::Case;
use crate::text::fields::Fields;
use crate::text::limits::Limits;
use crate::text::printer::Printer;
use crate::text::value::{Number, Value};
use crate::text::word::Word;

/// A word of a text, to compare with the names of options.
#[derive(Clone, Copy, Debug)]
pub struct OptionWord<'a> {
    word: Word<'a>,
    case: Case,
}

impl<'a> OptionWord<'a> {
    /// Wraps `word`. `case` determines how [`is`](Self::is) compares it.
    #[must_use]
    pub const fn new(word: Word<'a>, case: Case) -> Self {
        Self { word, case }
    }

    /// Returns whether the word is `keyword`.
    #[inline]
    #[must_use]
    pub fn is(self, keyword: &str) -> bool {
        match self.case {
            Case::Exact => self.word.spelling() == keyword,
            Case::Any => self.word.is(keyword),
        }
    }

    /// The value after `name` and a colon in the same word. Names are compared exactly, even if flags are not.
    #[inline]
    fn after(self, name: &str) -> Option<Word<'a>> {
        let spelling = self.word.spelling();
        if spelling.as_bytes().get(name.len()) != Some(&b':') {
            return None;
        }
        let value = spelling.strip_prefix(name)?.strip_prefix(':')?;
        Some(self.word.part(value))
    }
}

/// The syntax of an option that is stored in a field of type `T`.
pub trait OptionKind<T> {
    /// Returns whether `word` is the first word of the option.
    ///
    /// This should be fast, because a word is compared with each option of a group in turn.
    fn begins(&self, word: OptionWord<'_>) -> bool;

    /// Parses the option into `field`. `word` is the first word of the option, and `fields` has the words after it.
    ///
    /// # Errors
    ///
    /// [`Problem::Repeated`]: the option is given twice. [`Problem::Conflict`]: another option excludes this one. Other
    /// problems: the value is missing or invalid.
    fn read(&self, field: &mut T, word: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError>;

    /// Prints the option, or nothing if it is not given.
    fn print(&self, field: &T, out: &mut Printer<'_, '_>);

    /// Returns the name of the option, or `None` if the option is not given.
    fn given(&self, field: &T) -> Option<&'static str>;

    /// Checks that the kernel would accept the value of the option.
    ///
    /// # Errors
    ///
    /// [`InvalidField`]: the kernel would refuse the value. The default implementation accepts every value.
    fn check(&self, field: &T) -> Result<(), InvalidField> {
        let _ = field;
        Ok(())
    }
}

/// Refuses an option that is given twice, unless the kernel uses the last value.
pub(super) fn check_once(given: bool, word: &'static str, fields: &Fields<'_>) -> Result<(), ParseError> {
    if given && !fields.takes_repeated() { Err(fields.error(word, Problem::Repeated)) } else { Ok(()) }
}

impl Fields<'_> {
    /// Reads the value of the option that was read last. If it is missing, the error points to the option.
    pub(crate) fn read_argument<T: Value>(&mut self, option: &'static str) -> Result<T, ParseError> {
        match self.next_word() {
            Some(value) => T::read(value).map_err(|problem| self.error(option, problem)),
            None => Err(self.error(option, Problem::Expected("followed by a value"))),
        }
    }
}

/// An option of one word, which is given or not.
pub struct Flag(
    /// The word.
    pub &'static str,
);

impl Flag {
    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0
    }
}

impl OptionKind<bool> for Flag {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        word.is(self.0)
    }

    fn read(&self, field: &mut bool, _: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        check_once(*field, self.0, fields)?;
        *field = true;
        Ok(())
    }

    #[inline]
    fn print(&self, field: &bool, out: &mut Printer<'_, '_>) {
        if *field {
            out.word(self.0);
        }
    }

    fn given(&self, field: &bool) -> Option<&'static str> {
        field.then_some(self.0)
    }
}

/// The name of an option, and a check of its value. A `&str` is a name for which every value is accepted. [`Limits`]
/// accept the numbers within the limits.
pub trait Name<T> {
    /// Returns the name of the option.
    fn name(&self) -> &'static str;

    /// Checks that the kernel would accept the value.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] with the name of the option: the kernel would refuse the value.
    fn check(&self, value: &T) -> Result<(), InvalidField>;
}

impl<T> Name<T> for &'static str {
    fn name(&self) -> &'static str {
        self
    }

    fn check(&self, _: &T) -> Result<(), InvalidField> {
        Ok(())
    }
}

impl<T: Number> Name<T> for Limits {
    fn name(&self) -> &'static str {
        self.field()
    }

    fn check(&self, value: &T) -> Result<(), InvalidField> {
        Limits::check(self, *value)
    }
}

/// An option of two words, its name and its value. The tuple field is the name, or [`Limits`] that contain the name.
pub struct Argument<N>(pub N);

impl Argument<&'static str> {
    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0
    }
}

impl Argument<Limits> {
    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0.field()
    }
}

impl<T: Value, N: Name<T>> OptionKind<Option<T>> for Argument<N> {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        word.is(self.0.name())
    }

    fn read(&self, field: &mut Option<T>, _: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        let name = self.0.name();
        check_once(field.is_some(), name, fields)?;
        let value = fields.read_argument(name)?;
        self.0.check(&value).map_err(|invalid| fields.blame(invalid))?;
        *field = Some(value);
        Ok(())
    }

    #[inline]
    fn print(&self, field: &Option<T>, out: &mut Printer<'_, '_>) {
        if let Some(value) = field {
            out.word(self.0.name()).put(value);
        }
    }

    fn given(&self, field: &Option<T>) -> Option<&'static str> {
        field.is_some().then(|| self.0.name())
    }

    fn check(&self, field: &Option<T>) -> Result<(), InvalidField> {
        field.as_ref().map_or(Ok(()), |value| self.0.check(value))
    }
}

/// An option of one word: its name, a colon and its value. The tuple field is the name, or [`Limits`] that contain the
/// name.
pub struct Pair<N>(pub N);

impl Pair<&'static str> {
    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0
    }
}

impl Pair<Limits> {
    /// Returns the name of the option.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.0.field()
    }
}

impl<T: Value, N: Name<T>> OptionKind<Option<T>> for Pair<N> {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        word.after(self.0.name()).is_some()
    }

    fn read(&self, field: &mut Option<T>, word: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        let name = self.0.name();
        let Some(value) = word.after(name) else { return Ok(()) };
        check_once(field.is_some(), name, fields)?;
        let value = T::read(value).map_err(|problem| fields.error(name, problem))?;
        self.0.check(&value).map_err(|invalid| fields.blame(invalid))?;
        *field = Some(value);
        Ok(())
    }

    #[inline]
    fn print(&self, field: &Option<T>, out: &mut Printer<'_, '_>) {
        let Some(value) = field else { return };
        out.next_word(|out| {
            out.write_str(self.0.name())?;
            out.write_char(':')?;
            value.print(out)
        });
    }

    fn given(&self, field: &Option<T>) -> Option<&'static str> {
        field.is_some().then(|| self.0.name())
    }

    fn check(&self, field: &Option<T>) -> Result<(), InvalidField> {
        field.as_ref().map_or(Ok(()), |value| self.0.check(value))
    }
}
