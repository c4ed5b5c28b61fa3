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

/// The form of a text: whether words are quoted.
///
/// The kernel reads one form and prints another. The forms differ only if a word contains a backslash or white space.
/// In that case, do not confuse the two: if the kernel prints a device path with `\x20` and you load this text without
/// a second backslash, the path names a different device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// The text that a constructor or a message handler reads: a backslash quotes the byte after it.
    ///
    /// Kernel: `dm_split_args` in `drivers/md/dm-table.c`.
    Input,
    /// The text that the kernel prints: nothing is quoted, and a backslash is an ordinary character.
    ///
    /// `dmsetup` prints this form. It also reads tables in this form, and doubles every backslash before it calls the
    /// kernel.
    Printed,
}

/// A byte at which the kernel splits words although it can be part of a UTF-8 character, such as `à`.
pub(crate) const NO_BREAK_SPACE: u8 = 0xA0;

/// Whether the kernel splits words at this byte, like its `isspace`, except for [`NO_BREAK_SPACE`], which is not a whole
/// character in a `str`.
#[inline]
pub(crate) const fn is_space(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A word of a text that [`Fields`](crate::Fields) reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    spelling: &'a str,
    form: TextForm,
    /// Whether a number may begin with a `+`.
    takes_plus: bool,
    /// Whether the text may contain a key, which must not be accepted as another word.
    guarded: bool,
}

impl<'a> Word<'a> {
    #[inline]
    pub(crate) const fn new(spelling: &'a str, form: TextForm) -> Self {
        Self { spelling, form, takes_plus: false, guarded: false }
    }

    /// The same word, with or without permission for numbers to begin with a `+`.
    #[inline]
    pub(crate) const fn takes_plus(self, takes_plus: bool) -> Self {
        Self { takes_plus, ..self }
    }

    /// The same word, in a text that may or may not contain a key: see [`Problem::MayBeKey`].
    #[inline]
    pub(crate) const fn guarded(self, guarded: bool) -> Self {
        Self { guarded, ..self }
    }

    /// The digits of a number: the spelling without an accepted leading `+`.
    #[inline]
    pub(crate) fn digits(self) -> &'a str {
        if self.takes_plus { self.spelling.strip_prefix('+').unwrap_or(self.spelling) } else { self.spelling }
    }

    /// A part of this word, with the same properties.
    #[inline]
    pub(crate) const fn part(self, spelling: &'a str) -> Self {
        Self { spelling, ..self }
    }

    /// A word whose spelling is its meaning.
    #[inline]
    pub(crate) const fn plain(text: &'a str) -> Self {
        Self::new(text, TextForm::Printed)
    }

    /// The word as it is spelled in the text, including backslashes that quote.
    ///
    /// Numbers and keywords are parsed from the spelling, because they need no quotes.
    #[inline]
    #[must_use]
    pub const fn spelling(self) -> &'a str {
        self.spelling
    }

    /// Returns whether the word is `keyword`, ignoring case. The kernel compares most keywords of tables and messages
    /// in this way.
    #[inline]
    #[must_use]
    pub fn is(self, keyword: &str) -> bool {
        self.spelling.eq_ignore_ascii_case(keyword)
    }

    /// Returns the parts before and after the first `separator`, or `None` if the word does not contain it.
    #[inline]
    #[must_use]
    pub fn split_once(self, separator: char) -> Option<(Self, Self)> {
        // Words are short, so examining each byte is faster than the search for long texts.
        let (before, after) = match u8::try_from(separator) {
            Ok(byte @ ..0x80) => {
                let at = self.spelling.bytes().position(|candidate| candidate == byte)?;
                (self.spelling.get(..at)?, self.spelling.get(at.saturating_add(1)..)?)
            }
            _ => self.spelling.split_once(separator)?,
        };
        Some((self.part(before), self.part(after)))
    }

    /// Each character as a separate word.
    pub(crate) fn letters(self) -> impl Iterator<Item = Word<'a>> {
        self.spelling.split_inclusive(|_| true).map(move |letter| self.part(letter))
    }

    fn is_quoted(self) -> bool {
        self.form == TextForm::Input && self.spelling.contains('\\')
    }

    /// Checks that the word has a [`value`](Self::value).
    pub(crate) fn check(self) -> Result<(), Problem> {
        check_bytes(self.spelling)?;
        if self.is_quoted() && quotes_needlessly(self.spelling) { Err(Problem::NeedlessBackslash) } else { Ok(()) }
    }

    /// The meaning of the word: its spelling without backslashes that quote.
    ///
    /// # Errors
    ///
    /// - [`Problem::ForbiddenByte`]: the kernel would split or end the word in the middle.
    /// - [`Problem::NeedlessBackslash`]: the kernel would remove the backslash, and probably not read the
    ///   intended word.
    /// - [`Problem::MayBeKey`]: the text may contain keys, and this word may be one.
    pub fn value(self) -> Result<Cow<'a, str>, Problem> {
        if self.guarded && may_hold_key(self.spelling) {
            return Err(Problem::MayBeKey);
        }
        self.check()?;
        Ok(self.unquoted())
    }

    /// The [`value`](Self::value) of a word that has been checked.
    pub(crate) fn unquoted(self) -> Cow<'a, str> {
        if !self.is_quoted() {
            return Cow::Borrowed(self.spelling);
        }
        let mut value = String::with_capacity(self.spelling.len());
        // Writing to a String cannot fail.
        let _ = write_unquoted(&mut value, self.spelling);
        Cow::Owned(value)
    }
}

