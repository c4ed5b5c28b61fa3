//! Reads and writes decimal numbers quickly, for code that handles many thousand lines of tables and statuses.
//!
//! The benchmark `decimal` compares this module with the standard library.

use core::fmt;

use crate::error::{ParseUnitError, ParseUnitErrorKind, Wanted};

/// Any number of this many digits fits into a `u64`.
const SAFE_DIGITS: usize = 19;

/// Reads a number that consists of one or more decimal digits, without a sign, a prefix or white space.
///
/// # Errors
///
/// [`ExpectedDigit`](ParseUnitErrorKind::ExpectedDigit) at the first byte that is not a digit, or if the text is empty.
/// [`TooLarge`](ParseUnitErrorKind::TooLarge) if the number exceeds `u64::MAX`.
#[inline]
pub fn parse_u64(text: &[u8]) -> Result<u64, ParseUnitError> {
    parse(text, Wanted::Number, 0)
}

/// Reads a number that starts at byte `offset` of a text that is read as `wanted`.
#[inline]
pub(crate) fn parse(digits: &[u8], wanted: Wanted, offset: usize) -> Result<u64, ParseUnitError> {
    let error = |kind, at: usize| ParseUnitError::new(wanted, kind, offset.saturating_add(at));
    if digits.is_empty() {
        return Err(error(ParseUnitErrorKind::ExpectedDigit, 0));
    }
    let mut number: u64 = 0;
    for (at, byte) in digits.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return Err(error(ParseUnitErrorKind::ExpectedDigit, at));
        }
        // Wraps only beyond SAFE_DIGITS digits; such a number is read again below, with checks.
        number = number.wrapping_mul(10).wrapping_add(value(*byte));
    }
    if digits.len() <= SAFE_DIGITS {
        return Ok(number);
    }
    checked(digits).ok_or(error(ParseUnitErrorKind::TooLarge, 0))
}

/// Reads the number at the start of a text. Returns the number and the rest of the text: 128 and ` 0` for `128 0`.
///
/// Returns `None` if the text starts with no digit, or with more than 19 digits, which can exceed `u64::MAX`.
#[inline]
pub fn split_u64(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut number, mut rest) = (0_u64, text);
    while let [byte @ b'0'..=b'9', after @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(value(*byte));
        rest = after;
    }
    let digits = text.len().wrapping_sub(rest.len());
    (1..=SAFE_DIGITS).contains(&digits).then_some((number, rest))
}

/// The number of decimal digits at the start of a text.
#[inline]
pub(crate) fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The number that the digits denote, or `None` on overflow.
#[cold]
fn checked(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(value(*digit)))
}

/// The value of a decimal digit.
#[inline]
fn value(digit: u8) -> u64 {
    u64::from(digit.wrapping_sub(b'0'))
}

/// Writes a number in decimal digits with a single call of `write_str`.
///
/// # Errors
///
/// [`fmt::Error`]: writing to `out` failed.
#[inline]
pub fn write_u64(out: &mut impl fmt::Write, number: u64) -> fmt::Result {
    let mut text = Buffer::<SHORT>::new();
    text.push_u64(number)?;
    out.write_str(text.as_str()?)
}

/// Enough bytes for each text that this crate writes in a buffer; the longest has 20 digits and ` blocks`.
pub(crate) const SHORT: usize = 32;

/// A text buffer of `ROOM` bytes on the stack. It joins the parts of a text, so that they can be written and padded as
/// one.
///
/// Methods that fail leave the text unchanged. Appending a number can need up to 6 bytes more than the number has
/// digits.
///
/// ```
/// use dm_units::decimal::Buffer;
///
/// let mut text = Buffer::<64>::new();
/// text.push_u64(253)?;
/// text.push_str(":")?;
/// text.push_u64(7)?;
/// assert_eq!(text.as_str()?, "253:7");
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Clone, Debug)]
#[repr(align(16))] // `as_str` says why
pub struct Buffer<const ROOM: usize> {
    bytes: [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Default for Buffer<ROOM> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const ROOM: usize> Buffer<ROOM> {
    /// An empty text.
    #[inline]
    pub const fn new() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
    }

    /// Whether there is no text.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length of the text in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Shortens the text to its first `len` bytes. Does nothing if the text is not longer than that.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        // `as_str` checks the bytes after the text as well.
        self.bytes.iter_mut().take(self.len).skip(len).for_each(|byte| *byte = 0);
        self.len = self.len.min(len);
    }

