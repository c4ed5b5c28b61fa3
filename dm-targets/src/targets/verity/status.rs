//! The status of a `verity` target.
//!
//! Kernel: `verity_status` in `drivers/md/dm-verity-target.c`.

use alloc::vec::Vec;
use core::fmt;

use super::FecCorrections;
use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, WordBuf};

keywords! {
    exact;
    /// Whether any block failed verification.
    pub enum VerityState {
        /// Since the table was loaded, no block has failed verification, or every block that failed was corrected.
        Valid = "V",
        /// At least one block has failed verification since the table was loaded and was not corrected.
        Corrupted = "C",
    }
}

/// Whether a `verity` target has found corrupted blocks, and how many it has corrected.
///
/// ```
/// use dm_targets::verity::VerityState;
/// use dm_targets::{Target, Verity};
///
/// assert_eq!(Verity::parse_status("V")?.state, VerityState::Valid);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct VerityStatus {
    /// Whether any block failed verification.
    pub state: VerityState,
    /// The number of corrected blocks; `None` from kernels up to 6.12, which do not print it.
    pub corrected: Option<FecCorrections>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl VerityStatus {
    pub(super) fn health(&self) -> Health {
        let corrected = match self.corrected {
            Some(FecCorrections::Blocks(blocks)) => Some(blocks),
            Some(FecCorrections::NoFec) | None => None,
        };
        Health { corrected, ..Health::default() }
            .concern(Concern::Corrupted, self.state == VerityState::Corrupted)
            .concern(Concern::Unknown, matches!(self.state, VerityState::Other(_)))
    }
}

impl Params for VerityStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            state: fields.read("state")?,
            corrected: fields.read_optional("corrected blocks")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for VerityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::printed(f).put(&self.state).all(&self.corrected).all(&self.extra).end()
    }
}
