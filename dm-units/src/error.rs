//! What is wrong with a text.

use core::fmt;

/// A text is not a unit, a device number or a number.
///
/// Says what should have been read, what is wrong with it, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseUnitError {
    wanted: Wanted,
    kind: ParseUnitErrorKind,
    offset: usize,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseUnitErrorKind {
    /// Something else than a decimal digit, or the end of the text, where a digit must be.
    ExpectedDigit,
    /// Something else than a colon, or the end of the text, where the colon of a device number must be.
    ExpectedColon,
    /// Something else than a dot, or the end of the text, where a dot of a version must be.
    ExpectedDot,
    /// The end of the text where a unit must be: after a space or a fraction.
    ExpectedUnit,
    /// A unit that is not known.
    UnknownUnit,
    /// A unit such as `M` or `MB`, which can mean powers of 1000 or of 1024.
    AmbiguousUnit,
    /// A size that is not a whole number of the unit.
    NotWhole,
    /// A number that is larger than the type can hold.
    TooLarge,
}

/// What should have been read.
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

    /// What is wrong.
    pub const fn kind(&self) -> ParseUnitErrorKind {
        self.kind
    }

    /// Where in the text, in bytes from its start; the length of the text if something is missing at its end.
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
