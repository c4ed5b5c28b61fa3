//! How a vdo volume was formatted.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::DataBlocks;

use super::entries::{self, Entry, answer, group};
use crate::{Printer, Problem, Value, Word};

group! {
    "{";
    /// How a volume was formatted: the answer to [`VdoMessage::Config`](super::VdoMessage::Config).
    pub struct VdoConfig {
        /// The version of this answer.
        version: u32 = "version",
        /// How much of its device the volume uses, in bytes.
        physical_size: u64 = "physicalSize",
        /// How large the volume is to those who use it, in bytes.
        logical_size: u64 = "logicalSize",
        /// The size of a slab, the unit in which space is managed, in blocks of 4 KiB.
        slab_size: DataBlocks = "slabSize",
        /// The index of known data.
        index: VdoIndexConfig = "index",
    }
}

answer!(VdoConfig);

group! {
    // The kernel writes two spaces before this one.
    " {";
    /// How the index of a volume was formatted.
    pub struct VdoIndexConfig {
        /// How much memory it takes.
        memory_size: VdoIndexMemory = "memorySize",
        /// Whether it is sparse: covers more blocks with the same memory.
        is_sparse: bool = "isSparse",
    }
}

/// How much memory the index of known data takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum VdoIndexMemory {
    /// 256 MiB.
    Quarter,
    /// 512 MiB.
    Half,
    /// 768 MiB.
    ThreeQuarters,
    /// A whole number of GiB.
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
