//! Finds the ends of words at white space, which a backslash quotes in input.

use crate::text::word::{TextForm, is_space};

/// The bytes at which the first word of a text starts and ends.
///
/// Positions lie within the text, so their sums cannot overflow; saturating arithmetic would cost one or two instructions
/// each.
#[inline]
pub(super) fn find_word(text: &[u8], form: TextForm, guarded: bool) -> Option<(usize, usize)> {
    let start = match text {
        [] => return None,
        // Usually there is exactly one space, or none at the start of the text.
        [b' ', next, ..] if *next > b' ' => 1,
        [next, ..] if *next > b' ' => 0,
        _ => text.iter().position(|byte| !is_space(*byte))?,
    };
    let word = text.get(start..)?;
    let len = match form {
        TextForm::Printed if guarded => find_any_space(word),
        TextForm::Printed => find_space(word),
        TextForm::Input => find_unquoted_space(word),
    };
    Some((start, start.wrapping_add(len)))
}

/// The position of the first white space, or the end. Examines eight bytes at a time.
#[inline]
fn find_space(bytes: &[u8]) -> usize {
    let (mut rest, mut at) = (bytes, 0_usize);
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let low = low_bytes(u64::from_le_bytes(*chunk));
        if low != 0 {
            let first = (low.trailing_zeros() / u8::BITS) as usize;
            if chunk.get(first) == Some(&b' ') {
                return at.wrapping_add(first);
            }
            break;
        }
        (rest, at) = (after, at.wrapping_add(chunk.len()));
    }
    // The end of the text, or white space other than a blank.
    at.wrapping_add(find_any_space(rest))
}

/// Finds white space byte by byte, for texts that may contain a key: a copy of eight of its bytes would stay on the stack, and
/// could get from there into the padding of a value and into freed memory.
#[inline]
fn find_any_space(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| is_space(*byte)).unwrap_or(bytes.len())
}

/// Sets the top bit of the first byte that is at most a space, and of no byte before it; the bits of later bytes may be
/// wrong.
#[inline]
const fn low_bytes(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const LIMIT: u64 = ONES * (b' ' as u64 + 1);
    const TOPS: u64 = ONES << 7;
    bytes.wrapping_sub(LIMIT) & !bytes & TOPS
}

/// As [`find_space`], but skips white space after a backslash.
#[inline(never)] // It is longer and rarer than the other, whose callers are better without it.
fn find_unquoted_space(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let len = bytes.iter().position(|byte| {
        let ends = !quoted && is_space(*byte);
        quoted = !quoted && *byte == b'\\';
        ends
    });
    len.unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a text, split byte by byte.
    fn plainly(text: &str) -> Vec<&str> {
        text.split(|char: char| char.is_ascii() && is_space(char as u8)).filter(|word| !word.is_empty()).collect()
    }

    fn split(text: &str, guarded: bool) -> Vec<&str> {
        let mut at = 0;
        let next = || {
            let rest = &text[at..];
            let (start, end) = find_word(rest.as_bytes(), TextForm::Printed, guarded)?;
            at = at.checked_add(end)?;
            rest.get(start..end)
        };
        core::iter::from_fn(next).collect()
    }

    #[test]
    fn words_of_every_length_end_at_every_white_space_and_at_no_other_byte() {
        for length in 1..27 {
            for byte in 0..128_u8 {
                for at in 0..length {
                    let mut text = "x".repeat(length).into_bytes();
                    text[at] = byte;
                    let text = alloc::format!(" {}  y", alloc::string::String::from_utf8(text).unwrap());
                    for guarded in [false, true] {
                        assert_eq!(split(&text, guarded), plainly(&text), "{text:?}");
                    }
                }
            }
        }
        assert_eq!(
            split("\u{1}\u{2} \u{1}ab\u{3}\u{4}\u{5}\u{6}\td", false),
            ["\u{1}\u{2}", "\u{1}ab\u{3}\u{4}\u{5}\u{6}", "d"]
        );
        assert!(["", " ", "  "].iter().all(|text| split(text, false).is_empty() && split(text, true).is_empty()));
    }
}
