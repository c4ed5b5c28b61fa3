//! Words: how the kernel splits and quotes them.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write};
use core::ops::Deref;

use crate::errors::keys::may_hold_key;
use crate::errors::problem::Problem;
use crate::text::printer::Printer;
use crate::text::value::Value;

/// How the words of a text are written.
///
/// The kernel reads and prints two different languages. They differ only where a word holds a backslash or white
/// space, but there one must not be taken for the other: a `\x20` in a device path that was read from the kernel and
/// given back to it unquoted names another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What a constructor or a message handler is given: a backslash makes the byte after it part of the word.
    ///
    /// Kernel: `dm_split_args` in `drivers/md/dm-table.c`.
    Input,
    /// What the kernel prints: nothing is quoted, and a backslash is a character like any other.
    ///
    /// It is also what `dmsetup` prints, and what it reads: it doubles every backslash before the kernel sees it.
    Printed,
}

/// The byte at which the kernel splits words although it can be part of a UTF-8 character, such as `à`.
const NO_BREAK_SPACE: u8 = 0xA0;

/// Whether the kernel splits words here; its `isspace`, but for [`NO_BREAK_SPACE`], which is no character of a `str`.
#[inline]
pub(crate) const fn is_space(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A word of a text that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    spelling: &'a str,
    form: Form,
    /// Whether a number may begin with a `+`.
    takes_plus: bool,
    /// Whether the text may hold a key, which must not be taken for another word.
    guarded: bool,
}

impl<'a> Word<'a> {
    #[inline]
    pub(crate) const fn new(spelling: &'a str, form: Form) -> Self {
        Self { spelling, form, takes_plus: false, guarded: false }
    }

    /// The same as part of a text whose numbers may begin with a `+`.
    #[inline]
    pub(crate) const fn takes_plus(self, takes_plus: bool) -> Self {
        Self { takes_plus, ..self }
    }

    /// The same as part of a text that may hold a key, or not: see [`Problem::MayBeKey`].
    #[inline]
    pub(crate) const fn guarded(self, guarded: bool) -> Self {
        Self { guarded, ..self }
    }

    /// The digits of a number: the spelling without the `+` that it may begin with.
    #[inline]
    pub(crate) fn digits(self) -> &'a str {
        if self.takes_plus { self.spelling.strip_prefix('+').unwrap_or(self.spelling) } else { self.spelling }
    }

    /// A word that is part of this one.
    #[inline]
    pub(crate) const fn part(self, spelling: &'a str) -> Self {
        Self { spelling, ..self }
    }

    /// A word that is spelled as it is meant.
    #[inline]
    pub(crate) const fn plain(text: &'a str) -> Self {
        Self::new(text, Form::Printed)
    }

    /// The word as it is spelled in the text, with whatever quotes it.
    ///
    /// Numbers and key words are read from the spelling: nobody quotes these.
    #[inline]
    #[must_use]
    pub const fn spelling(self) -> &'a str {
        self.spelling
    }

    /// Whether it is this key word, in whatever case, as the kernel compares most key words of tables and messages.
    #[inline]
    #[must_use]
    pub fn is(self, keyword: &str) -> bool {
        self.spelling.eq_ignore_ascii_case(keyword)
    }

    /// The parts before and after the first `separator`, if there is one.
    #[inline]
    #[must_use]
    pub fn split_once(self, separator: char) -> Option<(Self, Self)> {
        // Words are short: looking at each byte is quicker than what is made for long texts.
        let (before, after) = match u8::try_from(separator) {
            Ok(byte @ ..0x80) => {
                let at = self.spelling.bytes().position(|candidate| candidate == byte)?;
                (self.spelling.get(..at)?, self.spelling.get(at.saturating_add(1)..)?)
            }
            _ => self.spelling.split_once(separator)?,
        };
        Some((self.part(before), self.part(after)))
    }

    /// Its characters, each as a word.
    pub(crate) fn letters(self) -> impl Iterator<Item = Word<'a>> {
        self.spelling.split_inclusive(|_| true).map(move |letter| self.part(letter))
    }

    fn is_quoted(self) -> bool {
        self.form == Form::Input && self.spelling.contains('\\')
    }

    /// Checks that it has a [`value`](Self::value).
    pub(crate) fn check(self) -> Result<(), Problem> {
        check_bytes(self.spelling)?;
        if self.is_quoted() && quotes_needlessly(self.spelling) { Err(Problem::NeedlessBackslash) } else { Ok(()) }
    }

    /// What the word means: its spelling without what quotes it.
    ///
    /// # Errors
    ///
    /// [`Problem::ForbiddenByte`] for a word that the kernel would split or end in the middle of.
    /// [`Problem::NeedlessBackslash`]: the kernel would take it off, and so read another word than was most likely meant.
    /// [`Problem::MayBeKey`]: in a text of a target with keys.
    pub fn value(self) -> Result<Cow<'a, str>, Problem> {
        if self.guarded && may_hold_key(self.spelling) {
            return Err(Problem::MayBeKey);
        }
        self.check()?;
        if !self.is_quoted() {
            return Ok(Cow::Borrowed(self.spelling));
        }
        let mut value = String::with_capacity(self.spelling.len());
        // Writing to a String cannot fail.
        let _ = write_unquoted(&mut value, self.spelling);
        Ok(Cow::Owned(value))
    }
}

