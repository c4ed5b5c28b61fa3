//! What a vdo counts.

use alloc::vec::Vec;

use dm_units::DataBlocks;

use super::VdoMode;
use super::entries::{self, Entry, answer, group};

group! {
    "{";
    /// Counts and sizes: the answer to [`VdoMessage::Stats`](super::VdoMessage::Stats). Blocks are of 4 KiB.
    pub struct VdoStats {
        /// The version of this answer.
        version: u32 = "version",
        /// Blocks that hold data.
        data_blocks_used: DataBlocks = "dataBlocksUsed",
        /// Blocks that the volume uses itself.
        overhead_blocks_used: DataBlocks = "overheadBlocksUsed",
        /// Blocks that are mapped to one that holds data.
        logical_blocks_used: DataBlocks = "logicalBlocksUsed",
        /// How many blocks the volume has on its device.
        physical_blocks: DataBlocks = "physicalBlocks",
        /// How many blocks it shows.
        logical_blocks: DataBlocks = "logicalBlocks",
        /// The memory of the cache of the block map, in bytes.
        block_map_cache_size: u64 = "blockMapCacheSize",
        /// The size of a block, in bytes.
        block_size: u64 = "blockSize",
        /// How often the volume has recovered from a crash.
        complete_recoveries: u64 = "completeRecoveries",
        /// How often it has come back from being read-only.
        read_only_recoveries: u64 = "readOnlyRecoveries",
        /// What the volume can do.
        mode: VdoMode = "mode",
        /// Whether it is recovering from a crash.
        in_recovery_mode: bool = "inRecoveryMode",
        /// How much of that is done, in percent.
        recovery_percentage: u8 = "recoveryPercentage",
        /// The packer of compressed data.
        packer: VdoPackerStats = "packer",
        /// The allocator of blocks.
        allocator: VdoAllocatorStats = "allocator",
        /// The recovery journal.
        journal: VdoJournalStats = "journal",
        /// The journals of the slabs.
        slab_journal: VdoSlabJournalStats = "slabJournal",
        /// The summary of the slabs.
        slab_summary: VdoSlabSummaryStats = "slabSummary",
        /// The reference counts of blocks.
        ref_counts: VdoRefCountsStats = "refCounts",
        /// The cache of the block map.
        block_map: VdoBlockMapStats = "blockMap",
        /// Deduplication.
        hash_lock: VdoHashLockStats = "hashLock",
        /// Errors.
        errors: VdoErrorStats = "errors",
        /// The number of the volume in this kernel.
        instance: u32 = "instance",
        /// Requests in progress.
        current_vios_in_progress: u32 = "currentVIOsInProgress",
        /// How many requests there were at most at a time.
        max_vios: u32 = "maxVIOs",
        /// How often the index was too slow to be of use.
        dedupe_advice_timeouts: u64 = "dedupeAdviceTimeouts",
        /// Flushes sent to the device.
        flush_out: u64 = "flushOut",
        /// The size of a sector that the volume shows, in bytes.
        logical_block_size: u64 = "logicalBlockSize",
        /// Requests to the volume.
        bios_in: VdoBioStats = "biosIn",
        /// Those of less than a block.
        bios_in_partial: VdoBioStats = "biosInPartial",
        /// Requests to the device for data.
        bios_out: VdoBioStats = "biosOut",
        /// Requests to the device for the volume's own use.
        bios_meta: VdoBioStats = "biosMeta",
        /// Those for the recovery journal.
        bios_journal: VdoBioStats = "biosJournal",
        /// Those for the block map.
        bios_page_cache: VdoBioStats = "biosPageCache",
        /// Requests for data that are complete.
        bios_out_completed: VdoBioStats = "biosOutCompleted",
        /// Requests for the volume's own use that are complete.
        bios_meta_completed: VdoBioStats = "biosMetaCompleted",
        /// Requests for the recovery journal that are complete.
        bios_journal_completed: VdoBioStats = "biosJournalCompleted",
        /// Requests for the block map that are complete.
        bios_page_cache_completed: VdoBioStats = "biosPageCacheCompleted",
        /// Requests to the volume that were answered.
        bios_acknowledged: VdoBioStats = "biosAcknowledged",
        /// Those of less than a block.
        bios_acknowledged_partial: VdoBioStats = "biosAcknowledgedPartial",
        /// Requests to the volume that were not yet answered.
        bios_in_progress: VdoBioStats = "biosInProgress",
        /// The memory that the volume takes.
        memory_usage: VdoMemoryUsage = "memoryUsage",
        /// The index of known data.
        index: VdoIndexStats = "index",
    }
}

