//! Printing and reading of units; the crate's documentation has the grammar.

use core::fmt;
use core::str::FromStr;

use crate::decimal::{self, Buffer, SHORT};
use crate::error::{ParseUnitError, ParseUnitErrorKind, Wanted};
use crate::units::{Bytes, DataBlocks, META_BLOCK_SIZE, MetaBlocks, SECTOR_SIZE, Sectors};

/// The units for people, smallest first, with their size in bytes.
const IEC_UNITS: [(&str, u128); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
    ("ZiB", 1 << 70),
    ("YiB", 1 << 80),
];

/// Implements printing and reading of a unit. `size` is the size of one, in the unit of the suffixes; `display` prints
/// it for people.
macro_rules! text {
    ($unit:ident($number:ident), $size:expr, $display:ident) => {
        impl fmt::Display for $unit {
            #[inline]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if f.alternate() {
                    // Cannot saturate: the size of a byte is 1, and the other numbers have 64 bits.
                    return $display(f, u128::from(self.0).saturating_mul($size));
                }
                match u64::try_from(self.0) {
                    Ok(number) if f.width().is_none() && !f.sign_plus() => decimal::write_u64(f, number),
                    _ => fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl FromStr for $unit {
            type Err = ParseUnitError;

            fn from_str(text: &str) -> Result<Self, ParseUnitError> {
                let number = parse(text, Wanted::$unit, $size)?;
                $number::try_from(number)
                    .map(Self)
                    .map_err(|_| ParseUnitError::new(Wanted::$unit, ParseUnitErrorKind::TooLarge, 0))
            }
        }
    };
}

text!(Sectors(u64), SECTOR_SIZE as u128, display_size);
text!(Bytes(u128), 1, display_size);
text!(DataBlocks(u64), 1, display_blocks);
text!(MetaBlocks(u64), META_BLOCK_SIZE as u128, display_size);

/// Implements reading of a bare number.
macro_rules! from_ascii {
    ($unit:ident) => {
        impl $unit {
            /// Reads a bare number, as the kernel writes it.
            ///
            /// # Errors
            ///
            /// [`ExpectedDigit`](crate::ParseUnitErrorKind::ExpectedDigit): the text is empty, or has a byte that is
            /// not a decimal digit. [`TooLarge`](crate::ParseUnitErrorKind::TooLarge): the number exceeds
            /// [`MAX`](Self::MAX).
            #[inline]
            pub fn from_ascii(text: &[u8]) -> Result<Self, ParseUnitError> {
                decimal::parse(text, Wanted::$unit, 0).map(Self)
            }
        }
    };
}

from_ascii!(Sectors);
from_ascii!(DataBlocks);
from_ascii!(MetaBlocks);

/// Writes a size in the largest unit in which it is at least 1.
fn display_size(f: &mut fmt::Formatter<'_>, bytes: u128) -> fmt::Result {
    let (hundredths, unit) = scale(bytes).ok_or(fmt::Error)?;
    let mut text = Buffer::<SHORT>::new();
    text.push_u64(hundredths / 100)?;
    match (hundredths % 100, hundredths % 10) {
        (0, _) => {}
        (fraction, 0) => {
            text.push([b'.'])?;
            text.push_u64(fraction / 10)?;
        }
        (fraction, last) => {
            text.push([b'.'])?;
            text.push_u64(fraction / 10)?;
            text.push_u64(last)?;
        }
    }
    text.push([b' '])?;
    text.push_str(unit)?;
    // Padded like a number, on the left.
    f.pad_integral(true, "", text.as_str()?)
}

/// A size in hundredths of the largest unit in which it is at least 1, and that unit.
fn scale(bytes: u128) -> Option<(u64, &'static str)> {
    let scaled = |(unit, size): (&'static str, u128)| Some((hundredths(bytes, size)?, unit));
    // The size is rounded before it is compared, so that it is never written as 1024 of a unit that is followed by a
    // larger one.
    let fitting = IEC_UNITS.into_iter().filter_map(scaled).find(|(hundredths, _)| *hundredths < 102_400);
    fitting.or_else(|| IEC_UNITS.last().copied().and_then(scaled))
}

/// A size in hundredths of a unit, rounded to nearest; `None` if the result exceeds 64 bits.
fn hundredths(bytes: u128, unit: u128) -> Option<u64> {
    let whole = bytes.checked_div(unit)?.checked_mul(100)?;
    let rest = bytes.checked_rem(unit)?.checked_mul(100)?;
    let rounded = rest.checked_add(unit / 2)?.checked_div(unit)?;
    u64::try_from(whole.checked_add(rounded)?).ok()
}

/// Writes a number of blocks of unknown size.
fn display_blocks(f: &mut fmt::Formatter<'_>, blocks: u128) -> fmt::Result {
    let mut text = Buffer::<SHORT>::new();
    text.push_u64(u64::try_from(blocks).map_err(|_| fmt::Error)?)?;
    text.push_str(if blocks == 1 { " block" } else { " blocks" })?;
    f.pad_integral(true, "", text.as_str()?)
}

/// Reads a bare number, or a number with a suffix as a whole number of `size`.
fn parse(text: &str, wanted: Wanted, size: u128) -> Result<u128, ParseUnitError> {
    // `rest` is always the end of the text.
    let error = |kind, rest: &str| ParseUnitError::new(wanted, kind, text.len().saturating_sub(rest.len()));

    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return Err(error(ParseUnitErrorKind::ExpectedDigit, rest));
    }
    let too_large = error(ParseUnitErrorKind::TooLarge, text);
    let whole: u128 = digits.parse().map_err(|_| too_large)?;
    if rest.is_empty() {
        return Ok(whole);
    }

    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("0", rest),
    };
    if fraction.is_empty() {
        return Err(error(ParseUnitErrorKind::ExpectedDigit, rest));
    }
    let suffix = rest.strip_prefix(' ').unwrap_or(rest);
    let suffix_size = size_of_suffix(suffix, wanted).map_err(|kind| error(kind, suffix))?;

    let not_whole = error(ParseUnitErrorKind::NotWhole, text);
    let fraction = fraction_of(fraction, suffix_size).ok_or(not_whole)?;
    let total = whole.checked_mul(suffix_size).and_then(|whole| whole.checked_add(fraction)).ok_or(too_large)?;
    match total.checked_rem(size) {
        Some(0) => total.checked_div(size).ok_or(not_whole),
        _ => Err(not_whole),
    }
}