/// Refuses text that can't be part of a word, however it is quoted.
fn check_bytes(text: &str) -> Result<(), Problem> {
    match text.bytes().find(|byte| matches!(*byte, 0 | NO_BREAK_SPACE)) {
        Some(byte) => Err(Problem::ForbiddenByte(byte)),
        None => Ok(()),
    }
}

/// Whether a backslash stands before a character that means itself anyhow.
fn quotes_needlessly(spelling: &str) -> bool {
    let mut bytes = spelling.bytes();
    while bytes.any(|byte| byte == b'\\') {
        if bytes.next().is_some_and(|quoted| quoted != b'\\' && !is_space(quoted)) {
            return true;
        }
    }
    false
}

/// Writes the text without the backslashes that quote; one at the very end quotes nothing and stays.
pub(crate) fn write_unquoted(out: &mut impl Write, spelling: &str) -> fmt::Result {
    let mut chars = spelling.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => out.write_char(chars.next().unwrap_or('\\'))?,
            _ => out.write_char(char)?,
        }
    }
    Ok(())
}

/// A word of any text, owned: a path, the description of a key, a word that this crate does not know.
///
/// It is never empty and holds neither a NUL nor the byte 0xA0, which is part of some UTF-8 characters: at that byte the
/// kernel splits words, and no quoting of whole characters can stop it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordBuf(Box<str>);

impl WordBuf {
    /// A word that means `text`; it is quoted when printed, where it has to be.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`] for empty text, [`Problem::ForbiddenByte`] for text that no word can hold.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, Problem> {
        let text = text.into();
        Self::check(&text)?;
        Ok(Self(text))
    }

    /// Checks that a word can hold `text`.
    pub(crate) fn check(text: &str) -> Result<(), Problem> {
        if text.is_empty() { Err(Problem::Missing) } else { check_bytes(text) }
    }

    /// What the word means.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for WordBuf {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WordBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What the word means, not quoted.
impl fmt::Display for WordBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<&str> for WordBuf {
    type Error = Problem;

    fn try_from(text: &str) -> Result<Self, Problem> {
        Self::new(text)
    }
}

impl Value for WordBuf {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Self::new(word.value()?.into_owned())
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_quoted(&self.0)
    }
}

/// Writes a word with a backslash before each byte that would otherwise mean something else to `dm_split_args`.
pub(crate) fn write_quoted(out: &mut impl Write, value: &str) -> fmt::Result {
    // Words seldom hold anything to be quoted, and a look at the bytes is quick.
    if !value.bytes().any(|byte| byte <= b' ' || byte == b'\\') {
        return out.write_str(value);
    }
    let special = |char: char| char == '\\' || (char.is_ascii() && is_space(char as u8));
    for piece in value.split_inclusive(special) {
        match piece.char_indices().next_back().filter(|(_, last)| special(*last)) {
            Some((at, last)) => {
                out.write_str(piece.get(..at).unwrap_or_default())?;
                out.write_char('\\')?;
                out.write_char(last)?;
            }
            None => out.write_str(piece)?,
        }
    }
    Ok(())
}

/// The spelling that makes a constructor see what the kernel has printed.
///
/// It may hold a key: there is room for all of it from the start, so that nothing is moved and left behind.
pub(crate) fn quote_printed(text: &str) -> Box<str> {
    let backslashes = text.bytes().filter(|byte| *byte == b'\\').count();
    let mut quoted = String::with_capacity(text.len().saturating_add(backslashes));
    for piece in text.split_inclusive('\\') {
        quoted.push_str(piece);
        if piece.ends_with('\\') {
            quoted.push('\\');
        }
    }
    quoted.into()
}