/// Refuses text that cannot be part of a word, with or without quotes.
fn check_bytes(text: &str) -> Result<(), Problem> {
    match text.bytes().find(|byte| matches!(*byte, 0 | NO_BREAK_SPACE)) {
        Some(byte) => Err(Problem::ForbiddenByte(byte)),
        None => Ok(()),
    }
}

/// Whether a backslash precedes a character that does not need it.
fn quotes_needlessly(spelling: &str) -> bool {
    let mut bytes = spelling.bytes();
    while bytes.any(|byte| byte == b'\\') {
        if bytes.next().is_some_and(|quoted| quoted != b'\\' && !is_space(quoted)) {
            return true;
        }
    }
    false
}

/// Writes the text without the backslashes that quote. A backslash at the very end quotes nothing and is kept.
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

/// An owned word with any text, such as a path, the description of a key or a word that this crate does not know.
///
/// The word is never empty, and contains neither NUL nor the byte 0xA0. Some UTF-8 characters contain 0xA0, but the
/// kernel splits words at this byte, even if the whole character is quoted.
///
/// ```
/// use dm_targets::WordBuf;
///
/// let word = WordBuf::new("my disk")?;
/// assert_eq!(word.as_str(), "my disk");
/// assert!(WordBuf::new("").is_err());
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordBuf(Box<str>);

impl WordBuf {
    /// A word with this text; it is quoted only when it is printed.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`]: the text is empty. [`Problem::ForbiddenByte`]: the text contains NUL or the byte 0xA0.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, Problem> {
        let text = text.into();
        Self::check(&text)?;
        Ok(Self(text))
    }

    /// Checks that `text` can be a word.
    pub(crate) fn check(text: &str) -> Result<(), Problem> {
        if text.is_empty() { Err(Problem::Missing) } else { check_bytes(text) }
    }

    /// The text as it is, without quotes or backslashes for the kernel.
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

/// Prints the text as it is, without quotes or backslashes for the kernel.
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

/// Writes a word with a backslash before each byte that would otherwise have a special meaning to `dm_split_args`.
pub(crate) fn write_quoted(out: &mut impl Write, value: &str) -> fmt::Result {
    // Few words need quotes, and scanning the bytes for that is fast.
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

/// Quotes text that the kernel has printed, so that a constructor reads the same words.
///
/// The text may contain a key, so the buffer is allocated in its full size: growing it would leave copies behind.
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
