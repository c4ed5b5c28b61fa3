//! What a cache was asked for, and what is in effect.

use alloc::vec::Vec;

use crate::keywords::keywords;
use crate::{Fields, ParseError, Printer, Problem, Value, WordBuf};

const METADATA2: &str = "metadata2";
const NO_DISCARD_PASSDOWN: &str = "no_discard_passdown";

keywords! {
    any_case;
    /// What becomes of writes to a cache.
    pub enum CacheIoMode {
        /// They are complete when they are in the cache, which then holds dirty blocks.
        Writeback = "writeback",
        /// They are complete when they are on both devices.
        Writethrough = "writethrough",
        /// They go to the origin, as reads do; what is cached of it is invalidated.
        Passthrough = "passthrough",
    }
}

/// The features of a cache: in a table those that were asked for, in a status those in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CacheFeatures {
    /// The metadata has its second format, which keeps track of dirty blocks in a bitmap of its own.
    pub metadata2: bool,
    /// What becomes of writes; `writeback` if a table does not say.
    pub io_mode: Option<CacheIoMode>,
    /// Discards do not reach the origin.
    pub no_discard_passdown: bool,
    /// Features that this version does not know, and those given twice.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub other: Vec<WordBuf>,
}

impl CacheFeatures {
    /// How many words they are.
    pub(super) fn count(&self) -> usize {
        let known = [self.metadata2, self.io_mode.is_some(), self.no_discard_passdown];
        known.into_iter().filter(|given| *given).count().saturating_add(self.other.len())
    }

    /// Reads a count and as many features.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut group = fields.read_group("number of features")?;
        let mut features = Self::default();
        while let Some(word) = group.next_word() {
            if word.is(METADATA2) && !features.metadata2 {
                features.metadata2 = true;
            } else if word.is(NO_DISCARD_PASSDOWN) && !features.no_discard_passdown {
                features.no_discard_passdown = true;
            } else {
                let mode = CacheIoMode::read(word).map_err(|problem| group.error("feature", problem))?;
                features.add_mode(mode).map_err(|problem| group.error("feature", problem))?;
            }
        }
        Ok(features)
    }

    fn add_mode(&mut self, mode: CacheIoMode) -> Result<(), Problem> {
        match mode {
            CacheIoMode::Other(word) => self.other.push(word),
            _ if self.io_mode.is_some() => return Err(Problem::Conflict("another io mode")),
            mode => self.io_mode = Some(mode),
        }
        Ok(())
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        out.count(self.count());
        if self.metadata2 {
            out.word(METADATA2);
        }
        out.all(&self.io_mode);
        if self.no_discard_passdown {
            out.word(NO_DISCARD_PASSDOWN);
        }
        out.all(&self.other);
    }
}
