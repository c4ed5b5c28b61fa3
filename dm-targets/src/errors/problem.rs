//! What can be wrong with a field.

use core::fmt;

/// What is wrong with a field, be it a word of a text or a value given in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no such word, or it is empty.
    Missing,
    /// There is a word more than the target takes.
    Unexpected,
    /// Not a decimal number: signs, prefixes and white space are refused.
    NotDecimal,
    /// A number outside of the range that the kernel accepts or that its type can hold.
    OutOfRange {
        /// The smallest number that would do.
        min: u64,
        /// The largest number that would do.
        max: u64,
    },
    /// A number that must be a power of two.
    NotPowerOfTwo,
    /// A number that must be a multiple of another.
    NotMultipleOf(u64),
    /// A device number with a major of more than 12 bits or a minor of more than 20.
    DeviceNumberTooLarge,
    /// A key of an odd number of digits or with something else than hexadecimal digits.
    NotHex,
    /// Something else than what is named here in words.
    Expected(&'static str),
    /// A count of words that is larger than the number of words after it.
    TooFewWords {
        /// How many words it counts.
        counted: u32,
        /// How many there are.
        found: usize,
    },
    /// A word that the target does not know, where nothing unknown can be kept.
    Unknown,
    /// An option given twice.
    Repeated,
    /// The same value as that of the field named here.
    SameAs(&'static str),
    /// Something that excludes what is named here.
    Conflict(&'static str),
    /// A backslash before a character that needs none, such as that of `\x20` in a path that was printed.
    NeedlessBackslash,
    /// A byte at which the kernel splits or ends words: 0xA0, which is part of some UTF-8 characters, or NUL.
    ForbiddenByte(u8),
    /// A word that may be a key, or a part of one, where no key belongs and it would be shown.
    ///
    /// Only in texts of targets that may hold keys; see [`Target::SECRET`](crate::Target::SECRET).
    MayBeKey,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Missing => f.write_str("is missing"),
            Self::Unexpected => f.write_str("is one word too many"),
            Self::NotDecimal => f.write_str("must be a decimal number"),
            Self::OutOfRange { min: 0, max } => write!(f, "must be at most {max}"),
            Self::OutOfRange { min, max: u64::MAX } => write!(f, "must be at least {min}"),
            Self::OutOfRange { min, max } => write!(f, "must be from {min} to {max}"),
            Self::NotPowerOfTwo => f.write_str("must be a power of two"),
            Self::NotMultipleOf(unit) => write!(f, "must be a multiple of {unit}"),
            Self::DeviceNumberTooLarge => f.write_str("must be a device number of at most 4095:1048575"),
            Self::NotHex => f.write_str("must be an even number of hexadecimal digits"),
            Self::Expected(what) => write!(f, "must be {what}"),
            Self::TooFewWords { counted, found } => {
                write!(f, "counts {counted} words, but {found} follow")
            }
            Self::Unknown => f.write_str("is not known"),
            Self::Repeated => f.write_str("is given twice"),
            Self::SameAs(other) => write!(f, "must not be the same as the {other}"),
            Self::Conflict(other) => write!(f, "cannot be combined with {other}"),
            Self::NeedlessBackslash => {
                f.write_str("has a backslash that would be taken off: double it, or leave it out")
            }
            Self::MayBeKey => f.write_str("looks like a key, which does not belong here"),
            Self::ForbiddenByte(byte) => {
                write!(f, "holds the byte {byte:#04x}, which cannot be part of a word")
            }
        }
    }
}

impl core::error::Error for Problem {}

/// A field has a value that the kernel would refuse.
///
/// What the checks of values built in code give; a text has a [`ParseError`](crate::ParseError).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidField {
    field: &'static str,
    problem: Problem,
}

impl InvalidField {
    /// Says that `field`, in the kernel's words, has a problem.
    #[must_use]
    pub const fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }

    /// The field, in the kernel's words.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl core::error::Error for InvalidField {}
