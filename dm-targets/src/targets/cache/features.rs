//! What a cache was asked for, and what is in effect.

use super::CacheTable;
use crate::option::keywords::keywords;
use crate::option::{Flag, OneOf, options};
use crate::{Limits, WordBuf};

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

options! {
    /// The features of a cache: in a table those that were asked for, in a status those in effect.
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct CacheFeatures for CacheTable.features {
        /// The metadata has its second format, which keeps track of dirty blocks in a bitmap of its own.
        metadata2(): bool = Flag("metadata2"), since (1, 10, 0);
        /// What becomes of writes; `writeback` if a table does not say.
        io_mode(mode: CacheIoMode): Option<CacheIoMode> = OneOf(&[
            ("writeback", CacheIoMode::Writeback),
            ("writethrough", CacheIoMode::Writethrough),
            ("passthrough", CacheIoMode::Passthrough),
        ]);
        /// Discards do not reach the origin.
        no_discard_passdown(): bool = Flag("no_discard_passdown"), since (2, 1, 0);
    }
    other {
        /// Features that this crate does not know.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "alloc::vec::Vec::is_empty"))]
        other: WordBuf = "feature";
    }
    case: Any;
    count: Required, Limits::new("number of features", 0, 3);
    features: "passthrough" since (1, 2, 0), "invalidate_cblocks" since (1, 2, 0), "smq" since (1, 8, 0);
}
