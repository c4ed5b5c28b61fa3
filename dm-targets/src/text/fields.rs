//! The parser of words.

use alloc::vec::Vec;

use crate::errors::parse_error::{ParseError, Place};
use crate::errors::problem::{InvalidField, Problem};
use crate::text::limits::Limits;
use crate::text::split;
use crate::text::value::{Number, Value};
use crate::text::word::{TextForm, Word, WordBuf, is_space};

/// Reads the words of a table, status or message one after the other, and remembers their position for errors.
///
/// White space separates words, as in the kernel. In [`TextForm::Input`], a backslash quotes white space, which then
/// belongs to the word. The names of fields appear only in errors; use the kernel's terms.
///
/// ```
/// use dm_targets::{Device, Fields};
/// use dm_units::Sectors;
///
/// let mut fields = Fields::printed("253:0 2048");
/// let device: Device = fields.read("device")?;
/// let start: Sectors = fields.read("start")?;
/// fields.finish()?;
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    text: &'a str,
    form: TextForm,
    /// Whether the kernel prints these words as they were given to it.
    as_given: bool,
    /// Whether a word was read that the kernel usually prints differently.
    unusual: bool,
    /// Whether the text may contain a key.
    guarded: bool,
    /// The byte at which the search for the next word starts.
    at: usize,
    /// The byte after the last word that may be read.
    end: usize,
    /// The position of the word that was read last.
    last: Place,
}

impl<'a> Fields<'a> {
    /// Reads text that the kernel or `dmsetup` has printed: nothing is quoted.
    #[inline]
    #[must_use]
    pub const fn printed(text: &'a str) -> Self {
        Self::new(text, TextForm::Printed)
    }

    /// Reads text for a constructor or a message handler: a backslash quotes the byte after it.
    #[inline]
    #[must_use]
    pub const fn input(text: &'a str) -> Self {
        Self::new(text, TextForm::Input)
    }

    /// Reads text in the given form.
    #[inline]
    #[must_use]
    pub const fn new(text: &'a str, form: TextForm) -> Self {
        Self { text, form, as_given: false, unusual: false, guarded: false, at: 0, end: text.len(), last: Place::START }
    }

    /// Reads the following words as the kernel prints them if it prints what it was given: numbers may begin with a `+`, as
    /// `kstrtoull` accepts them, and options may be repeated.
    pub(crate) const fn read_as_given(&mut self) {
        self.as_given = true;
    }

    /// Whether the last value wins if an option is repeated; otherwise that is an error.
    pub(crate) const fn takes_repeated(&self) -> bool {
        self.as_given
    }

    /// Records that the kernel usually prints differently what was just read.
    pub(crate) const fn note_unusual(&mut self) {
        self.unusual = true;
    }

    /// Whether the kernel usually prints differently what was read.
    pub(crate) const fn is_unusual(&self) -> bool {
        self.unusual
    }

    /// Sets whether the text may contain a key. If so, words that may be a key are refused where they would be shown.
    pub(crate) const fn guarded(self, guarded: bool) -> Self {
        Self { guarded, ..self }
    }

    /// The form of the text.
    #[must_use]
    pub const fn form(&self) -> TextForm {
        self.form
    }

    /// Reads the next word.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: there are no more words. Other problems: the word is not a `T`.
    #[inline]
    pub fn read<T: Value>(&mut self, field: &'static str) -> Result<T, ParseError> {
        self.read_optional(field)?.ok_or_else(|| self.missing(field))
    }

    /// Reads the next word as a number and checks that the kernel would accept it.
    ///
    /// # Errors
    ///
    /// The errors of [`read`](Self::read) and [`Limits::check`].
    #[inline]
    pub fn read_within<T: Number>(&mut self, limits: &Limits) -> Result<T, ParseError> {
        let number = self.read(limits.field())?;
        limits.check(number).map_err(|invalid| self.blame(invalid))?;
        Ok(number)
    }

    /// Reads the next word; `None` if there are no more words.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the word is not a `T`.
    #[inline]
    pub fn read_optional<T: Value>(&mut self, field: &'static str) -> Result<Option<T>, ParseError> {
        if let Some(value) = self.scan() {
            return Ok(Some(value));
        }
        match self.next_word() {
            Some(word) => T::read(word).map(Some).map_err(|problem| self.error(field, problem)),
            None => Ok(None),
        }
    }

