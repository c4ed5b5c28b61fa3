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
    /// [`Problem`]: the reason why the word is not such a value. The caller adds the position of the word.
    fn read(word: Word<'_>) -> Result<Self, Problem>;

    /// Reads the value at the start of `text`, and returns the value and the rest of the text. For numbers and
    /// keywords, this is faster than [`read`](Self::read), which needs the end of the word first.
    ///
    /// The value must equal the one that [`read`](Self::read) returns. The caller uses the value only if the word ends
    /// after it. If this returns `None`, as it does by default, the caller calls `read`.
    #[inline]
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        let _ = text;
        None
    }

    /// Prints the word without spaces around it.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`]: the output has failed.
    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result;
}

/// A numeric [`Value`], which [`Limits`](crate::Limits) can check.
pub trait Number: Value + Copy {
    /// The number as an integer, without its unit.
    fn get(self) -> u64;
}

/// Scans two values with a `separator` between them.
#[inline]
fn scan_two<T: Value>(text: &[u8], separator: u8) -> Option<((T, T), &[u8])> {
    let (first, rest) = T::scan(text)?;
    let (second, rest) = T::scan(rest.strip_prefix(&[separator])?)?;
    Some(((first, second), rest))
}

/// Parses decimal digits, as the kernel reads with `%llu` or `kstrtoull`.
///
/// This is stricter than the kernel: it refuses numbers that are too large, which `%llu` silently wraps, and a leading
/// `+`, which some constructors accept and others do not. A `+` is accepted only in tables that the kernel prints
/// word for word as they were loaded, such as those of `cache`.
impl Value for u64 {
    #[inline]
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        decimal::parse_u64(word.digits().as_bytes()).map_err(|error| match error.kind() {
            ParseUnitErrorKind::TooLarge => Problem::OutOfRange { min: 0, max: u64::MAX },
            _ => Problem::NotDecimal,
        })
    }

    #[inline]
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        decimal::split_u64(text)
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
            fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
                let (number, rest) = u64::scan(text)?;
                Some((Self::try_from(number).ok()?, rest))
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
            fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
                let (number, rest) = u64::scan(text)?;
                Some(($unit(number), rest))
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
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        let ((major, minor), rest) = scan_two(text, b':')?;
        let number = Self::new(major, minor);
        number.to_huge().map(|_| (number, rest))
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
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        if let [b'-', rest @ ..] = text {
            return Some((None, rest));
        }
        let (value, rest) = T::scan(text)?;
        Some((Some(value), rest))
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
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        let ((used, total), rest) = scan_two(text, b'/')?;
        Some((Self { used, total }, rest))
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
    use crate::thin_pool::{PoolCheck, PoolMode};
    use crate::zoned::Zones;
    use crate::{Device, Fields};

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

    /// Reads the first word of `text` as a `T`, with and without [`Value::scan`].
    fn read_twice<T: Value + PartialEq + fmt::Debug>(text: &str) {
        let mut fields = Fields::printed(text);
        let scanned = fields.read::<T>("field");
        let mut words = Fields::printed(text);
        let split = words.next_word().map_or(Err(Problem::Missing), T::read);
        assert_eq!(scanned.map_err(|error| error.problem()), split, "{text:?}");
        assert_eq!((fields.remainder(), fields.word_number()), (words.remainder(), words.word_number()), "{text:?}");
        assert_eq!(fields.error("", Problem::Unknown).span(), words.error("", Problem::Unknown).span(), "{text:?}");
    }

    #[test]
    fn a_value_is_the_same_whether_its_end_is_searched_before_or_while_it_is_read() {
        let words = "|0|007|255|256|65536|4294967295|4294967296|9999999999999999999|18446744073709551615|\
            18446744073709551616|+1|-1|1a|1.5|1/2|1/|/2|1/2/3|1:2|1:|:2|1:2:3|4095:1048575|4096:0|0:1048576|1:4294967296|\
            -|--|-/-|-/2|rw|r|rwx|RW|ro|needs_check|/dev/sda|1\u{e0}";
        for word in words.split('|') {
            for around in [["", ""], [" ", " "], ["  ", "  "], ["\t", "\n"], ["", " 2"], [" ", "\t2"], ["", "\u{b}2"]] {
                let text = around.join(word);
                read_twice::<u8>(&text);
                read_twice::<u16>(&text);
                read_twice::<u32>(&text);
                read_twice::<u64>(&text);
                read_twice::<Sectors>(&text);
                read_twice::<DeviceNumber>(&text);
                read_twice::<Device>(&text);
                read_twice::<Option<MetaBlocks>>(&text);
                read_twice::<Usage<u32>>(&text);
                read_twice::<Usage<Option<DataBlocks>>>(&text);
                read_twice::<Zones>(&text);
                read_twice::<PoolMode>(&text);
                read_twice::<Option<PoolCheck>>(&text);
            }
        }
    }
}
