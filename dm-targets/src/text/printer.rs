//! Writing words.

use core::fmt::{self, Write};

use dm_units::decimal::Buffer;

use crate::text::value::Value;
use crate::text::word::{self, Form};

/// A line of 256 bytes is longer than most tables and statuses; a longer one is written in pieces.
const ROOM: usize = 256;

/// Writes the words of a table, status or message, with one space between them.
///
/// The opposite of [`Fields`](crate::Fields). Words are gathered on the stack, so that a line is usually a single
/// `write_str`. An error is kept until [`end`](Self::end), so calls can be chained.
///
/// A group of words whose number stands before it is printed with [`group`](Self::group), which counts them.
pub struct Printer<'f, 'o> {
    /// `None` if words are only counted.
    out: Option<&'f mut fmt::Formatter<'o>>,
    form: Form,
    buffer: Buffer<ROOM>,
    state: State,
    /// How many words there are so far.
    words: usize,
}

/// What becomes of words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// They are gathered, and handed on when there is no room for more.
    Gathered,
    /// They are held back, as the number that stands before them is not known yet.
    Held,
    /// They are only counted: there is no room for all that would have to be held back.
    Counted,
    /// They are lost, as the output has failed.
    Failed,
}

impl<'f, 'o> Printer<'f, 'o> {
    /// For tables and messages: `{}` is what the kernel is given, `{:#}` what it prints.
    #[inline]
    pub fn new(out: &'f mut fmt::Formatter<'o>) -> Self {
        let form = if out.alternate() { Form::Printed } else { Form::Input };
        Self::with_form(out, form)
    }

    /// For statuses and replies, which only the kernel writes.
    #[inline]
    pub fn printed(out: &'f mut fmt::Formatter<'o>) -> Self {
        Self::with_form(out, Form::Printed)
    }

    #[inline]
    fn with_form(out: &'f mut fmt::Formatter<'o>, form: Form) -> Self {
        Self { out: Some(out), form, buffer: Buffer::new(), state: State::Gathered, words: 0 }
    }

    /// Counts the words that `print` writes for the kernel to read.
    pub fn count_words(print: impl FnOnce(&mut Printer<'_, '_>)) -> usize {
        let (form, buffer, state) = (Form::Input, Buffer::new(), State::Counted);
        let mut counter = Printer { out: None, form, buffer, state, words: 0 };
        print(&mut counter);
        counter.words
    }

    /// How words are written.
    pub(crate) const fn form(&self) -> Form {
        self.form
    }

    /// Writes one value as the next word.
    #[inline]
    pub fn put(&mut self, value: &impl Value) -> &mut Self {
        self.next_word(|out| value.print(out))
    }

    /// Writes one key word.
    #[inline]
    pub fn word(&mut self, keyword: &str) -> &mut Self {
        self.next_word(|out| out.write_str(keyword))
    }

    /// Writes what comes from `write` as the next word.
    #[inline]
    pub fn next_word(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) -> &mut Self {
        if self.is_writing() && self.separate().and_then(|()| write(self)).is_err() {
            self.state = State::Failed;
        }
        // No text has so many words that it would wrap.
        self.words = self.words.wrapping_add(1);
        self
    }

    /// Writes the words of `print`, and how many there are before them.
    ///
    /// `print` is called once, or twice if the words are too long to be held back until they are counted.
    #[inline]
    pub fn group(&mut self, print: impl Fn(&mut Self)) -> &mut Self {
        self.counted_group(print, false)
    }

    /// The same, but writes nothing if there are no words, as the kernel does for some groups.
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
            // Now that the number is known, nothing need be held back.
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

    /// Counts a word of a group that the kernel counts too but does not write.
    pub(crate) const fn count_unwritten(&mut self) -> &mut Self {
        self.words = self.words.wrapping_add(1);
        self
    }

    /// Writes values as words, one after the other.
    pub fn all<'v, T: Value + 'v>(&mut self, values: impl IntoIterator<Item = &'v T>) -> &mut Self {
        for value in values {
            self.put(value);
        }
        self
    }

    /// Writes values as the characters of one word, such as `AAD`.
    pub fn letters<'v, T: Value + 'v>(&mut self, values: impl IntoIterator<Item = &'v T>) -> &mut Self {
        self.next_word(|out| values.into_iter().try_for_each(|value| value.print(out)))
    }

    /// Writes how many there are of something.
    #[inline]
    pub fn count(&mut self, count: usize) -> &mut Self {
        self.put(&u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Ends the text with a space, as some targets do.
    #[inline]
    pub fn space(&mut self) -> &mut Self {
        if self.is_writing() && self.write_char(' ').is_err() {
            self.state = State::Failed;
        }
        self
    }

    /// Hands on what was gathered.
    ///
    /// # Errors
    ///
    /// The first error since the start.
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

    /// Makes room for more; `false` if what was gathered cannot be handed on yet.
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

    /// Writes a number as part of a word.
    ///
    /// # Errors
    ///
    /// Those of the output.
    #[inline]
    pub fn write_number(&mut self, number: u64) -> fmt::Result {
        if self.buffer.push_u64(number).is_err() && self.make_room()? {
            return self.buffer.push_u64(number);
        }
        Ok(())
    }

    /// Writes a free text as part of a word, quoted if the output is for the kernel to read.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn write_quoted(&mut self, text: &str) -> fmt::Result {
        match self.form {
            Form::Input => word::write_quoted(self, text),
            Form::Printed => self.write_str(text),
        }
    }

    /// Writes key material as part of a word, leaving no copy of it in this printer.
    ///
    /// # Errors
    ///
    /// Those of the output.
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

/// Writes as part of the current word.
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
