//! What is wrong with a text, and where.

use core::fmt;
use core::ops::Range;

use crate::errors::keys::may_hold_key;
use crate::errors::problem::Problem;

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
    shown: Shown,
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

/// What can be shown of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// All of it.
    All,
    /// The bytes from the first to before the last: what is around them may hold a key. The concise form is short.
    Within(u16, u16),
    /// Nothing: the text may hold a key.
    Nothing,
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
        Self { target: "", part: Part::Line, shown: Shown::All, field, place, problem }
    }

    /// The same error, in a text of this type of target.
    #[cold]
    #[must_use]
    pub(crate) const fn in_target(self, target: &'static str, secret: bool, part: Part) -> Self {
        let shown = if secret { Shown::Nothing } else { self.shown };
        Self { target, part, shown, ..self }
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

    /// The same error, in a text of which only the bytes of `range` can be shown.
    #[cold]
    #[must_use]
    pub(crate) fn shown_within(mut self, range: Range<usize>) -> Self {
        if self.shown == Shown::All {
            let [start, end] = [range.start, range.end].map(u16::try_from);
            self.shown = start.ok().zip(end.ok()).map_or(Shown::Nothing, |(start, end)| Shown::Within(start, end));
        }
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

    /// The sentence, the part of the text it is about and a line of carets below the word.
    ///
    /// `text` must be what was parsed: for an error in a line, that line. Characters that may be part of a key are shown as
    /// `*`. These are all of a text of a target with keys, all of several lines or devices but the one with the error, and
    /// in a line whose target is not known yet what stands behind the error. Of a long text, the part around the error is
    /// shown.
    #[must_use]
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

/// How many bytes are shown before and behind the start of the word with the error.
const CONTEXT: usize = 200;

impl Annotated<'_> {
    /// What is shown for a character of the text: one column each, or a space for one that would break the line.
    fn shown(char: char, is_hidden: bool) -> char {
        match char {
            _ if char.is_whitespace() || char.is_control() => ' ',
            _ if is_hidden => '*',
            _ => char,
        }
    }

    /// The bytes that stand in the output, shown or hidden.
    fn window(&self) -> Range<usize> {
        let at = self.error.place.start;
        let whole = match self.error.shown {
            Shown::Within(start, end) => start.into()..end.into(),
            Shown::All | Shown::Nothing => 0..self.text.trim_end_matches('\n').len().max(at),
        };
        let start = self.boundary(whole.start.max(at.saturating_sub(CONTEXT)));
        let end = self.boundary(whole.end.min(at.saturating_add(CONTEXT)));
        start..end
    }

    /// The first byte of the character at `at`, or the end.
    fn boundary(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or_default()
    }

    /// From which byte on the text is hidden.
    fn hidden_from(&self) -> usize {
        let Place { start, end, .. } = self.error.place;
        match (self.error.shown, self.error.part) {
            (Shown::Nothing, _) => 0,
            // What stands in other lines is not known.
            (Shown::All, Part::Table | Part::Status | Part::Message | Part::Line) if self.has_lines() => 0,
            _ if !self.has_unknown_target() => usize::MAX,
            _ if self.text.get(start..end).is_some_and(may_hold_key) => start,
            _ => end,
        }
    }

    /// Whether what follows the error may be for any target: in a line, or in a message that is not for the device mapper.
    const fn has_unknown_target(&self) -> bool {
        let Place { number, .. } = self.error.place;
        match self.error.part {
            Part::Line => true,
            Part::Message => self.error.target.is_empty() && number <= 1,
            _ => false,
        }
    }

    fn has_lines(&self) -> bool {
        self.text.trim_end_matches('\n').contains('\n')
    }
}

impl fmt::Display for Annotated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let Place { start, end, .. } = self.error.place;
        let (window, hidden_from) = (self.window(), self.hidden_from());
        let chars = |range| self.text.get::<Range<usize>>(range).unwrap_or_default().char_indices();
        write!(f, "{}\n  ", self.error)?;
        for (at, char) in chars(window.clone()) {
            f.write_char(Self::shown(char, window.start.saturating_add(at) >= hidden_from))?;
        }
        f.write_str("\n  ")?;
        chars(window.start..start).try_for_each(|_| f.write_char(' '))?;
        let carets = chars(start..end.min(window.end)).count().max(1);
        (0..carets).try_for_each(|_| f.write_char('^'))
    }
}

impl fmt::Debug for Annotated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
