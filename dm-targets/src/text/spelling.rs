//! Unusual spellings of tables.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};

use zeroize::Zeroizing;

use crate::errors::parse_error::ParseError;
use crate::text::fields::Fields;
use crate::text::printer::Printer;
use crate::text::word::TextForm;

/// The text of a table that a kernel printed in an unusual way: in another order, with a count of 0, with a space at the
/// end, with words that it ignores, or just as it was loaded.
///
/// It does not affect the meaning of the table, so it is not compared. `{:#}` prints it as long as it still means the same
/// as the table; `{}` never does.
#[derive(Clone, Default)]
pub(crate) struct Spelling(Option<Box<Zeroizing<String>>>);

/// A table that a kernel may print in an unusual way.
pub(crate) trait Spelled: HasSpelling {
    /// Whether the kernel prints the table as it was loaded, so that numbers may begin with `+` and options may be repeated.
    const AS_GIVEN: bool = false;

    /// Reads the words, and records in `fields` if any of them is unusual.
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError>;

    /// Prints the words as the kernel usually does.
    fn print(&self, out: &mut Printer<'_, '_>);
}

/// Access to the spelling of a table; implemented by `spelled!`.
pub(crate) trait HasSpelling: Sized + PartialEq {
    fn spelling(&self) -> &Spelling;

    fn spelling_mut(&mut self) -> &mut Spelling;
}

/// Parses a table together with its spelling.
pub(crate) fn parse<T: Spelled>(fields: &mut Fields<'_>) -> Result<T, ParseError> {
    let start = fields.clone();
    let mut table = read::<T>(fields)?;
    let unusual = if T::AS_GIVEN {
        !prints_as(&table, start.remainder().trim_ascii(), start.form())
    } else {
        fields.is_unusual() && start.form() == TextForm::Printed
    };
    if unusual {
        *table.spelling_mut() = Spelling::of(start);
    }
    Ok(table)
}

fn read<T: Spelled>(fields: &mut Fields<'_>) -> Result<T, ParseError> {
    if T::AS_GIVEN {
        fields.read_as_given();
    }
    T::read(fields)
}

/// Prints a table: `{}` in the usual spelling, `{:#}` as it was spelled.
pub(crate) fn print<T: Spelled>(table: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &table.spelling().0 {
        Some(text) if f.alternate() && read(&mut Fields::printed(text)).as_ref() == Ok(table) => f.write_str(text),
        _ => print_usual(table, f),
    }
}

fn print_usual<T: Spelled>(table: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut out = Printer::new(f);
    table.print(&mut out);
    out.end()
}

impl Spelling {
    /// The remaining words, separated by single spaces, with a space at the end if the text has one.
    fn of(mut fields: Fields<'_>) -> Self {
        let given = fields.remainder();
        let mut text = Zeroizing::new(String::with_capacity(given.len()));
        if fields.form() == TextForm::Printed && has_single_spaces(given) {
            text.push_str(given);
            return Self(Some(Box::new(text)));
        }
        while let Some(word) = fields.next_word() {
            if !text.is_empty() {
                text.push(' ');
            }
            // The table's parser has checked each word.
            text.push_str(&word.unquoted());
        }
        if given.ends_with(' ') {
            text.push(' ');
        }
        Self(Some(Box::new(text)))
    }
}

/// Whether single spaces, and no other white space, separate the words, as in all tables that kernels print.
fn has_single_spaces(text: &str) -> bool {
    let mut before = b' ';
    text.bytes().all(|byte| {
        let is_single = byte > b' ' || byte == b' ' && before != b' ';
        before = byte;
        is_single
    })
}

impl PartialEq for Spelling {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Spelling {}

impl Hash for Spelling {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Does not show the text, which may contain a key.
impl fmt::Debug for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "unusual" } else { "usual" })
    }
}

/// Whether the table prints exactly this text. Does not allocate.
fn prints_as(table: &impl Spelled, text: &str, form: TextForm) -> bool {
    struct Usual<'a, T>(&'a T);

    impl<T: Spelled> fmt::Display for Usual<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            print_usual(self.0, f)
        }
    }

    let mut rest = Rest(text);
    let printed = match form {
        TextForm::Input => write!(rest, "{}", Usual(table)),
        TextForm::Printed => write!(rest, "{:#}", Usual(table)),
    };
    printed.is_ok() && rest.0.is_empty()
}

/// The part of a text that was not yet matched by what is written; writing anything else is an error.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Flakey, Target};

    #[test]
    fn an_unusual_text_is_kept_with_single_spaces() {
        for text in ["7:0 8 5 10 0", " 7:0 8 5 10 0", "7:0  8 5 10 0", "7:0\t8 5 10\n0", "7:0 8\u{b}5 10 0"] {
            for (end, kept) in [("", ""), (" ", " "), ("  ", " "), ("\n", "")] {
                let table = Flakey::parse_table(&format!("{text}{end}")).unwrap();
                assert_eq!(format!("{table:#}"), format!("7:0 8 5 10 0{kept}"), "{text:?}{end:?}");
            }
        }
    }
}
