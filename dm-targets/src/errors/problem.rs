//! [`Problem`] and [`InvalidField`]: the reason why a field is wrong, and the name of the field.

use core::fmt;

/// The reason why a field is wrong, in a text or in a value that was built in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The word is missing or empty.
    Missing,
    /// There are more words than the target accepts.
    Unexpected,
    /// The word is not a decimal number. Only some fields allow a `-` or `+` before the digits.
    NotDecimal,
    /// The number is outside the range that the kernel accepts or that the type can hold.
    OutOfRange {
        /// The smallest possible number.
        min: u64,
        /// The largest possible number.
        max: u64,
    },
    /// The number is not a power of two.
    NotPowerOfTwo,
    /// The number is not a multiple of the number in this variant.
    NotMultipleOf(u64),
    /// The device number has a major of more than 12 bits or a minor of more than 20 bits.
    DeviceNumberTooLarge,
    /// The word is empty, has an odd number of digits, or contains a character that is not a hexadecimal digit.
    NotHex,
    /// The word or value does not fit this description. The description, such as `P, PO or N`, continues the words
    /// "must be".
    Expected(&'static str),
    /// The count of words is larger than the number of words that follow.
    TooFewWords {
        /// The number that the count states.
        counted: u32,
        /// The number of words that follow.
        found: usize,
    },
    /// This crate does not know the word, and cannot keep unknown words in this place.
    Unknown,
    /// The option is given twice.
    Repeated,
    /// The field has the same value as the named field, but the two must differ.
    SameAs(&'static str),
    /// The value cannot be combined with the named option or property, such as `mode I`.
    Conflict(&'static str),
    /// The word has a backslash before a character other than white space or a backslash. The kernel would remove this
    /// backslash.
    NeedlessBackslash,
    /// The word contains this byte, which it must not contain.
    ///
    /// No word can contain NUL or 0xA0. The kernel splits words at 0xA0, although this byte is part of some UTF-8
    /// characters. For some words, further bytes are forbidden: the type of a key reference must not contain white
    /// space or colons.
    ForbiddenByte(u8),
    /// The word may be a key or part of a key, but is in a field that errors and `Debug` show.
    ///
    /// This is reported only in texts of targets that may contain keys (see [`Target::SECRET`](crate::Target::SECRET)),
    /// and in the target type or the device name of a line.
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
            Self::NeedlessBackslash => f.write_str("has a backslash that the kernel would remove: double or remove it"),
            Self::MayBeKey => f.write_str("looks like a key, which does not belong here"),
            Self::ForbiddenByte(byte) => {
                write!(f, "contains the byte {byte:#04x}, which is not allowed there")
            }
        }
    }
}

impl core::error::Error for Problem {}

/// A field that the kernel would refuse, usually in a value that was built in code.
///
/// A wrong field in a text is a [`ParseError`](crate::ParseError), except for [some fields of the concise
/// form](crate::ConciseErrorKind::Field).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidField {
    field: &'static str,
    problem: Problem,
}

impl InvalidField {
    /// An error in the field named `field`; use the kernel's term for it.
    #[must_use]
    pub const fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }

    /// The name of the field, in the kernel's terms.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// The reason why the field is wrong.
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