    /// Appends bytes. They should be ASCII characters, since [`as_str`](Self::as_str) fails if the text is not UTF-8.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the characters do not fit.
    #[inline]
    pub fn push<const N: usize>(&mut self, ascii: [u8; N]) -> fmt::Result {
        self.push_some(ascii, N)
    }

    /// Appends `text`.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the text does not fit.
    #[inline]
    pub fn push_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len.saturating_add(text.len());
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }

    /// Appends a number in decimal digits.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the number does not fit.
    #[inline]
    pub fn push_u64(&mut self, number: u64) -> fmt::Result {
        match number {
            0..10 => self.push([b'0' | (number % 10) as u8]),
            10..EIGHT_DIGITS => self.push_short(number),
            EIGHT_DIGITS.. => self.push_long(number),
        }
    }

    /// Replaces the byte at `at`, such as a placeholder digit, with a number in decimal digits.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the number does not fit, or the text has no byte `at`.
    #[inline]
    pub fn replace_digit(&mut self, at: usize, number: u64) -> fmt::Result {
        match self.bytes.get_mut(at..self.len) {
            Some([digit, ..]) if number < 10 => {
                *digit = b'0' | (number % 10) as u8;
                Ok(())
            }
            Some([_, ..]) => self.replace_by_digits(at, number),
            _ => Err(fmt::Error),
        }
    }

    fn replace_by_digits(&mut self, at: usize, number: u64) -> fmt::Result {
        let mut digits = Buffer::<SHORT>::new();
        digits.push_u64(number)?;
        let (after, end) = (at.saturating_add(1), at.saturating_add(digits.len));
        let len = self.len.saturating_add(digits.len.saturating_sub(1));
        if len > ROOM {
            return Err(fmt::Error);
        }
        self.bytes.copy_within(after..self.len, end);
        self.bytes.get_mut(at..end).ok_or(fmt::Error)?.copy_from_slice(digits.as_str()?.as_bytes());
        self.len = len;
        Ok(())
    }

    /// Appends a number of two to eight digits, without leading zeros.
    #[inline]
    fn push_short(&mut self, number: u64) -> fmt::Result {
        let digits = eight_digits(number);
        // Leading zeros are removed in whole bytes.
        let leading_zeros = digits.trailing_zeros() & !7;
        let ascii = (digits | ZEROS) >> leading_zeros;
        self.push_some(ascii.to_le_bytes(), 8_usize.saturating_sub((leading_zeros / 8) as usize))
    }

    /// Appends a number of more than eight digits.
    fn push_long(&mut self, number: u64) -> fmt::Result {
        let before = self.len;
        let digits = eight_digits(number % EIGHT_DIGITS);
        let pushed = self.push_u64(number / EIGHT_DIGITS).and_then(|()| self.push((digits | ZEROS).to_le_bytes()));
        if pushed.is_err() {
            self.len = before;
        }
        pushed
    }

    /// Appends the first `len` bytes of `ascii`. The other bytes are copied as well, and the next append overwrites
    /// them.
    #[inline]
    fn push_some<const N: usize>(&mut self, ascii: [u8; N], len: usize) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut);
        *room.ok_or(fmt::Error)? = ascii;
        self.len = self.len.saturating_add(len);
        Ok(())
    }

    /// The text as a string.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the text is not UTF-8, because [`push`](Self::push) has appended other bytes or
    /// [`truncate`](Self::truncate) has split a character. Also if the length of the text, rounded up to a multiple of
    /// 16, exceeds `ROOM`.
    #[inline]
    pub fn as_str(&self) -> Result<&str, fmt::Error> {
        // The standard library checks aligned blocks of this size at once, and the rest byte by byte.
        let blocks = self.len.next_multiple_of(16);
        let bytes = self.bytes.get(..blocks).ok_or(fmt::Error)?;
        let text = core::str::from_utf8(bytes).map_err(|_| fmt::Error)?;
        text.get(..self.len).ok_or(fmt::Error)
    }
}

