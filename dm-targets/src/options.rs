//! Options that are a word, and the value in the word after it.

use crate::fields::Fields;
use crate::limits::Limits;
use crate::parse_error::ParseError;
use crate::problem::Problem;
use crate::value::{Number, Value};

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
}
