//! The printer of words.

use core::fmt::{self, Write};

use dm_units::decimal::Buffer;

use crate::text::value::Value;
use crate::text::word::{self, TextForm};

/// The size of the buffer in bytes. Most tables and statuses are shorter; a longer text is written in pieces.
const ROOM: usize = 256;

/// Prints the words of a table, status or message, separated by single spaces: the opposite of [`Fields`](crate::Fields).
///
/// Words are collected on the stack, so most texts are written with a single `write_str`. Methods can be chained;
/// [`end`](Self::end) returns the first error.
///
/// [`group`](Self::group) counts words, and prints the count before the words.
///
/// ```
/// use std::fmt;
///
/// use dm_targets::Printer;
///
/// struct Words;
///
/// impl fmt::Display for Words {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         Printer::new(f).put(&7_u64).group(|out| {
///             out.word("first").word("second");
///         }).end()
///     }
/// }
///
/// assert_eq!(Words.to_string(), "7 2 first second");
/// ```
pub struct Printer<'f, 'o> {
    /// `None` while words are only counted.
    out: Option<&'f mut fmt::Formatter<'o>>,
    form: TextForm,
    buffer: Buffer<ROOM>,
    state: State,
    /// The number of words so far.
    words: usize,
}

/// The handling of the next words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Words are collected in the buffer, which is written when it is full.
    Gathered,
    /// Words are held back in the buffer, because the count before them is not known yet.
    Held,
    /// Words are only counted, because the buffer is too small to hold them back.
    Counted,
    /// Words are dropped, because writing has failed.
    Failed,
}

impl<'f, 'o> Printer<'f, 'o> {
    /// A printer for tables and messages: `{}` prints text for the kernel, `{:#}` the text that the kernel prints.
    #[inline]
    pub fn new(out: &'f mut fmt::Formatter<'o>) -> Self {
        let form = if out.alternate() { TextForm::Printed } else { TextForm::Input };
        Self::with_form(out, form)
    }

    /// A printer for statuses and replies, which only the kernel prints.
    #[inline]
    pub fn printed(out: &'f mut fmt::Formatter<'o>) -> Self {
        Self::with_form(out, TextForm::Printed)
    }

    #[inline]
    fn with_form(out: &'f mut fmt::Formatter<'o>, form: TextForm) -> Self {
        Self { out: Some(out), form, buffer: Buffer::new(), state: State::Gathered, words: 0 }
    }

    /// The number of words that `print` prints in text for the kernel.
    pub fn count_words(print: impl FnOnce(&mut Printer<'_, '_>)) -> usize {
        let (form, buffer, state) = (TextForm::Input, Buffer::new(), State::Counted);
        let mut counter = Printer { out: None, form, buffer, state, words: 0 };
        print(&mut counter);
        counter.words
    }

    /// The form of the printed text.
    pub(crate) const fn form(&self) -> TextForm {
        self.form
    }

    /// Prints a value as the next word.
    #[inline]
    pub fn put(&mut self, value: &impl Value) -> &mut Self {
        self.next_word(|out| value.print(out))
    }

    /// Prints a keyword as the next word.
    #[inline]
    pub fn word(&mut self, keyword: &str) -> &mut Self {
        self.next_word(|out| out.write_str(keyword))
    }

    /// Prints what `write` writes as the next word.
    #[inline]
    pub fn next_word(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) -> &mut Self {
        if self.is_writing() && self.separate().and_then(|()| write(self)).is_err() {
            self.state = State::Failed;
        }
        // No text is long enough for this to overflow.
        self.words = self.words.wrapping_add(1);
        self
    }

    /// Prints the number of words that `print` prints, and then these words.
    ///
    /// If the words do not fit in the buffer, `print` is called more than once.
    #[inline]
    pub fn group(&mut self, print: impl Fn(&mut Self)) -> &mut Self {
        self.counted_group(print, false)
    }

    /// Does the same as [`group`](Self::group), but prints nothing, not even `0`, if there are no words. The kernel
    /// prints some groups in this way.
    #[inline]
    pub fn optional_group(&mut self, print: impl Fn(&mut Self)) -> &mut Self {
        self.counted_group(print, true)
    }

