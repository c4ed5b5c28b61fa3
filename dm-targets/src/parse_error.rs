//! What is wrong with a text, and where.

use core::fmt;
use core::ops::Range;

use crate::problem::Problem;
use crate::target::Target;

/// A text is no table, status or message of its target.
///
/// It is small and `Copy`, and making one allocates nothing. It does not hold the text: [`annotate`](Self::annotate)
/// shows where in it the error is.
///
/// ```
/// use dm_targets::{Linear, Target};
///
/// let text = "253:0 2k";
/// let error = Linear::parse_table(text).unwrap_err();
/// assert_eq!(error.to_string(), "linear table: word 2, start, must be a decimal number");
/// assert_eq!(
///     error.annotate(text).to_string(),
///     "linear table: word 2, start, must be a decimal number\n  253:0 2k\n        ^^"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    target: &'static str,
    part: Part,
    /// The text may hold a key.
    secret: bool,
    field: &'static str,
    place: Place,
    problem: Problem,
}

/// Which of a target's texts it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// What the constructor reads and `STATUSTYPE_TABLE` prints.
    Table,
    /// What `STATUSTYPE_INFO` prints.
    Status,
    /// What is sent with a message.
    Message,
    /// What the target answers to a message.
    Reply,
    /// What comes before the target's own text in a line: start, length and target type.
    Line,
}

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which word it is, from 1.
    pub(crate) number: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Place {
    pub(crate) const START: Self = Self { number: 0, start: 0, end: 0 };
}

impl ParseError {
    pub(crate) const fn new(place: Place, field: &'static str, problem: Problem) -> Self {
        Self { target: "", part: Part::Line, secret: false, field, place, problem }
    }

    /// The same error, in a text of the target `T`.
    #[cold]
    #[must_use]
    pub fn within<T: Target>(self, part: Part) -> Self {
        Self { target: T::TYPE, part, secret: T::SECRET, ..self }
    }

    /// The same error, in a text that belongs to no target.
    #[cold]
    #[must_use]
    pub(crate) const fn in_part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// The same error, in a text that starts `offset` bytes further on.
    #[cold]
    #[must_use]
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.place.start = self.place.start.saturating_add(offset);
        self.place.end = self.place.end.saturating_add(offset);
        self
    }

    /// The target's type, such as `thin-pool`; empty if what is wrong stands before it in the line.
    #[must_use]
    pub const fn target(&self) -> &'static str {
        self.target
    }

    /// Which of the target's texts it is.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// The field, in the kernel's words; empty for a word that belongs to no field.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Which word it is, from 1 for the first of the [`part`](Self::part).
    #[must_use]
    pub const fn word(&self) -> usize {
        self.place.number
    }

    /// Where the word stands, in bytes; empty, at the end of the text, if it is missing.
    #[must_use]
    pub const fn span(&self) -> Range<usize> {
        self.place.start..self.place.end
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> Problem {
        self.problem
    }

    /// The sentence, the text it is about and a line of carets below the word.
    ///
    /// `text` must be what was parsed. Where it may hold a key, it is shown as `*`.
    pub const fn annotate<'a>(&self, text: &'a str) -> Annotated<'a> {
        Annotated { error: *self, text }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Status => "status",
            Self::Message => "message",
            Self::Reply => "reply",
            Self::Line => "line",
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.target.is_empty() {
            write!(f, "{} ", self.target)?;
        }
        write!(f, "{}: word {}", self.part, self.place.number)?;
        if !self.field.is_empty() {
            write!(f, ", {},", self.field)?;
        }
        write!(f, " {}", self.problem)
    }
}

impl core::error::Error for ParseError {}

/// A [`ParseError`] together with its text; what [`ParseError::annotate`] gives.
#[derive(Clone, Copy)]
pub struct Annotated<'a> {
    error: ParseError,
    text: &'a str,
}

impl Annotated<'_> {
    /// What is shown for a character of the text: one column each, or a space for one that would break the line.
    fn shown(&self, at: usize, char: char) -> char {
        match char {
            _ if char.is_whitespace() || char.is_control() => ' ',
            _ if self.may_be_key(at) => '*',
            _ => char,
        }
    }

    /// Where the target is not known yet, it can be one with a key in what comes next.
    const fn may_be_key(&self, at: usize) -> bool {
        self.error.secret || matches!(self.error.part, Part::Line) && at >= self.error.place.end
    }
}

impl fmt::Display for Annotated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let columns = |range| self.text.get::<Range<usize>>(range).map_or(0, |part| part.chars().count());
        let Place { start, end, .. } = self.error.place;
        write!(f, "{}\n  ", self.error)?;
        self.text.char_indices().try_for_each(|(at, char)| f.write_char(self.shown(at, char)))?;
        write!(f, "\n  {:1$}{2:^<3$}", "", columns(0..start), "", columns(start..end).max(1))
    }
}

impl fmt::Debug for Annotated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
