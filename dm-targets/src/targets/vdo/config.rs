//! The configuration of a volume.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::DataBlocks;

use super::entries::{self, Entry, group, reply};
use crate::{Printer, Problem, Value, Word};

group! {
    "{";
    /// The configuration of a volume: the reply to [`VdoMessage::Config`](super::VdoMessage::Config).
    pub struct VdoConfig {
        /// The version of the reply's format.
        version: u32 = "version",
        /// The size of the volume on its device, in bytes.
        physical_size: u64 = "physicalSize",
        /// The size that the volume offers to its users, in bytes.
        logical_size: u64 = "logicalSize",
        /// The size of a slab, the unit of space management, in blocks of 4 KiB.
        slab_size: DataBlocks = "slabSize",
        /// The configuration of the deduplication index.
        index: VdoIndexConfig = "index",
    }
}

reply!(VdoConfig);

group! {
    // The kernel prints two spaces before this entry.
    " {";
    /// The configuration with which the index of a volume was formatted.
    pub struct VdoIndexConfig {
        /// The memory that the index uses.
        memory_size: VdoIndexMemory = "memorySize",
        /// Whether the index is sparse. A sparse index covers more blocks with the same memory.
        is_sparse: bool = "isSparse",
    }
}

/// The memory that the deduplication index uses, printed in GiB as `0.25`, `0.50`, `0.75` or a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum VdoIndexMemory {
    /// 256 MiB.
    Quarter,
    /// 512 MiB.
    Half,
    /// 768 MiB.
    ThreeQuarters,
    /// A whole number of GiB: 1 to 1024 in a table, any number in the reply to `config`.
    Gib(u32),
}

impl Value for VdoIndexMemory {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "0.25" => Ok(Self::Quarter),
            "0.5" | "0.50" => Ok(Self::Half),
            "0.75" => Ok(Self::ThreeQuarters),
            _ => match u32::read(word) {
                Ok(gib) => Ok(Self::Gib(gib)),
                Err(_) => Err(Problem::Expected("0.25, 0.5, 0.75 or a whole number of GiB")),
            },
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Quarter => out.write_str("0.25"),
            Self::Half => out.write_str("0.50"),
            Self::ThreeQuarters => out.write_str("0.75"),
            Self::Gib(gib) => gib.print(out),
        }
    }
}