answer!(VdoStats);

group! {
    "{";
    /// What the packer of compressed data has done.
    pub struct VdoPackerStats {
        /// Compressed blocks that were written as part of another.
        compressed_fragments_written: u64 = "compressedFragmentsWritten",
        /// Blocks written that hold compressed ones.
        compressed_blocks_written: u64 = "compressedBlocksWritten",
        /// Compressed blocks that wait for others to be packed with.
        compressed_fragments_in_packer: u64 = "compressedFragmentsInPacker",
    }
}

group! {
    "{";
    /// What the allocator of blocks has done.
    pub struct VdoAllocatorStats {
        /// How many slabs there are.
        slab_count: u64 = "slabCount",
        /// Slabs that blocks were ever taken from.
        slabs_opened: u64 = "slabsOpened",
        /// How often a slab was opened again since the start.
        slabs_reopened: u64 = "slabsReopened",
    }
}

group! {
    "{";
    /// How far entries or blocks of the journal have come.
    pub struct VdoCommitStats {
        /// Those begun.
        started: u64 = "started",
        /// Those whose write was sent.
        written: u64 = "written",
        /// Those that are on the device.
        committed: u64 = "committed",
    }
}

group! {
    "{";
    /// What the recovery journal has done.
    pub struct VdoJournalStats {
        /// How often it was full.
        disk_full: u64 = "diskFull",
        /// How often it asked a slab's journal to make room.
        slab_journal_commits_requested: u64 = "slabJournalCommitsRequested",
        /// Its entries.
        entries: VdoCommitStats = "entries",
        /// Its blocks.
        blocks: VdoCommitStats = "blocks",
    }
}

group! {
    "{";
    /// What the journals of the slabs have done.
    pub struct VdoSlabJournalStats {
        /// How often one was full.
        disk_full_count: u64 = "diskFullCount",
        /// Entries that made one be written back.
        flush_count: u64 = "flushCount",
        /// Entries that had to wait for that.
        blocked_count: u64 = "blockedCount",
        /// Blocks written.
        blocks_written: u64 = "blocksWritten",
        /// How often a block was still being written when the next one was due.
        tail_busy_count: u64 = "tailBusyCount",
    }
}

group! {
    "{";
    /// What the summary of the slabs has done.
    pub struct VdoSlabSummaryStats {
        /// Blocks written.
        blocks_written: u64 = "blocksWritten",
    }
}

group! {
    "{";
    /// What was done about the reference counts of blocks.
    pub struct VdoRefCountsStats {
        /// Blocks of counts written.
        blocks_written: u64 = "blocksWritten",
    }
}

