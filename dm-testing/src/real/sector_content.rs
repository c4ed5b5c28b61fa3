//! The sectors of a pattern, and recognition of a sector's content.

use std::fmt;

use dm_units::{SECTOR_SIZE, Sectors};

/// What a sector contains instead of the expected data, in [`Error::Mismatch`](crate::Error::Mismatch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SectorContent {
    /// Only zeros.
    Zeros,
    /// A sector of another [`Pattern`](crate::Pattern), or a sector of the same pattern from another place.
    #[non_exhaustive]
    Pattern {
        /// The seed of the pattern.
        seed: u64,
        /// The number of the sector where this content belongs, if the pattern was not [moved](crate::Pattern::moved).
        sector: Sectors,
    },
    /// Neither zeros nor a sector of a pattern.
    Other,
}

impl SectorContent {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        match (word(0), word(8)) {
            _ if bytes.iter().all(|byte| *byte == 0) => Self::Zeros,
            (Some(number), Some(seed)) if bytes == sector(seed, number) => {
                Self::Pattern { seed, sector: Sectors(number) }
            }
            _ => Self::Other,
        }
    }
}

/// Prints the end of "the sector …", such as `holds zeros`.
impl fmt::Display for SectorContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zeros => f.write_str("holds zeros"),
            Self::Pattern { seed, sector } => write!(f, "holds what pattern {seed} has in sector {sector}"),
            Self::Other => f.write_str("holds unknown data"),
        }
    }
}

/// One sector: its number, its seed, then a sequence that depends on both.
pub(crate) fn sector(seed: u64, number: u64) -> [u8; SECTOR_SIZE] {
    let mut bytes = [0; SECTOR_SIZE];
    let mut state = mix(number ^ mix(seed));
    for (at, word) in bytes.chunks_exact_mut(8).enumerate() {
        let value = match at {
            0 => number,
            1 => seed,
            _ => state,
        };
        word.copy_from_slice(&value.to_le_bytes());
        state = mix(state);
    }
    bytes
}

/// A step of a generator whose numbers look random (`SplitMix64`).
const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
