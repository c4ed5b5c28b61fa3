//! Options that are a name, a colon and a value in one word.

use core::fmt::Write;

use crate::limits::Limits;
use crate::printer::Printer;
use crate::problem::{InvalidField, Problem};
use crate::value::{Number, Value};
use crate::word::Word;

/// Splits a word at its first colon, if there is one.
pub(crate) fn split_pair(word: Word<'_>) -> Option<(&str, Word<'_>)> {
    word.split_once(':').map(|(name, value)| (name.spelling(), value))
}

/// Reads the value of an option that may be given only once.
pub(crate) fn read_once<T: Value>(
    slot: &mut Option<T>,
    name: &'static str,
    value: Word<'_>,
) -> Result<(), InvalidField> {
    let read = if slot.is_some() { Err(Problem::Repeated) } else { T::read(value) };
    *slot = Some(read.map_err(|problem| InvalidField::new(name, problem))?);
    Ok(())
}

/// The same for a number, which is checked.
pub(crate) fn read_once_within<T: Number>(
    slot: &mut Option<T>,
    limits: &Limits,
    value: Word<'_>,
) -> Result<(), InvalidField> {
    read_once(slot, limits.field(), value)?;
    slot.map_or(Ok(()), |number| limits.check(number))
}

impl Printer<'_, '_> {
    /// Writes `name:value` as the next word, if there is a value.
    pub(crate) fn pair<T: Value>(&mut self, name: &str, value: &Option<T>) -> &mut Self {
        let Some(value) = value else { return self };
        self.next_word(|out| {
            out.write_str(name)?;
            out.write_str(":")?;
            value.print(out)
        })
    }
}