    #[inline]
    fn counted_group(&mut self, print: impl Fn(&mut Self), is_optional: bool) -> &mut Self {
        let (outside, before, start) = (self.state, self.words, self.buffer.len());
        if outside == State::Gathered {
            self.state = State::Held;
        }
        self.word("0");
        let count_at = self.buffer.len().saturating_sub(1);
        print(self);
        let count = self.words.saturating_sub(before).saturating_sub(1);
        if is_optional && count == 0 {
            self.buffer.truncate(start);
            (self.state, self.words) = (outside, before);
            return self;
        }
        if self.state == State::Held {
            let is_counted = self.replace_digit(count_at, count).is_ok();
            self.state = if is_counted { outside } else { State::Counted };
        }
        if self.state == State::Counted && outside == State::Gathered {
            // The number is known now, so nothing needs to be held back.
            self.buffer.truncate(start);
            (self.state, self.words) = (outside, before);
            print(self.count(count));
        }
        self
    }

    #[inline]
    fn replace_digit(&mut self, at: usize, count: usize) -> fmt::Result {
        self.buffer.replace_digit(at, u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Counts a word that the kernel counts but does not print.
    pub(crate) const fn count_unwritten(&mut self) -> &mut Self {
        self.words = self.words.wrapping_add(1);
        self
    }

    /// Prints each value as a separate word.
    pub fn all<'v, T: Value + 'v>(&mut self, values: impl IntoIterator<Item = &'v T>) -> &mut Self {
        for value in values {
            self.put(value);
        }
        self
    }

    /// Prints the values as the characters of one word, such as `AAD`.
    pub fn letters<'v, T: Value + 'v>(&mut self, values: impl IntoIterator<Item = &'v T>) -> &mut Self {
        self.next_word(|out| values.into_iter().try_for_each(|value| value.print(out)))
    }

    /// Prints a number of items as the next word.
    #[inline]
    pub fn count(&mut self, count: usize) -> &mut Self {
        self.put(&u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Prints a space, for targets whose text ends with one.
    #[inline]
    pub fn space(&mut self) -> &mut Self {
        if self.is_writing() && self.write_char(' ').is_err() {
            self.state = State::Failed;
        }
        self
    }

    /// Writes what is still in the buffer; call this after the last word.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the output has failed at any time since the printer was created.
    #[inline]
    pub fn end(&mut self) -> fmt::Result {
        if self.state == State::Failed { Err(fmt::Error) } else { self.flush() }
    }

    #[inline]
    const fn is_writing(&self) -> bool {
        matches!(self.state, State::Gathered | State::Held)
    }

    #[inline]
    fn separate(&mut self) -> fmt::Result {
        if self.words > 0 { self.write_char(' ') } else { Ok(()) }
    }

    #[inline]
    fn flush(&mut self) -> fmt::Result {
        match &mut self.out {
            Some(out) if !self.buffer.is_empty() => out.write_str(self.buffer.as_str()?),
            _ => Ok(()),
        }
    }

    /// Empties the buffer; `false` if its contents are held back and cannot be written yet.
    #[cold]
    fn make_room(&mut self) -> Result<bool, fmt::Error> {
        if self.state != State::Gathered {
            self.state = State::Counted;
            return Ok(false);
        }
        self.flush()?;
        self.buffer.truncate(0);
        Ok(true)
    }

    /// Prints a number as part of the current word.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the output has failed.
    #[inline]
    pub fn write_number(&mut self, number: u64) -> fmt::Result {
        if self.buffer.push_u64(number).is_err() && self.make_room()? {
            return self.buffer.push_u64(number);
        }
        Ok(())
    }

    /// Prints a text as part of the current word, quoted if it is for the kernel.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the output has failed.
    pub fn write_quoted(&mut self, text: &str) -> fmt::Result {
        match self.form {
            TextForm::Input => word::write_quoted(self, text),
            TextForm::Printed => self.write_str(text),
        }
    }

    /// Prints key material as part of the current word, and leaves no copy of it in the buffer.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the output has failed.
    pub fn write_secret(&mut self, text: &str) -> fmt::Result {
        if self.make_room()? { self.write_through(text) } else { Ok(()) }
    }

    fn write_through(&mut self, text: &str) -> fmt::Result {
        self.out.as_mut().map_or(Ok(()), |out| out.write_str(text))
    }

    #[cold]
    fn write_long(&mut self, text: &str) -> fmt::Result {
        if !self.make_room()? {
            return Ok(());
        }
        self.buffer.push_str(text).or_else(|_| self.write_through(text))
    }
}

/// Writes text as part of the current word.
impl Write for Printer<'_, '_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.buffer.push_str(text).is_ok() { Ok(()) } else { self.write_long(text) }
    }

    #[inline]
    fn write_char(&mut self, char: char) -> fmt::Result {
        match u8::try_from(char) {
            Ok(ascii @ ..0x80) if self.buffer.push([ascii]).is_ok() => Ok(()),
            _ => self.write_str(char.encode_utf8(&mut [0; 4])),
        }
    }
}