group! {
    "{";
    /// The cache of the block map: what is in it now, and what it has done.
    pub struct VdoBlockMapStats {
        /// Pages that have changed.
        dirty_pages: u32 = "dirtyPages",
        /// Pages that have not.
        clean_pages: u32 = "cleanPages",
        /// Pages that are free.
        free_pages: u32 = "freePages",
        /// Pages that could not be read or written.
        failed_pages: u32 = "failedPages",
        /// Pages that are being read.
        incoming_pages: u32 = "incomingPages",
        /// Pages that are being written.
        outgoing_pages: u32 = "outgoingPages",
        /// How often no page was free.
        cache_pressure: u32 = "cachePressure",
        /// Lookups for reading.
        read_count: u64 = "readCount",
        /// Lookups for writing.
        write_count: u64 = "writeCount",
        /// Pages that could not be read.
        failed_reads: u64 = "failedReads",
        /// Pages that could not be written.
        failed_writes: u64 = "failedWrites",
        /// Lookups of a page that was about to be dropped.
        reclaimed: u64 = "reclaimed",
        /// Lookups of a page that was being written.
        read_outgoing: u64 = "readOutgoing",
        /// Lookups of a page that was there.
        found_in_cache: u64 = "foundInCache",
        /// Lookups for which another page had to go.
        discard_required: u64 = "discardRequired",
        /// Lookups that had to wait for their page.
        wait_for_page: u64 = "waitForPage",
        /// Lookups that had to read their page.
        fetch_required: u64 = "fetchRequired",
        /// Pages read.
        pages_loaded: u64 = "pagesLoaded",
        /// Pages written.
        pages_saved: u64 = "pagesSaved",
        /// Flushes sent.
        flush_count: u64 = "flushCount",
    }
}

group! {
    "{";
    /// How well deduplication does.
    pub struct VdoHashLockStats {
        /// Hints of the index that were right.
        dedupe_advice_valid: u64 = "dedupeAdviceValid",
        /// Hints of the index that were wrong.
        dedupe_advice_stale: u64 = "dedupeAdviceStale",
        /// Writes of data that was being written at that time.
        concurrent_data_matches: u64 = "concurrentDataMatches",
        /// Writes with the hash, but not the data, of another at that time.
        concurrent_hash_collisions: u64 = "concurrentHashCollisions",
        /// Queries of the index in progress.
        curr_dedupe_queries: u32 = "currDedupeQueries",
    }
}

group! {
    "{";
    /// Errors.
    pub struct VdoErrorStats {
        /// Hints of the index that named an impossible block.
        invalid_advice_pbn_count: u64 = "invalidAdvicePBNCount",
        /// Requests that failed because there was no space.
        no_space_error_count: u64 = "noSpaceErrorCount",
        /// Requests that failed because the volume was read-only.
        read_only_error_count: u64 = "readOnlyErrorCount",
    }
}

group! {
    "{";
    /// Requests of the block layer, by what they are.
    pub struct VdoBioStats {
        /// Reads.
        read: u64 = "read",
        /// Writes with data.
        write: u64 = "write",
        /// Flushes without data.
        empty_flush: u64 = "emptyFlush",
        /// Discards.
        discard: u64 = "discard",
        /// Those that flush first.
        flush: u64 = "flush",
        /// Those that force data to the medium.
        fua: u64 = "fua",
    }
}

group! {
    "{";
    /// The memory that the volume takes.
    pub struct VdoMemoryUsage {
        /// How much now, in bytes.
        bytes_used: u64 = "bytesUsed",
        /// How much at most so far, in bytes.
        peak_bytes_used: u64 = "peakBytesUsed",
    }
}

group! {
    "{";
    /// What the index of known data has done.
    pub struct VdoIndexStats {
        /// How many blocks it knows.
        entries_indexed: u64 = "entriesIndexed",
        /// New blocks that it knew.
        posts_found: u64 = "postsFound",
        /// New blocks that it did not.
        posts_not_found: u64 = "postsNotFound",
        /// Questions about blocks that it knew.
        queries_found: u64 = "queriesFound",
        /// Questions about blocks that it did not.
        queries_not_found: u64 = "queriesNotFound",
        /// Changes of blocks that it knew.
        updates_found: u64 = "updatesFound",
        /// Changes of blocks that it did not.
        updates_not_found: u64 = "updatesNotFound",
        /// Blocks that it has forgotten.
        entries_discarded: u64 = "entriesDiscarded",
    }
}