    /// Reads the next word if it is a value that can be read while its end is searched.
    #[inline]
    fn scan<T: Value>(&mut self) -> Option<T> {
        let text = self.text.as_bytes().get(self.at..self.end)?;
        let word = text.strip_prefix(b" ").unwrap_or(text);
        let (value, rest) = T::scan(word)?;
        if !matches!(rest, [] | [b' ', ..]) {
            return None;
        }
        let [start, end] = [word, rest].map(|part| self.end.wrapping_sub(part.len()));
        self.pass(start, end);
        Some(value)
    }

    /// Reads a word that must be `literal`.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: there are no more words. [`Problem::Expected`]: the word is a different one.
    pub fn read_literal(&mut self, field: &'static str, literal: &'static str) -> Result<(), ParseError> {
        match self.next_word() {
            Some(word) if word.spelling() == literal => Ok(()),
            Some(_) => Err(self.error(field, Problem::Expected(literal))),
            None => Err(self.missing(field)),
        }
    }

    /// Reads the next word as one value per character, such as `AAD` with a `count` of 3.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: there are no more words. [`Problem::Expected`]: the word does not have `count` characters. Other
    /// problems: a character is not a `T`.
    pub fn read_letters<T: Value>(&mut self, field: &'static str, count: usize) -> Result<Vec<T>, ParseError> {
        let word = self.next_word().ok_or_else(|| self.missing(field))?;
        let letters: Result<Vec<T>, Problem> = word.letters().map(T::read).collect();
        match letters {
            Ok(letters) if letters.len() == count => Ok(letters),
            Ok(_) => Err(self.error(field, Problem::Expected("one letter for each device"))),
            Err(problem) => Err(self.error(field, problem)),
        }
    }

    /// Reads a count and that many words, and returns a reader of these words.
    ///
    /// Kernel: `dm_read_arg_group` in `drivers/md/dm-table.c`.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: there are no more words. [`Problem::NotDecimal`], [`Problem::OutOfRange`]: the count is
    /// not a number of 32 bits. [`Problem::TooFewWords`]: fewer words follow than the count says.
    pub fn read_group(&mut self, field: &'static str) -> Result<Self, ParseError> {
        let counted = self.read_count(field)?;
        let mut group = self.clone();
        for found in 0..counted as usize {
            if self.find_word().map(|(_, end)| self.at = end).is_none() {
                return Err(group.error(field, Problem::TooFewWords { counted, found }));
            }
        }
        group.end = self.at;
        self.last.number = self.last.number.saturating_add(counted as usize);
        Ok(group)
    }

    /// Reads a count without a leading `+`, because the kernel reads it with `%u`.
    fn read_count(&mut self, field: &'static str) -> Result<u32, ParseError> {
        let word = self.next_word().ok_or_else(|| self.missing(field))?;
        u32::read(word.takes_plus(false)).map_err(|problem| self.error(field, problem))
    }

    /// Reads all remaining words, to keep them as they are.
    ///
    /// # Errors
    ///
    /// The errors of [`Word::value`]: a word cannot be quoted ([`Problem::ForbiddenByte`],
    /// [`Problem::NeedlessBackslash`]) or may be a key ([`Problem::MayBeKey`]).
    pub fn read_rest(&mut self, field: &'static str) -> Result<Vec<WordBuf>, ParseError> {
        let mut words = Vec::new();
        while let Some(word) = self.read_optional(field)? {
            words.push(word);
        }
        // Only white space is left, which need not be searched again.
        self.at = self.end;
        Ok(words)
    }

    /// Skips the remaining words, which the kernel ignores but prints.
    pub(crate) fn ignore_rest(&mut self) -> Result<(), ParseError> {
        while let Some(word) = self.next_word() {
            word.check().map_err(|problem| self.error("ignored words", problem))?;
            self.note_unusual();
        }
        Ok(())
    }

    /// Skips the remaining words, which the kernel ignores and does not print.
    pub(crate) fn ignore_rest_of_input(&mut self) -> Result<(), ParseError> {
        match self.form {
            TextForm::Input => self.ignore_rest(),
            TextForm::Printed => Ok(()),
        }
    }

    /// Skips the remaining words, because another reader reads them.
    pub(crate) const fn skip_rest(&mut self) {
        self.at = self.end;
    }

