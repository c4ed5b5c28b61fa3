//! Detection of the end of device names, which dmsetup prints without quotes.

use crate::errors::keys::{longest_row, may_hold_key};
use crate::errors::parse_error::{ParseError, Place};
use crate::errors::problem::Problem;
use crate::target::Target;
use crate::targets::any::TargetVisitor;
use crate::targets::visit_targets;
use crate::text::fields::Fields;

/// The longest name of a device (`DM_NAME_LEN` includes the NUL).
const MAX_NAME: usize = 127;

/// The smallest number of digits that is taken for a key rather than for part of an identifier.
const LONG_KEY: usize = 32;

/// A line `name: start length type params`, split after the name.
#[derive(Clone, Copy)]
pub(super) struct Split<'a> {
    pub(super) name: Option<&'a str>,
    /// The text after the name; empty for a device without a table.
    pub(super) rest: &'a str,
    /// The target type, if `rest` starts like a line of a table.
    pub(super) target_type: Option<&'a str>,
}

impl<'a> Split<'a> {
    /// Finds the end of the name.
    ///
    /// A name may contain anything except a slash, even text that looks like a line of a table. It ends at the last
    /// position that is followed by a line of a known target, or otherwise at the first position that is followed by
    /// any line.
    ///
    /// # Errors
    ///
    /// [`Problem::MayBeKey`]: the name may contain a line with a key that was not recognized as a line.
    pub(super) fn of(text: &'a str) -> Result<Self, ParseError> {
        let split = Self::of_line(text).or_else(|| Self::without_table(text)).unwrap_or_else(|| Self::wrong(text));
        match split.name.filter(|name| holds_key_line(name)) {
            Some(name) => {
                Err(ParseError::new(Place { number: 1, start: 0, end: name.len() }, "name", Problem::MayBeKey))
            }
            None => Ok(split),
        }
    }

    /// Whether a line of a device, or a device without a table, may start here.
    pub(super) fn is_start(text: &'a str) -> bool {
        Self::of_line(text).is_some() || text.ends_with(": ") && Self::without_table(text).is_some()
    }

    fn of_line(text: &'a str) -> Option<Self> {
        let mut first = None;
        for candidate in Self::candidates(text) {
            if candidate.target_type.is_some_and(is_known) {
                return Some(candidate);
            }
            first = Some(candidate);
        }
        first
    }

    /// The positions at which a line can start, from the last to the first.
    fn candidates(text: &'a str) -> impl Iterator<Item = Self> {
        let named =
            text.rmatch_indices(": ").filter_map(|(at, _)| Some((Some(text.get(..at)?), text.get(at..)?.get(2..)?)));
        let named = named.filter(|(name, _)| name.is_some_and(is_name));
        named.chain([(None, text)]).filter_map(|(name, rest)| {
            let target_type = Some(target_type(rest)?);
            Some(Self { name, rest, target_type })
        })
    }

    /// A device without a table. The space after the colon may be missing, because many programs remove it.
    fn without_table(text: &'a str) -> Option<Self> {
        let name = text.strip_suffix(": ").or_else(|| text.strip_suffix(':')).filter(|name| is_name(name))?;
        Some(Self { name: Some(name), rest: "", target_type: None })
    }

    /// A text that is neither; parsing `rest` will return the error.
    fn wrong(text: &'a str) -> Self {
        let (name, rest) = text.split_once(": ").map_or((None, text), |(name, rest)| (Some(name), rest));
        Self { name, rest, target_type: None }
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(['/', '\n'])
}

/// The target type, if the text starts like a line of a table: two numbers and a word.
fn target_type(text: &str) -> Option<&str> {
    let mut fields = Fields::printed(text);
    for _ in 0..2 {
        let number = fields.next_word()?.spelling();
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    Some(fields.next_word()?.spelling()).filter(|target_type| !target_type.ends_with(':'))
}

/// Whether a name may be a line, or a part of one, that contains a key and lost its end.
///
/// That is assumed if the name contains the start of a line of a target with keys and something that may be a key, or if it
/// has several words and a long key in them. A single word is often an identifier.
fn holds_key_line(name: &str) -> bool {
    let mut lines = name.split(": ").filter_map(target_type);
    let has_words = name.split_ascii_whitespace().nth(1).is_some();
    has_words && longest_row(name) >= LONG_KEY
        || name.split_ascii_whitespace().any(may_hold_key)
            && lines.any(|target_type| !is_known_without_keys(target_type))
}

/// Finds a target by the name of its type.
struct Find<'a> {
    target_type: &'a str,
    /// Whether the target may contain keys; `None` if it was not found.
    secret: Option<bool>,
}

impl TargetVisitor for Find<'_> {
    fn visit<T: Target>(&mut self) {
        if T::TYPE == self.target_type {
            self.secret = Some(T::SECRET);
        }
    }
}

fn find(target_type: &str) -> Option<bool> {
    let mut find = Find { target_type, secret: None };
    visit_targets(&mut find);
    find.secret
}

pub(super) fn is_known(target_type: &str) -> bool {
    find(target_type).is_some()
}

fn is_known_without_keys(target_type: &str) -> bool {
    find(target_type) == Some(false)
}
