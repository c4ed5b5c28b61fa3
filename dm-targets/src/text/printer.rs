//! Writing words.

use core::fmt::{self, Write};

use dm_units::decimal::Buffer;

use crate::text::value::Value;
use crate::text::word::{self, Form};

/// A line of 128 bytes is longer than most tables and statuses; a longer one is written in pieces.
const ROOM: usize = 128;

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
    /// There is a word already, so the next one needs a space before it.
    started: bool,
    /// How many words there are in the group, while they are counted and not written.
    counted: Option<usize>,
    result: fmt::Result,
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
        Self { out: Some(out), form, buffer: Buffer::new(), started: false, counted: None, result: Ok(()) }
    }

    /// Counts the words that `print` writes for the kernel to read.
    pub fn count_words(print: impl FnOnce(&mut Printer<'_, '_>)) -> usize {
        let (form, buffer) = (Form::Input, Buffer::new());
        let mut counter = Printer { out: None, form, buffer, started: false, counted: Some(0), result: Ok(()) };
        print(&mut counter);
        counter.counted.unwrap_or_default()
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
        match &mut self.counted {
            Some(counted) => *counted = counted.saturating_add(1),
            None if self.result.is_ok() => self.result = self.separate().and_then(|()| write(self)),
            None => {}
        }
        self
    }

    /// Writes the words of `print`, and how many there are before them. `print` is called twice.
    #[inline]
    pub fn group(&mut self, print: impl Fn(&mut Self)) -> &mut Self {
        let count = self.count_ahead(&print);
        self.count(count);
        print(self);
        self
    }

    /// The same, but writes nothing if there are no words, as the kernel does for some groups.
    #[inline]
    pub fn optional_group(&mut self, print: impl Fn(&mut Self)) -> &mut Self {
        match self.count_ahead(&print) {
            0 => {}
            count => {
                self.count(count);
                print(self);
            }
        }
        self
    }

    #[inline]
    fn count_ahead(&mut self, print: &impl Fn(&mut Self)) -> usize {
        let before = self.counted.replace(0);
        print(self);
        core::mem::replace(&mut self.counted, before).unwrap_or_default()
    }

    /// Counts a word of a group that the kernel counts too but does not write.
    pub(crate) fn count_unwritten(&mut self) -> &mut Self {
        self.counted = self.counted.map(|counted| counted.saturating_add(1));
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
        if self.result.is_ok() && self.counted.is_none() {
            self.result = self.write_str(" ");
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
        self.result?;
        self.flush()
    }

    #[inline]
    fn separate(&mut self) -> fmt::Result {
        if self.started {
            return self.write_str(" ");
        }
        self.started = true;
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> fmt::Result {
        match &mut self.out {
            Some(out) if !self.buffer.is_empty() => out.write_str(self.buffer.as_str()?),
            _ => Ok(()),
        }
    }

    /// Makes room for more.
    #[cold]
    fn spill(&mut self) -> fmt::Result {
        self.flush()?;
        self.buffer = Buffer::new();
        Ok(())
    }

    /// Writes a number as part of a word.
    ///
    /// # Errors
    ///
    /// Those of the output.
    #[inline]
    pub fn write_number(&mut self, number: u64) -> fmt::Result {
        self.buffer.push_u64(number).or_else(|_| self.spill().and_then(|()| self.buffer.push_u64(number)))
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
        self.spill()?;
        self.write_through(text)
    }

    fn write_through(&mut self, text: &str) -> fmt::Result {
        self.out.as_mut().map_or(Ok(()), |out| out.write_str(text))
    }
}

/// Writes as part of the current word.
impl Write for Printer<'_, '_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.buffer.push_str(text).is_ok() {
            return Ok(());
        }
        self.spill()?;
        self.buffer.push_str(text).or_else(|_| self.write_through(text))
    }
}
