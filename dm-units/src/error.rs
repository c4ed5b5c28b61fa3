//! Errors of reading units, device numbers and versions from text.

use core::fmt;

/// A text that is not a valid unit, device number, version or decimal number.
///
/// The error records which kind of value was expected, what is wrong with the text, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseUnitError {
    wanted: Wanted,
    kind: ParseUnitErrorKind,
    offset: usize,
}

/// What is wrong with a text, as [`ParseUnitError::kind`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseUnitErrorKind {
    /// A decimal digit was expected, but the text ends or has another character there.
    ExpectedDigit,
    /// The colon of a device number was expected, but the text ends or has another character there.
    ExpectedColon,
    /// A dot of a version was expected, but the text ends or has another character there.
    ExpectedDot,
    /// The text ends where a unit was expected: after a space or a fraction.
    ExpectedUnit,
    /// This crate does not read this unit.
    UnknownUnit,
    /// The unit, such as `M` or `MB`, can mean a power of 1000 or of 1024.
    AmbiguousUnit,
    /// The size is not a whole number of the requested unit.
    NotWhole,
    /// The number is larger than the type can hold.
    TooLarge,
}

/// The kind of value that a text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Number,
    Sectors,
    Bytes,
    DataBlocks,
    MetaBlocks,
    DeviceNumber,
    Version,
}

impl ParseUnitError {
    pub(crate) const fn new(wanted: Wanted, kind: ParseUnitErrorKind, offset: usize) -> Self {
        Self { wanted, kind, offset }
    }

    /// What is wrong with the text, for a `match`.
    pub const fn kind(&self) -> ParseUnitErrorKind {
        self.kind
    }

    /// The position of the error in bytes from the start of the text: the first wrong character or unit, the first
    /// digit of a number that is too large, or the length of the text if the text ends too early. The position is 0 for
    /// [`NotWhole`](ParseUnitErrorKind::NotWhole).
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl Wanted {
    const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Sectors => "number of sectors",
            Self::Bytes => "number of bytes",
            Self::DataBlocks => "number of data blocks",
            Self::MetaBlocks => "number of metadata blocks",
            Self::DeviceNumber => "device number",
            Self::Version => "version",
        }
    }

    const fn units(self) -> &'static str {
        match self {
            Self::DataBlocks => "`blocks`",
            _ => "B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        }
    }
}

impl fmt::Display for ParseUnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, kind, offset } = self;
        write!(f, "invalid {}: ", wanted.name())?;
        match kind {
            ParseUnitErrorKind::ExpectedDigit => {
                write!(f, "expected a decimal digit at byte {offset}")
            }
            ParseUnitErrorKind::ExpectedColon => write!(f, "expected `:` at byte {offset}"),
            ParseUnitErrorKind::ExpectedDot => write!(f, "expected `.` at byte {offset}"),
            ParseUnitErrorKind::ExpectedUnit => {
                write!(f, "expected a unit at byte {offset}: {}", wanted.units())
            }
            ParseUnitErrorKind::UnknownUnit => {
                write!(f, "unknown unit at byte {offset}: write {}", wanted.units())
            }
            ParseUnitErrorKind::AmbiguousUnit => {
                write!(f, "ambiguous unit at byte {offset}: write KiB, MiB, GiB and so on for powers of 1024")
            }
            ParseUnitErrorKind::NotWhole => {
                write!(f, "the size is not a whole number of them")
            }
            ParseUnitErrorKind::TooLarge => write!(f, "the number at byte {offset} is too large"),
        }
    }
}

impl core::error::Error for ParseUnitError {}
