//! Bytes that are changed.
//!
//! Kernel: `parse_features` in `drivers/md/dm-flakey.c`.

use core::fmt;

use crate::option::WordGroup;
use crate::{Fields, InvalidField, Limits, ParseError, Printer, Problem, Value, Word};

const NTH: Limits = Limits::new("corrupt bio byte", 1, u32::MAX as u64);

/// Which byte is changed in which requests, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CorruptBioByte {
    /// The byte of the request, from 1.
    pub nth: u32,
    /// Whether it is done to reads or to writes.
    pub direction: Direction,
    /// What the byte becomes.
    pub value: u8,
    /// It is only done to requests that have all these flags, which are those of the running kernel.
    pub flags: u32,
}

/// Reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Reads.
    Read,
    /// Writes.
    Write,
}

impl Value for Direction {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word {
            _ if word.is("r") => Ok(Self::Read),
            _ if word.is("w") => Ok(Self::Write),
            _ => Err(Problem::Expected("r or w")),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        fmt::Write::write_str(out, if *self == Self::Read { "r" } else { "w" })
    }
}

impl CorruptBioByte {
    /// Sets byte `nth`, counted from 1, of requests of one direction to `value`.
    #[must_use]
    pub const fn new(nth: u32, direction: Direction, value: u8) -> Self {
        Self { nth, direction, value, flags: 0 }
    }

    /// Only changes requests that have all these flags.
    #[must_use]
    pub const fn flags(self, flags: u32) -> Self {
        Self { flags, ..self }
    }
}

impl WordGroup for CorruptBioByte {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            nth: fields.read_within(&NTH)?,
            direction: fields.read("corrupt bio direction")?,
            value: fields.read("corrupt value")?,
            flags: fields.read("corrupt bio flags")?,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { nth, direction, value, flags } = self;
        out.put(nth).put(direction).put(value).put(flags);
    }

    fn check(&self) -> Result<(), InvalidField> {
        NTH.check(self.nth)
    }
}
