//! Values that are a single word.

use core::fmt::{self, Write};

use dm_units::decimal;
use dm_units::{DataBlocks, DeviceNumber, MetaBlocks, ParseUnitErrorKind, Sectors};

use crate::errors::problem::Problem;
use crate::text::printer::Printer;
use crate::text::word::Word;

/// A value that is a single word of a table, status or message.
pub trait Value: Sized {
    /// Parses the word.
    ///
    /// # Errors
    ///
    /// The word is not such a value; the caller adds the position of the word.
    fn read(word: Word<'_>) -> Result<Self, Problem>;

    /// Prints the word without spaces around it.
    ///
    /// # Errors
    ///
    /// The output has failed.
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result;
}

/// A [`Value`] that is a number, for [`Limits`](crate::Limits).
pub trait Number: Value + Copy {
    /// The number as an integer, without its unit.
    fn get(self) -> u64;
}

/// Parses decimal digits, as the kernel reads with `%llu` or `kstrtoull`.
///
/// This is stricter than the kernel in two ways: numbers that are too large are refused, which `%llu` silently wraps, and so
/// is a leading `+`, which some constructors accept and others do not. A `+` is accepted in tables that the kernel prints as
/// they were loaded.
impl Value for u64 {
    #[inline]
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        decimal::parse_u64(word.digits().as_bytes()).map_err(|error| match error.kind() {
            ParseUnitErrorKind::TooLarge => Problem::OutOfRange { min: 0, max: u64::MAX },
            _ => Problem::NotDecimal,
        })
    }

    #[inline]
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_number(*self)
    }
}

impl Number for u64 {
    #[inline]
    fn get(self) -> u64 {
        self
    }
}

macro_rules! narrow_numbers {
    ($($number:ident),+) => {$(
        impl Value for $number {
            #[inline]
            fn read(word: Word<'_>) -> Result<Self, Problem> {
                let too_large = Problem::OutOfRange { min: 0, max: Self::MAX.into() };
                match u64::read(word) {
                    Ok(number) => Self::try_from(number).map_err(|_| too_large),
                    Err(Problem::OutOfRange { .. }) => Err(too_large),
                    Err(problem) => Err(problem),
                }
            }

            #[inline]
            fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
                out.write_number((*self).into())
            }
        }

        impl Number for $number {
            #[inline]
            fn get(self) -> u64 {
                self.into()
            }
        }
    )+};
}

macro_rules! units {
    ($($unit:ident),+) => {$(
        impl Value for $unit {
            #[inline]
            fn read(word: Word<'_>) -> Result<Self, Problem> {
                u64::read(word).map($unit)
            }

            #[inline]
            fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
                self.0.print(out)
            }
        }

        impl Number for $unit {
            #[inline]
            fn get(self) -> u64 {
                self.0
            }
        }
    )+};
}

narrow_numbers!(u8, u16, u32);
units!(DataBlocks, MetaBlocks, Sectors);

/// Parses decimal digits, with a `-` before a negative number, as the kernel reads or prints with `%d`.
impl Value for i32 {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let range = Problem::Expected("a number from -2147483648 to 2147483647");
        let (negative, digits) = match word.spelling().strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, word.spelling()),
        };
        match u64::read(Word::plain(digits)).map(i64::try_from) {
            Ok(Ok(0)) if negative => Err(Problem::NotDecimal),
            Ok(Ok(number)) => {
                Self::try_from(if negative { number.saturating_neg() } else { number }).map_err(|_| range)
            }
            Ok(Err(_)) | Err(Problem::OutOfRange { .. }) => Err(range),
            Err(problem) => Err(problem),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        if *self < 0 {
            out.write_char('-')?;
        }
        self.unsigned_abs().print(out)
    }
}

/// Parses `major:minor`, as the kernel prints devices. Tables can also contain paths, see [`Device`](crate::Device).
impl Value for DeviceNumber {
    #[inline]
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match Self::from_ascii(word.spelling().as_bytes()) {
            Ok(number) if number.to_huge().is_some() => Ok(number),
            Err(error) if error.kind() != ParseUnitErrorKind::TooLarge => {
                Err(Problem::Expected("a device number such as 253:0"))
            }
            _ => Err(Problem::DeviceNumberTooLarge),
        }
    }

    #[inline]
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.major.print(out)?;
        out.write_char(':')?;
        self.minor.print(out)
    }
}

/// An optional value, whose absence is printed as `-`.
impl<T: Value> Value for Option<T> {
    #[inline]
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "-" => Ok(None),
            _ => T::read(word).map(Some),
        }
    }

    #[inline]
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Some(value) => value.print(out),
            None => out.write_char('-'),
        }
    }
}

/// The used part of a total, printed as `used/total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Usage<T> {
    /// The used amount.
    pub used: T,
    /// The total amount.
    pub total: T,
}

impl<T: Value> Value for Usage<T> {
    #[inline]
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let (used, total) = word.split_once('/').ok_or(Problem::Expected("two numbers such as 1/2"))?;
        Ok(Self { used: T::read(used)?, total: T::read(total)? })
    }

    #[inline]
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.used.print(out)?;
        out.write_char('/')?;
        self.total.print(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers_are_decimal() {
        for number in ["0", "7", "-7", "2147483647", "-2147483648"] {
            assert_eq!(i32::read(Word::plain(number)), Ok(number.parse().unwrap()));
        }
        for text in ["", "-", "-0", "+1", "--1", "1.5", "0x1", "- 1"] {
            assert_eq!(i32::read(Word::plain(text)), Err(Problem::NotDecimal), "{text}");
        }
        let range = Problem::Expected("a number from -2147483648 to 2147483647");
        for text in ["2147483648", "-2147483649", "18446744073709551616", "-18446744073709551616"] {
            assert_eq!(i32::read(Word::plain(text)), Err(range), "{text}");
        }
    }
}
