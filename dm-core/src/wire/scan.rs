//! Reads numbers and texts from the bytes of a reply.

/// The `u32` at an offset, in this machine's byte order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The `u64` at an offset, in this machine's byte order.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The text up to the first NUL; `None` without a NUL.
///
/// Not inlined, since that would leave too few registers for the loops around it.
#[inline(never)]
pub(crate) fn nul_terminated(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..first_zero(bytes)?)
}

/// The text in a field of 16 bytes, up to its first NUL; `None` without a NUL.
#[inline]
pub(crate) fn field_text(field: &[u8; 16]) -> Option<&[u8]> {
    let zero = zero_in_block(field);
    field.get(..zero).filter(|_| zero < field.len())
}

/// The text in bytes that the kernel has padded to a multiple of eight, up to the first NUL among the last eight bytes;
/// earlier bytes are not searched. `None` without a NUL there, or if there are fewer than eight bytes.
#[inline]
pub(crate) fn padded_text(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.last_chunk()?;
    match zeros_in(*end) {
        0 => None,
        zeros => {
            let padding = end.len().saturating_sub(index(zeros));
            bytes.get(..bytes.len().saturating_sub(padding))
        }
    }
}

/// The position of the first zero.
///
/// It takes a fourth of the instructions of the standard library's search, which is optimized for longer texts.
#[inline]
pub(crate) fn first_zero(bytes: &[u8]) -> Option<usize> {
    let mut at: usize = 0;
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk() {
        if has_zero(block) {
            return Some(at.wrapping_add(zero_in_block(block)));
        }
        (at, rest) = (at.wrapping_add(block.len()), after);
    }
    if let Some((word, after)) = rest.split_first_chunk() {
        let zeros = zeros_in(*word);
        if zeros != 0 {
            return Some(at.wrapping_add(index(zeros)));
        }
        (at, rest) = (at.wrapping_add(word.len()), after);
    }
    rest.iter().position(|&byte| byte == 0).map(|zero| at.wrapping_add(zero))
}

/// Does not return early, so that all bytes are compared at once.
#[inline]
fn has_zero(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |found, &byte| found | (byte == 0))
}

/// The position of the first zero of 16 bytes; 16 without a zero.
#[inline]
fn zero_in_block(block: &[u8; 16]) -> usize {
    let (Some(first), Some(second)) = (block.first_chunk(), block.last_chunk()) else { return block.len() };
    match zeros_in(*first) {
        0 => index(zeros_in(*second)).wrapping_add(8),
        zeros => index(zeros),
    }
}

/// A word whose lowest set bit is the top bit of the first zero byte; 0 if no byte is zero.
#[inline]
fn zeros_in(bytes: [u8; 8]) -> u64 {
    // Subtracting one from every byte borrows from the top bit of those that are zero.
    const ONES: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(bytes);
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

/// The index of the byte that [`zeros_in`] has found; 8 if it has found none.
#[inline]
fn index(zeros: u64) -> usize {
    (zeros.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_ends_at_its_first_nul(bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0x80), any::<u8>()], 0..40)) {
            let expected = bytes.iter().position(|&byte| byte == 0).map(|at| &bytes[..at]);
            prop_assert_eq!(nul_terminated(&bytes), expected);
        }

        #[test]
        fn a_field_holds_a_text_up_to_its_first_nul(field: [u8; 16], zeros in prop::collection::vec(0..16_usize, 0..3)) {
            let mut field = field.map(|byte| byte.max(1));
            zeros.iter().for_each(|&at| field[at] = 0);
            prop_assert_eq!(field_text(&field), zeros.iter().min().map(|&at| &field[..at]));
        }

        #[test]
        fn a_padded_text_ends_among_the_last_eight_bytes(text in prop::collection::vec(1..=u8::MAX, 0..40), padding: [u8; 7]) {
            let mut bytes = text.clone();
            bytes.push(0);
            let padded = bytes.len().next_multiple_of(8);
            bytes.extend_from_slice(&padding);
            bytes.truncate(padded);
            prop_assert_eq!(padded_text(&bytes), Some(&text[..]));
            bytes.iter_mut().for_each(|byte| *byte = (*byte).max(1));
            prop_assert_eq!(padded_text(&bytes), None);
        }
    }
}
