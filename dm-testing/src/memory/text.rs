//! Numbers in texts, as the kernel's `sscanf` reads them (`vsscanf` in lib/vsprintf.c).

/// White space as `isspace` knows it, without the no-break space of Latin-1, since words here are UTF-8.
pub(crate) fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{b}'
}

/// Reads a decimal number as `%llu` does, and returns the text after it: white space may come first, but no sign, and a
/// number that is too large wraps.
pub(crate) fn scan(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start_matches(is_space);
    let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = text.strip_suffix(rest).filter(|digits| !digits.is_empty())?;
    let add = |number: u64, digit: u8| number.wrapping_mul(10).wrapping_add(u64::from(digit.saturating_sub(b'0')));
    Some((digits.bytes().fold(0, add), rest))
}

/// A number as `%llu%c` reads it if nothing follows.
pub(crate) fn number(word: &str) -> Option<u64> {
    scan(word).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
}

/// As [`number`], for `%u`, which keeps the lower 32 bits.
pub(crate) fn number_u32(word: &str) -> Option<u32> {
    number(word).and_then(|number| u32::try_from(number & u64::from(u32::MAX)).ok())
}

/// As [`number_u32`], for `%d` of a number that must not be negative.
pub(crate) fn number_i32(word: &str) -> Option<u32> {
    let word = word.trim_start_matches(is_space);
    let number = match word.strip_prefix('-') {
        Some(digits) if digits.starts_with(is_space) => None,
        Some(digits) => number_u32(digits).map(u32::wrapping_neg),
        None => number_u32(word),
    };
    number.filter(|number| i32::try_from(*number).is_ok())
}
