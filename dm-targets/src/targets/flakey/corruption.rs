//! Corruption of one byte per request.
//!
//! Kernel: `parse_features` in `drivers/md/dm-flakey.c`.

use core::fmt;

use crate::option::WordGroup;
use crate::{Fields, InvalidField, Limits, ParseError, Printer, Problem, Value, Word};

const NTH: Limits = Limits::new("corrupt bio byte", 1, u32::MAX as u64);

/// The byte of a request to overwrite, its new value, and the affected requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CorruptBioByte {
    /// The position of the byte in the request, counted from 1; shorter requests are not changed.
    pub nth: u32,
    /// Whether reads or writes are corrupted.
    pub direction: Direction,
    /// The new value of the byte.
    pub value: u8,
    /// Only requests with all of these flags are corrupted; 0 for all requests. The bits are those of `bi_opf` in the
    /// running kernel.
    pub flags: u32,
}

/// The direction of a request: the word is `r` or `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Requests that read.
    Read,
    /// Requests that write.
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
    /// Sets byte number `nth`, counted from 1, to `value` in all requests of this direction.
    /// [`Flakey::check`](crate::Target::check) refuses an `nth` of 0.
    #[must_use]
    pub const fn new(nth: u32, direction: Direction, value: u8) -> Self {
        Self { nth, direction, value, flags: 0 }
    }

    /// Corrupts only requests that have all of these flags of the running kernel.
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
