//! Options that are a word, and the value in the word after it.

use crate::fields::Fields;
use crate::parse_error::ParseError;
use crate::problem::Problem;
use crate::value::Value;

impl Fields<'_> {
    /// Reads the value of the option that was read last; if there is none, it is the option that is blamed.
    pub(crate) fn read_argument<T: Value>(&mut self, option: &'static str) -> Result<T, ParseError> {
        if self.is_empty() {
            return Err(self.error(option, Problem::Expected("followed by a value")));
        }
        self.read(option)
    }
}