/// 10^8, the first number of more than eight digits.
const EIGHT_DIGITS: u64 = 100_000_000;

/// The text `00000000`, which turns eight digits into ASCII when it is added.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// The digits of a number below 10^8, one in each byte, the first digit in the lowest.
///
/// Splits the number three times, all parts at once: into two parts of four digits, four of two, eight of one. Each
/// division is a multiplication and a shift, which are exact for numbers this small.
#[inline]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours.wrapping_sub(hundreds.wrapping_mul(100)) << 16);
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos.wrapping_sub(tens.wrapping_mul(10)) << 8)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::{String, ToString};

    use super::*;

    fn written(number: u64) -> String {
        let mut text = String::new();
        write_u64(&mut text, number).unwrap();
        text
    }

    #[test]
    fn writes_every_half_of_eight_digits() {
        for half in 0..10_000 {
            assert_eq!(written(half), half.to_string());
            assert_eq!(written(12_340_000 + half), (12_340_000 + half).to_string());
            assert_eq!(written(half * 10_000 + 4_321), (half * 10_000 + 4_321).to_string());
        }
    }

    #[test]
    fn writes_every_length() {
        let mut power = 1_u64;
        loop {
            for number in [power - 1, power, power + 1, power / 7 * 9] {
                assert_eq!(written(number), number.to_string());
            }
            match power.checked_mul(10) {
                Some(next) => power = next,
                None => break,
            }
        }
        assert_eq!(written(u64::MAX), "18446744073709551615");
    }

    #[test]
    fn a_number_is_split_from_what_follows() {
        assert_eq!(split_u64(b"128 0"), Some((128, &b" 0"[..])));
        assert_eq!(split_u64(b"007/8"), Some((7, &b"/8"[..])));
        assert_eq!(split_u64(b"9999999999999999999"), Some((9_999_999_999_999_999_999, &b""[..])));
        for none in ["", " 1", "-1", "+1", "a1", "10000000000000000000", "00000000000000000001 "] {
            assert_eq!(split_u64(none.as_bytes()), None, "{none:?}");
        }
    }

    #[test]
    fn refuses_a_text_that_is_too_long() {
        let mut text = Buffer::<SHORT>::new();
        text.push([b'x'; SHORT]).unwrap();
        assert_eq!(text.as_str().unwrap().len(), SHORT);
        assert_eq!(text.push([b'x']), Err(fmt::Error));
        assert_eq!(text.push_str("x"), Err(fmt::Error));
    }

    #[test]
    fn a_digit_is_replaced_by_a_number() {
        for number in [0, 7, 9, 10, 99, 123_456_789_012] {
            let mut text = Buffer::<32>::new();
            text.push_str("é 0 b").unwrap();
            text.replace_digit(3, number).unwrap();
            text.push_str("ü").unwrap();
            assert_eq!(text.as_str().unwrap(), std::format!("é {number} bü"));
        }
        let mut text = Buffer::<16>::new();
        text.push_str("0123456789abcde").unwrap();
        assert_eq!(text.replace_digit(1, 100), Err(fmt::Error));
        assert_eq!([15, 16].map(|at| text.replace_digit(at, 1)), [Err(fmt::Error); 2]);
        assert_eq!(text.as_str(), Ok("0123456789abcde"));
        text.replace_digit(14, 10).unwrap();
        assert_eq!(text.as_str(), Ok("0123456789abcd10"));
    }

    #[test]
    fn a_text_is_cut() {
        let mut text = Buffer::<32>::new();
        text.push_str("0123456789abcdeé").unwrap();
        text.truncate(30);
        assert_eq!(text.len(), 17);
        // Half of the last letter must not remain.
        text.truncate(3);
        text.push_str("3456789abcdef").unwrap();
        assert_eq!(text.as_str(), Ok("0123456789abcdef"));
        text.truncate(0);
        assert!(text.is_empty());
    }

    #[test]
    fn a_number_that_does_not_fit_leaves_no_trace() {
        let mut text = Buffer::<32>::new();
        text.push_str("0123456789abc").unwrap();
        assert_eq!(text.push_u64(u64::MAX), Err(fmt::Error));
        assert_eq!(text.as_str(), Ok("0123456789abc"));
    }
}