    /// Reads all words with `read`, and returns an error if any word is left.
    #[inline]
    pub(crate) fn read_all<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        let value = read(&mut self)?;
        self.finish()?;
        Ok(value)
    }

    /// Reads each of the remaining lines.
    pub(crate) fn read_lines<T>(
        mut self,
        read: impl Fn(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let (end, mut lines) = (self.end, Vec::new());
        while self.at < end {
            self.end = end;
            let length = self.remainder().find('\n');
            self.end = length.map_or(end, |length| self.at.saturating_add(length));
            lines.push(read(&mut self)?);
            self.finish()?;
            self.at = self.end.saturating_add(1);
        }
        Ok(lines)
    }

    /// Consumes the remaining words if they are exactly those of `text`, such as `Fail`, and returns whether they are.
    #[inline]
    pub fn take_all(&mut self, text: &str) -> bool {
        // Usually they are not, and the first letter is enough to find out.
        let first = self.remainder().bytes().find(|&byte| !is_space(byte));
        let found = first == text.bytes().next() && self.holds_words(text);
        if found {
            self.at = self.end;
        }
        found
    }

    fn holds_words(&self, text: &str) -> bool {
        let mut ahead = self.clone();
        let mut is_next = |word| ahead.next_word().is_some_and(|found| found.spelling() == word);
        text.split_ascii_whitespace().all(&mut is_next) && ahead.is_empty()
    }

    /// Takes the next word; `None` if there are no more words.
    #[inline]
    pub fn next_word(&mut self) -> Option<Word<'a>> {
        let (start, end) = self.find_word()?;
        self.pass(start, end);
        Some(Word::new(self.text.get(start..end)?, self.form).takes_plus(self.as_given).guarded(self.guarded))
    }

    /// Returns the next word without taking it; `None` if there are no more words.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<Word<'a>> {
        self.clone().next_word()
    }

    /// The number of the word that was read last, from 1; 0 before the first word.
    pub(crate) const fn word_number(&self) -> usize {
        self.last.number
    }

    /// Whether no words are left.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.find_word().is_none()
    }

    /// Whether nothing is left, not even white space.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    /// The remaining text as it is spelled, usually with white space at its start.
    #[must_use]
    pub fn remainder(&self) -> &'a str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    /// Checks that no words are left.
    ///
    /// # Errors
    ///
    /// [`Problem::Unexpected`]: a word is left.
    #[inline]
    pub fn finish(&mut self) -> Result<(), ParseError> {
        if self.is_at_end() { Ok(()) } else { self.finish_after_spaces() }
    }

    fn finish_after_spaces(&mut self) -> Result<(), ParseError> {
        match self.next_word() {
            Some(_) => Err(self.error("", Problem::Unexpected)),
            None => Ok(()),
        }
    }

    /// An error that points to the word that was read last.
    #[cold]
    #[must_use]
    pub fn error(&self, field: &'static str, problem: Problem) -> ParseError {
        ParseError::new(self.last, field, problem)
    }

    /// Turns an error of a check into an error that points to the word that was read last.
    #[cold]
    #[must_use]
    pub fn blame(&self, invalid: InvalidField) -> ParseError {
        self.error(invalid.field(), invalid.problem())
    }

    /// An error for a missing word. It points to the end of the text, or to the word after the group if a group ends too
    /// early.
    #[cold]
    #[must_use]
    pub fn missing(&self, field: &'static str) -> ParseError {
        let whole = Self { end: self.text.len(), ..self.clone() };
        let (start, end) = whole.find_word().unwrap_or((whole.end, whole.end));
        let place = Place { number: self.last.number.saturating_add(1), start, end };
        ParseError::new(place, field, Problem::Missing)
    }

    /// Continues after a word.
    #[inline]
    const fn pass(&mut self, start: usize, end: usize) {
        self.at = end;
        // Cannot overflow: there are no more words than bytes.
        self.last = Place { number: self.last.number.wrapping_add(1), start, end };
    }

    /// The bytes at which the next word starts and ends.
    #[inline]
    fn find_word(&self) -> Option<(usize, usize)> {
        let (start, end) = split::find_word(self.text.as_bytes().get(self.at..self.end)?, self.form, self.guarded)?;
        Some((self.at.wrapping_add(start), self.at.wrapping_add(end)))
    }
}
