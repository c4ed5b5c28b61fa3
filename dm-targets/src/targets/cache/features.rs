//! The features of a cache.

use super::CacheTable;
use crate::option::keywords::keywords;
use crate::option::{Flag, OneOf, options};
use crate::{Limits, WordBuf};

keywords! {
    any_case;
    /// How a cache handles writes, and whether it serves reads from the cache device.
    pub enum CacheIoMode {
        /// A write to a cached block completes as soon as it is in the cache, and makes the block dirty.
        Writeback = "writeback",
        /// A write to a clean cached block completes when it is on both the cache and the origin. A write to a dirty
        /// block completes as with [`Writeback`](Self::Writeback).
        Writethrough = "writethrough",
        /// All reads and writes go to the origin, and a write removes its block from the cache. The device cannot be
        /// resumed while the cache has dirty blocks.
        Passthrough = "passthrough",
    }
}

options! {
    /// The features of a cache: the requested ones in a table, the active ones in a status.
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct CacheFeatures for CacheTable.features {
        /// Uses metadata format 2, which stores the dirty bits in a separate bitmap.
        metadata2(): bool = Flag("metadata2"), since (1, 10, 0);
        /// How the cache handles writes, and whether it serves reads from the cache device. `None` in a table means
        /// `writeback`.
        io_mode(mode: CacheIoMode): Option<CacheIoMode> = OneOf(&[
            ("writeback", CacheIoMode::Writeback),
            ("writethrough", CacheIoMode::Writethrough),
            ("passthrough", CacheIoMode::Passthrough),
        ]);
        /// Does not pass discards to the origin.
        no_discard_passdown(): bool = Flag("no_discard_passdown"), since (2, 1, 0);
    }
    other {
        /// Features that this crate does not know.
        #[cfg_attr(feature = "serde", serde(default))]
        other: WordBuf = "feature";
    }
    case: Any;
    count: Required, Limits::new("number of features", 0, 3);
    features: "passthrough" since (1, 2, 0), "invalidate_cblocks" since (1, 2, 0), "smq" since (1, 8, 0);
}
