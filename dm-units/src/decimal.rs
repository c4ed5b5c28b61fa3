//! Decimal numbers as the kernel's tables and statuses hold them, read from bytes and written without padding.
//!
//! These are for code that reads and writes many thousand lines: `core::fmt` spends most of its time on flags that such
//! lines do not use.

use core::fmt;

use crate::error::{ParseUnitError, ParseUnitErrorKind, Wanted};

/// Any number of this many digits fits into a `u64`.
const SAFE_DIGITS: usize = 19;

/// Reads a number of one or more decimal digits and nothing else: no sign, no prefix, no white space.
///
/// # Errors
///
/// [`ExpectedDigit`](ParseUnitErrorKind::ExpectedDigit) at the first byte that is not a digit, or
/// [`TooLarge`](ParseUnitErrorKind::TooLarge) for more than `u64::MAX`.
#[inline]
pub fn parse_u64(text: &[u8]) -> Result<u64, ParseUnitError> {
    parse(text, Wanted::Number, 0)
}

/// Reads a number that is part of something and starts at `offset` in it.
#[inline]
pub(crate) fn parse(digits: &[u8], wanted: Wanted, offset: usize) -> Result<u64, ParseUnitError> {
    let error = |kind, at: usize| ParseUnitError::new(wanted, kind, offset.saturating_add(at));
    if digits.is_empty() {
        return Err(error(ParseUnitErrorKind::ExpectedDigit, 0));
    }
    let mut number: u64 = 0;
    for (at, byte) in digits.iter().enumerate() {
        let digit = value(*byte);
        if digit > 9 {
            return Err(error(ParseUnitErrorKind::ExpectedDigit, at));
        }
        // Wraps only beyond SAFE_DIGITS, and such a number is read again.
        number = number.wrapping_mul(10).wrapping_add(digit);
    }
    if digits.len() <= SAFE_DIGITS {
        return Ok(number);
    }
    checked_number(digits).ok_or(error(ParseUnitErrorKind::TooLarge, 0))
}

/// The number that `digits` are, or `None` on overflow.
#[cold]
fn checked_number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, byte| {
        number.checked_mul(10)?.checked_add(value(*byte))
    })
}

/// The value of a digit; above 9 for what is none.
#[inline]
fn value(byte: u8) -> u64 {
    u64::from(byte.wrapping_sub(b'0'))
}

/// Writes a number in decimal digits, with a single call to `write_str`.
///
/// # Errors
///
/// Those of `out`.
#[inline]
pub fn write_u64(out: &mut impl fmt::Write, number: u64) -> fmt::Result {
    let mut text = Tail::new();
    text.push_u64(number)?;
    out.write_str(text.as_str()?)
}

/// The longest text that is built here is two numbers of ten digits and a colon.
const ROOM: usize = 24;

/// A short text on the stack that is written from its end to its start, the order in which digits come.
///
/// Its methods fail only if the text is longer than `ROOM`.
pub(crate) struct Tail {
    bytes: [u8; ROOM],
    start: usize,
}

impl Tail {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            start: ROOM,
        }
    }

    /// Puts one byte of ASCII before the text.
    #[inline]
    pub(crate) fn push(&mut self, byte: u8) -> fmt::Result {
        let start = self.start.wrapping_sub(1);
        *self.bytes.get_mut(start).ok_or(fmt::Error)? = byte;
        self.start = start;
        Ok(())
    }

    /// Puts ASCII before the text.
    pub(crate) fn push_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().rev().try_for_each(|byte| self.push(byte))
    }

    /// Puts a number before the text.
    #[inline]
    pub(crate) fn push_u64(&mut self, mut number: u64) -> fmt::Result {
        loop {
            self.push(b'0' | (number % 10) as u8)?;
            number /= 10;
            if number == 0 {
                return Ok(());
            }
        }
    }

    #[inline]
    pub(crate) fn as_str(&self) -> Result<&str, fmt::Error> {
        let text = self.bytes.get(self.start..).ok_or(fmt::Error)?;
        core::str::from_utf8(text).map_err(|_| fmt::Error)
    }
}