/// Splits a text into its leading digits and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(decimal::count_digits(text.as_bytes()))
}

/// The size of one unit that a suffix names.
fn size_of_suffix(suffix: &str, wanted: Wanted) -> Result<u128, ParseUnitErrorKind> {
    let known = match (wanted, suffix) {
        (_, "") => return Err(ParseUnitErrorKind::ExpectedUnit),
        (Wanted::DataBlocks, "block" | "blocks") => Some(1),
        (Wanted::DataBlocks, _) => None,
        (_, "s") => Some(SECTOR_SIZE as u128),
        (_, _) if is_ambiguous(suffix) => return Err(ParseUnitErrorKind::AmbiguousUnit),
        (_, _) => IEC_UNITS.into_iter().find(|(name, _)| *name == suffix).map(|(_, size)| size),
    };
    known.ok_or(ParseUnitErrorKind::UnknownUnit)
}

/// Whether a suffix is a prefix of the metric system, alone or with `B`.
fn is_ambiguous(suffix: &str) -> bool {
    let prefix = suffix.strip_suffix('B').unwrap_or(suffix);
    prefix.len() == 1 && "kKmMgGtTpPeEzZyY".contains(prefix)
}

/// The fraction `0.digits` of `size`, or `None` if it is not a whole number.
///
/// Works from the last digit to the first. The result of a step is the fraction of `size` that the digits from there on
/// denote. If the final result is whole, so is that of each step: it differs by a whole number from the final result
/// times a power of ten. No step exceeds ten times `size`.
fn fraction_of(digits: &str, size: u128) -> Option<u128> {
    digits.bytes().rev().try_fold(0_u128, |fraction, byte| {
        let digit = u128::from(byte.wrapping_sub(b'0'));
        let tenfold = size.checked_mul(digit)?.checked_add(fraction)?;
        (tenfold % 10 == 0).then_some(tenfold / 10)
    })
}
