//! [`ParseError`]: an error in a text, with the position of the wrong word.

use core::fmt;
use core::ops::Range;

use crate::errors::keys::may_hold_key;
use crate::errors::problem::Problem;

/// A text, such as a table, a status or a message, could not be parsed.
///
/// The error is small and `Copy`, and creating it does not allocate. It does not contain the text: call
/// [`annotate`](Self::annotate) to show the place of the error in the text.
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
    part: TextKind,
    shown: Shown,
    field: &'static str,
    place: Place,
    problem: Problem,
}

/// The kind of text in which an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextKind {
    /// The params of a table line: the words after the target type, as `dmsetup table` prints them.
    Table,
    /// The words after the target type in a status line, as `dmsetup status` prints them.
    Status,
    /// A message to a target or a device.
    Message,
    /// The reply to a message.
    Reply,
    /// The start of a table or status line, before the target's own text: start sector, length and target type. Also a
    /// line of another output, such as that of `dmsetup ls`.
    Line,
}

/// The part of the text that may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The whole text.
    All,
    /// Only the bytes from the first to before the last; those around them may contain a key. Bytes of dmsetup's
    /// concise form that do not fit in `u16` are not shown.
    Within(u16, u16),
    /// Nothing, because the text may contain a key.
    Nothing,
}

/// The position of a word in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of the word, from 1.
    pub(crate) number: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Place {
    pub(crate) const START: Self = Self { number: 0, start: 0, end: 0 };
}

impl ParseError {
    pub(crate) const fn new(place: Place, field: &'static str, problem: Problem) -> Self {
        Self { target: "", part: TextKind::Line, shown: Shown::All, field, place, problem }
    }

    /// The same error, in a text of this kind of the target `target`.
    #[cold]
    #[must_use]
    pub(crate) const fn in_target(self, target: &'static str, secret: bool, part: TextKind) -> Self {
        let shown = if secret { Shown::Nothing } else { self.shown };
        Self { target, part, shown, ..self }
    }

    /// The same error, in a text that does not belong to a target.
    #[cold]
    #[must_use]
    pub(crate) const fn in_part(self, part: TextKind) -> Self {
        Self { part, ..self }
    }

    /// The same error, in a longer text in which the parsed text starts at `offset` bytes.
    #[cold]
    #[must_use]
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.place.start = self.place.start.saturating_add(offset);
        self.place.end = self.place.end.saturating_add(offset);
        self
    }

    /// The same error, in a text of which only the bytes in `range` may be shown.
    #[cold]
    #[must_use]
    pub(crate) fn shown_within(mut self, range: Range<usize>) -> Self {
        if self.shown == Shown::All {
            let [start, end] = [range.start, range.end].map(u16::try_from);
            self.shown = start.ok().zip(end.ok()).map_or(Shown::Nothing, |(start, end)| Shown::Within(start, end));
        }
        self
    }

    /// The target type, such as `thin-pool`; empty for text that belongs to no target, such as the start of a line.
    #[must_use]
    pub const fn target(&self) -> &'static str {
        self.target
    }

    /// The kind of text in which the error occurred.
    #[must_use]
    pub const fn text_kind(&self) -> TextKind {
        self.part
    }

    /// The field with the error, in the kernel's terms; empty for a word that belongs to no field.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// The number of the wrong word, counted from 1. In the params of a line, the first word of the params is number 1.
    #[must_use]
    pub const fn word(&self) -> usize {
        self.place.number
    }

    /// The byte range of the wrong word in the text for [`annotate`](Self::annotate). If a word is missing, this is the
    /// place where the word was expected: the end of the text, or the word after its group.
    #[must_use]
    pub const fn span(&self) -> Range<usize> {
        self.place.start..self.place.end
    }

    /// The reason why the word is wrong.
    #[must_use]
    pub const fn problem(&self) -> Problem {
        self.problem
    }

    /// Displays the error, the part of the text around it, and a line of carets below the wrong word.
    ///
    /// `text` must be the text that was parsed. For an error in the concise form, pass the whole text; at most the
    /// wrong line is shown. For another error in a [`TableError`](crate::TableError), pass only the wrong line.
    ///
    /// Text that may contain a key is shown as `*`. The whole text may contain a key if the target has keys, or if a
    /// table, status or message has several lines. If the target is not known yet, only the part after the error may.
    #[must_use]
    pub const fn annotate<'a>(&self, text: &'a str) -> Annotated<'a> {
        Annotated { error: *self, text }
    }
}

impl fmt::Display for TextKind {
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

/// Displays a [`ParseError`] together with the text. [`ParseError::annotate`] returns it.
#[derive(Clone, Copy)]
pub struct Annotated<'a> {
    error: ParseError,
    text: &'a str,
}

/// The largest number of bytes to show before and after the start of the wrong word.
const CONTEXT: usize = 200;

impl Annotated<'_> {
    /// The character to show for a character of the text; a space for one that would break the line.
    fn shown(char: char, is_hidden: bool) -> char {
        match char {
            _ if char.is_whitespace() || char.is_control() => ' ',
            _ if is_hidden => '*',
            _ => char,
        }
    }

    /// The bytes of the text that appear in the output, shown or hidden.
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

    /// The start of the character that contains byte `at`, or the end of the text.
    fn boundary(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or_default()
    }

    /// The byte from which the text is hidden.
    fn hidden_from(&self) -> usize {
        let Place { start, end, .. } = self.error.place;
        match (self.error.shown, self.error.part) {
            (Shown::Nothing, _) => 0,
            // The contents of the other lines are not known.
            (Shown::All, TextKind::Table | TextKind::Status | TextKind::Message | TextKind::Line)
                if self.has_lines() =>
            {
                0
            }
            _ if !self.has_unknown_target() => usize::MAX,
            _ if self.text.get(start..end).is_some_and(may_hold_key) => start,
            _ => end,
        }
    }

    /// Whether the text after the error may belong to any target: in a line, or in a message that is not for the
    /// device-mapper core.
    const fn has_unknown_target(&self) -> bool {
        let Place { number, .. } = self.error.place;
        match self.error.part {
            TextKind::Line => true,
            TextKind::Message => self.error.target.is_empty() && number <= 1,
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
