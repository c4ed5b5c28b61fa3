//! Words that the kernel prints exactly as it was given them.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt::{self, Write};
use core::ops::{Deref, DerefMut};

use crate::fields::Fields;
use crate::parse_error::ParseError;
use crate::printer::Printer;
use crate::target::Params;
use crate::word::{Form, WordBuf};

/// The part of a table that the kernel keeps word for word, and prints in whatever order and spelling it was given.
///
/// It can be used like a `T`, the meaning of the words. To change it (`DerefMut`) forgets how it was spelled: from then on
/// it is printed as a new `T` is.
#[derive(Clone, PartialEq, Eq)]
pub struct AsGiven<T> {
    value: T,
    /// The words, if they are others than `value` prints.
    words: Option<Box<[WordBuf]>>,
}

impl<T> From<T> for AsGiven<T> {
    fn from(value: T) -> Self {
        Self { value, words: None }
    }
}

impl<T> Deref for AsGiven<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for AsGiven<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.words = None;
        &mut self.value
    }
}

/// That of the meaning.
impl<T: fmt::Debug> fmt::Debug for AsGiven<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Reads all words that are left, of which `T` must leave none.
impl<T: Params> Params for AsGiven<T> {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut given = fields.clone();
        fields.take_plus();
        let value = T::parse(fields)?;
        fields.finish()?;
        if prints_as(&value, given.remainder().trim_ascii(), given.form()) {
            return Ok(value.into());
        }
        let words = given.read_rest("words")?;
        let text = value.to_string();
        let differ = Fields::input(&text).read_rest("words").is_ok_and(|printed| printed != words);
        Ok(Self { value, words: differ.then(|| words.into()) })
    }
}

impl<T: fmt::Display> fmt::Display for AsGiven<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => Printer::new(f).all(words).end(),
            None => self.value.fmt(f),
        }
    }
}

/// Whether the value prints exactly this text, found out without an allocation.
fn prints_as(value: &impl fmt::Display, text: &str, form: Form) -> bool {
    let mut rest = Rest(text);
    let printed = match form {
        Form::Input => write!(rest, "{value}"),
        Form::Printed => write!(rest, "{value:#}"),
    };
    printed.is_ok() && rest.0.is_empty()
}

/// What is left of a text after what was written; an error once something else is written.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that ignores the words after it.
    #[derive(Clone, Debug, PartialEq)]
    struct Number(u64);

    impl Params for Number {
        fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
            let number = fields.read("number")?;
            fields.read_rest("ignored words")?;
            Ok(Self(number))
        }
    }

    impl fmt::Display for Number {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Printer::new(f).put(&self.0).end()
        }
    }

    fn read(fields: &mut Fields<'_>) -> AsGiven<Number> {
        AsGiven::parse(fields).unwrap()
    }

    #[test]
    fn the_spelling_is_kept_until_the_value_is_changed() {
        let mut number = read(&mut Fields::printed(" 007  x\\y "));
        assert_eq!(*number, Number(7));
        assert_eq!(format!("{number:#}"), "007 x\\y");
        assert_eq!(read(&mut Fields::input(&number.to_string())), number);
        assert_eq!(read(&mut Fields::printed("+7")).to_string(), "+7");
        *number = Number(8);
        assert_eq!(number.to_string(), "8");
        assert_eq!(number, Number(8).into());
    }

    #[test]
    fn what_is_spelled_as_it_is_printed_is_not_kept() {
        for text in ["7", " 7 ", "\u{b}7\u{b}"] {
            assert_eq!(read(&mut Fields::input(text)), Number(7).into());
        }
    }
}
