//! Options that are a word, and the value in the word after it.

use crate::fields::Fields;
use crate::limits::Limits;
use crate::parse_error::ParseError;
use crate::printer::Printer;
use crate::problem::{InvalidField, Problem};
use crate::value::{Number, Value};
use crate::word::Word;

impl Fields<'_> {
    /// Reads the value of the option that was read last; if there is none, it is the option that is blamed.
    pub(crate) fn read_argument<T: Value>(&mut self, option: &'static str) -> Result<T, ParseError> {
        if self.is_empty() {
            return Err(self.error(option, Problem::Expected("followed by a value")));
        }
        self.read(option)
    }

    /// The same for a number, which is checked.
    pub(crate) fn read_argument_within<T: Number>(&mut self, limits: &Limits) -> Result<T, ParseError> {
        let number = self.read_argument(limits.field())?;
        limits.check(number).map_err(|invalid| self.blame(invalid))?;
        Ok(number)
    }

    /// The same for an option that may be given only once.
    pub(crate) fn read_argument_once<T: Number>(
        &mut self,
        slot: &mut Option<T>,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        if slot.is_some() {
            return Err(self.error(limits.field(), Problem::Repeated));
        }
        *slot = Some(self.read_argument_within(limits)?);
        Ok(())
    }

    /// The same for an option whose value is put in its place by a function.
    pub(crate) fn set_argument(
        &mut self,
        option: &'static str,
        set: impl FnOnce(Word<'_>) -> Result<(), InvalidField>,
    ) -> Result<(), ParseError> {
        match self.next_word() {
            Some(value) => set(value).map_err(|invalid| self.blame(invalid)),
            None => Err(self.error(option, Problem::Expected("followed by a value"))),
        }
    }
}

impl Printer<'_, '_> {
    /// Writes the option and its value as the next two words, if there is a value.
    pub(crate) fn argument<T: Value>(&mut self, option: &str, value: &Option<T>) -> &mut Self {
        match value {
            Some(value) => self.word(option).put(value),
            None => self,
        }
    }
}
