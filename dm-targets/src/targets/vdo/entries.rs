//! The syntax of the replies to the messages `stats` and `config` (message-stats.c in drivers/md/dm-vdo):
//! `{ name : value, name : { name : value, }, }`.

use alloc::vec::Vec;
use core::fmt::Write;

use crate::{Fields, ParseError, Printer, Problem, Value, Word, WordBuf};

/// A value after a name and a colon.
pub(super) trait Entry: Sized {
    /// Parses the value; `name` is the entry's name, for errors.
    fn read_entry(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, ParseError>;
    /// Prints the value, with the comma after it.
    fn print_entry(&self, out: &mut Printer<'_, '_>);
}

/// A single value is followed by a comma.
impl<T: Value> Entry for T {
    fn read_entry(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, ParseError> {
        let word = fields.next_word().ok_or_else(|| fields.missing(name))?;
        let value = word.spelling().strip_suffix(',').ok_or(Problem::Expected("a value followed by a comma"));
        value.and_then(|value| T::read(Word::plain(value))).map_err(|problem| fields.error(name, problem))
    }

    fn print_entry(&self, out: &mut Printer<'_, '_>) {
        out.next_word(|out| {
            self.print(out)?;
            out.write_char(',')
        });
    }
}

/// A Boolean is `0` or `1`, followed by a comma.
impl Entry for bool {
    fn read_entry(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, ParseError> {
        match u8::read_entry(fields, name)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(fields.error(name, Problem::OutOfRange { min: 0, max: 1 })),
        }
    }

    fn print_entry(&self, out: &mut Printer<'_, '_>) {
        u8::from(*self).print_entry(out);
    }
}

/// Reads the next name and its colon; returns `None` at the word `close`, which ends the group.
pub(super) fn read_name<'a>(fields: &mut Fields<'a>, close: &str) -> Result<Option<Word<'a>>, ParseError> {
    let name = fields.next_word().ok_or_else(|| fields.missing("end of the group"))?;
    if name.spelling() == close {
        return Ok(None);
    }
    fields.read_literal("colon", ":")?;
    Ok(Some(name))
}

/// Keeps an unknown entry with everything in it.
pub(super) fn keep(name: Word<'_>, fields: &mut Fields<'_>, other: &mut Vec<WordBuf>) -> Result<(), ParseError> {
    const ENTRY: &str = "entry";
    let keep =
        |word: Word<'_>, fields: &Fields<'_>| WordBuf::read(word).map_err(|problem| fields.error(ENTRY, problem));
    other.push(keep(name, fields)?);
    other.push(keep(Word::plain(":"), fields)?);
    let mut depth = 0_usize;
    loop {
        let word = fields.next_word().ok_or_else(|| fields.missing(ENTRY))?;
        match word.spelling() {
            "{" => depth = depth.saturating_add(1),
            "}," => depth = depth.saturating_sub(1),
            _ => {}
        }
        other.push(keep(word, fields)?);
        if depth == 0 {
            return Ok(());
        }
    }
}

/// Declares a struct for a group of entries, with the name of the entry for each field. `$open` is printed as the
/// opening brace; it is `" {"` where the kernel prints two spaces.
macro_rules! group {
    (
        $open:literal;
        $(#[$about:meta])*
        pub struct $group:ident {
            $($(#[$about_field:meta])* $field:ident: $type:ty = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub struct $group {
            $($(#[$about_field])* pub $field: $type,)+
            /// The words of the fields that this crate does not know: the name of a field, its value, the name of the
            /// next field, and so on.
            #[cfg_attr(feature = "serde", serde(default))]
            pub other: Vec<$crate::WordBuf>,
        }

        impl $group {
            /// Reads a group up to the word `close`, which ends it.
            fn read_until(fields: &mut $crate::Fields<'_>, close: &str) -> Result<Self, $crate::ParseError> {
                $(let mut $field = None;)+
                let mut other = Vec::new();
                fields.read_literal("opening brace", "{")?;
                while let Some(name) = entries::read_name(fields, close)? {
                    match name.spelling() {
                        $($name if $field.is_none() => $field = Some(Entry::read_entry(fields, $name)?),)+
                        _ => entries::keep(name, fields, &mut other)?,
                    }
                }
                let missing = |name| fields.error(name, $crate::Problem::Missing);
                Ok(Self { $($field: $field.ok_or_else(|| missing($name))?,)+ other })
            }

            /// Prints a group followed by the word `close`.
            fn print_until(&self, out: &mut $crate::Printer<'_, '_>, close: &str) {
                out.word($open);
                $(
                    out.word($name).word(":");
                    self.$field.print_entry(out);
                )+
                out.all(&self.other).word(close);
            }
        }

        impl Entry for $group {
            fn read_entry(fields: &mut $crate::Fields<'_>, _: &'static str) -> Result<Self, $crate::ParseError> {
                Self::read_until(fields, "},")
            }

            fn print_entry(&self, out: &mut $crate::Printer<'_, '_>) {
                self.print_until(out, "},");
            }
        }
    };
}

/// Makes a group a complete reply.
macro_rules! reply {
    ($group:ident) => {
        impl $crate::Params for $group {
            fn parse(fields: &mut $crate::Fields<'_>) -> Result<Self, $crate::ParseError> {
                Self::read_until(fields, "}")
            }
        }

        impl core::fmt::Display for $group {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut out = $crate::Printer::printed(f);
                self.print_until(&mut out, "}");
                out.end()
            }
        }
    };
}

pub(super) use {group, reply};
