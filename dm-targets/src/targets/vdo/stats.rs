//! The counters of a `vdo` target.

use alloc::vec::Vec;

use dm_units::DataBlocks;

use super::VdoMode;
use super::entries::{self, Entry, group, reply};

group! {
    "{";
    /// Counters and sizes: the reply to [`VdoMessage::Stats`](super::VdoMessage::Stats). Blocks are 4 KiB.
    pub struct VdoStats {
        /// The version of the reply's format.
        version: u32 = "version",
        /// The number of blocks that hold data.
        data_blocks_used: DataBlocks = "dataBlocksUsed",
        /// The number of blocks that hold metadata.
        overhead_blocks_used: DataBlocks = "overheadBlocksUsed",
        /// The number of logical blocks that are mapped to a block with data.
        logical_blocks_used: DataBlocks = "logicalBlocksUsed",
        /// The total number of physical blocks of the volume, used or free.
        physical_blocks: DataBlocks = "physicalBlocks",
        /// The number of blocks that the volume offers to its users.
        logical_blocks: DataBlocks = "logicalBlocks",
        /// The memory of the block map cache in bytes.
        block_map_cache_size: u64 = "blockMapCacheSize",
        /// The size of a block in bytes.
        block_size: u64 = "blockSize",
        /// The number of recoveries from a crash.
        complete_recoveries: u64 = "completeRecoveries",
        /// The number of recoveries from read-only mode.
        read_only_recoveries: u64 = "readOnlyRecoveries",
        /// The operating mode, such as normal or read-only.
        mode: VdoMode = "mode",
        /// Whether the volume is recovering from a crash.
        in_recovery_mode: bool = "inRecoveryMode",
        /// The completed part of the recovery in percent.
        recovery_percentage: u8 = "recoveryPercentage",
        /// The packer of compressed blocks.
        packer: VdoPackerStats = "packer",
        /// The block allocator.
        allocator: VdoAllocatorStats = "allocator",
        /// The recovery journal.
        journal: VdoJournalStats = "journal",
        /// The slab journals.
        slab_journal: VdoSlabJournalStats = "slabJournal",
        /// The slab summary.
        slab_summary: VdoSlabSummaryStats = "slabSummary",
        /// The reference counts of blocks.
        ref_counts: VdoRefCountsStats = "refCounts",
        /// The block map cache.
        block_map: VdoBlockMapStats = "blockMap",
        /// Deduplication among the writes in progress.
        hash_lock: VdoHashLockStats = "hashLock",
        /// Failed operations.
        errors: VdoErrorStats = "errors",
        /// The number of the volume, assigned by the running kernel.
        instance: u32 = "instance",
        /// The number of vios, the internal requests of VDO, that are in progress for blocks of users.
        current_vios_in_progress: u32 = "currentVIOsInProgress",
        /// The largest number of these vios in progress so far.
        max_vios: u32 = "maxVIOs",
        /// The number of index queries that timed out, or were not made because of earlier timeouts.
        dedupe_advice_timeouts: u64 = "dedupeAdviceTimeouts",
        /// The number of flushes sent to the device for users of the volume or for a suspend.
        flush_out: u64 = "flushOut",
        /// The logical block size of the volume in bytes.
        logical_block_size: u64 = "logicalBlockSize",
        /// Requests to the volume.
        bios_in: VdoBioStats = "biosIn",
        /// Requests to the volume for less than a block.
        bios_in_partial: VdoBioStats = "biosInPartial",
        /// Data requests to the device.
        bios_out: VdoBioStats = "biosOut",
        /// Metadata requests to the device.
        bios_meta: VdoBioStats = "biosMeta",
        /// Recovery journal requests to the device.
        bios_journal: VdoBioStats = "biosJournal",
        /// Block map requests to the device.
        bios_page_cache: VdoBioStats = "biosPageCache",
        /// Completed data requests to the device.
        bios_out_completed: VdoBioStats = "biosOutCompleted",
        /// Completed metadata requests to the device.
        bios_meta_completed: VdoBioStats = "biosMetaCompleted",
        /// Completed recovery journal requests to the device.
        bios_journal_completed: VdoBioStats = "biosJournalCompleted",
        /// Completed block map requests to the device.
        bios_page_cache_completed: VdoBioStats = "biosPageCacheCompleted",
        /// Acknowledged requests to the volume.
        bios_acknowledged: VdoBioStats = "biosAcknowledged",
        /// Acknowledged requests for less than a block.
        bios_acknowledged_partial: VdoBioStats = "biosAcknowledgedPartial",
        /// Requests to the volume that are in progress.
        bios_in_progress: VdoBioStats = "biosInProgress",
        /// The memory that all volumes of the kernel use.
        memory_usage: VdoMemoryUsage = "memoryUsage",
        /// The deduplication index.
        index: VdoIndexStats = "index",
    }
}

reply!(VdoStats);

group! {
    "{";
    /// The counters of the packer, which puts several fragments into one block. A fragment is the compressed data of one
    /// block.
    pub struct VdoPackerStats {
        /// The number of fragments that were written.
        compressed_fragments_written: u64 = "compressedFragmentsWritten",
        /// The number of written blocks that hold fragments.
        compressed_blocks_written: u64 = "compressedBlocksWritten",
        /// The number of fragments that are waiting to be packed.
        compressed_fragments_in_packer: u64 = "compressedFragmentsInPacker",
    }
}

group! {
    "{";
    /// The counters of the block allocator, which takes blocks from slabs, the units of space management.
    pub struct VdoAllocatorStats {
        /// The number of slabs.
        slab_count: u64 = "slabCount",
        /// The number of slabs that have ever been used to allocate blocks.
        slabs_opened: u64 = "slabsOpened",
        /// The number of times that a used slab was opened again to allocate blocks, since the volume was loaded.
        slabs_reopened: u64 = "slabsReopened",
    }
}

group! {
    "{";
    /// Totals for the entries or for the blocks of the recovery journal: the field that holds this struct says which.
    pub struct VdoCommitStats {
        /// The number of entries or blocks that were begun.
        started: u64 = "started",
        /// The number of entries or blocks whose write was submitted.
        written: u64 = "written",
        /// The number of entries or blocks whose write has completed.
        committed: u64 = "committed",
    }
}

group! {
    "{";
    /// The counters of the recovery journal, which records changes of the block map and of reference counts until they
    /// are written.
    pub struct VdoJournalStats {
        /// The number of times that the journal was full.
        disk_full: u64 = "diskFull",
        /// The number of times that the recovery journal asked a [slab journal](VdoSlabJournalStats) to release space.
        slab_journal_commits_requested: u64 = "slabJournalCommitsRequested",
        /// The progress of the entries of the journal.
        entries: VdoCommitStats = "entries",
        /// The progress of the blocks of the journal.
        blocks: VdoCommitStats = "blocks",
    }
}

group! {
    "{";
    /// The counters of the slab journals. Each records changes of the reference counts of a slab, a unit of space
    /// management, until the counts are written.
    pub struct VdoSlabJournalStats {
        /// The number of times that a slab journal was full.
        disk_full_count: u64 = "diskFullCount",
        /// The number of times that reference counts were written because a slab journal was filling up.
        flush_count: u64 = "flushCount",
        /// The number of times that entries had to wait because a slab journal was almost full.
        blocked_count: u64 = "blockedCount",
        /// The number of blocks written.
        blocks_written: u64 = "blocksWritten",
        /// The number of times that entries had to wait because the write of the last journal block could not start.
        tail_busy_count: u64 = "tailBusyCount",
    }
}

group! {
    "{";
    /// The counters of the slab summary, which records how full each slab (unit of space management) is.
    pub struct VdoSlabSummaryStats {
        /// The number of blocks written.
        blocks_written: u64 = "blocksWritten",
    }
}

group! {
    "{";
    /// The counter of the reference counts, which record how many logical blocks use each physical block.
    pub struct VdoRefCountsStats {
        /// The number of blocks of reference counts written.
        blocks_written: u64 = "blocksWritten",
    }
}

group! {
    "{";
    /// The current contents and the counters of the cache of the block map, whose pages map logical to physical blocks.
    pub struct VdoBlockMapStats {
        /// The number of changed pages in the cache.
        dirty_pages: u32 = "dirtyPages",
        /// The number of unchanged pages in the cache.
        clean_pages: u32 = "cleanPages",
        /// The number of free pages in the cache.
        free_pages: u32 = "freePages",
        /// The number of pages whose read has failed and that are not free again yet.
        failed_pages: u32 = "failedPages",
        /// The number of pages that are being read.
        incoming_pages: u32 = "incomingPages",
        /// The number of pages that are being written.
        outgoing_pages: u32 = "outgoingPages",
        /// The number of times that no page could be dropped to make room; reset once no lookup waits for a free page.
        cache_pressure: u32 = "cachePressure",
        /// The number of lookups for reading.
        read_count: u64 = "readCount",
        /// The number of lookups for writing.
        write_count: u64 = "writeCount",
        /// The number of failed reads of a page.
        failed_reads: u64 = "failedReads",
        /// The number of failed writes of a page.
        failed_writes: u64 = "failedWrites",
        /// The number of lookups that waited for a write of their page, and then found the page in the cache.
        reclaimed: u64 = "reclaimed",
        /// The number of lookups for reading that found a page while it was being written.
        read_outgoing: u64 = "readOutgoing",
        /// The number of lookups that found their page ready in the cache.
        found_in_cache: u64 = "foundInCache",
        /// The number of lookups for which another page had to be dropped.
        discard_required: u64 = "discardRequired",
        /// The number of lookups that had to wait for their page.
        wait_for_page: u64 = "waitForPage",
        /// The number of lookups that read their page into a free page.
        fetch_required: u64 = "fetchRequired",
        /// The number of pages read.
        pages_loaded: u64 = "pagesLoaded",
        /// The number of pages written.
        pages_saved: u64 = "pagesSaved",
        /// The number of flushes sent.
        flush_count: u64 = "flushCount",
    }
}

group! {
    "{";
    /// The counters of the deduplication of writes: how often the index named a block with the same data.
    pub struct VdoHashLockStats {
        /// The number of index answers that named a block with the same data.
        dedupe_advice_valid: u64 = "dedupeAdviceValid",
        /// The number of index answers whose block could not be verified to have the same data.
        dedupe_advice_stale: u64 = "dedupeAdviceStale",
        /// The number of writes of the same data as another write in progress.
        concurrent_data_matches: u64 = "concurrentDataMatches",
        /// The number of writes whose data had the same hash as different data of another write in progress.
        concurrent_hash_collisions: u64 = "concurrentHashCollisions",
        /// The number of index queries in progress.
        curr_dedupe_queries: u32 = "currDedupeQueries",
    }
}

group! {
    "{";
    /// The numbers of failed operations.
    pub struct VdoErrorStats {
        /// The number of index entries that named an invalid block.
        invalid_advice_pbn_count: u64 = "invalidAdvicePBNCount",
        /// The number of requests that failed because there was no space.
        no_space_error_count: u64 = "noSpaceErrorCount",
        /// The number of I/Os that failed because the volume was read-only. Some of them may belong to writes that had
        /// already been acknowledged.
        read_only_error_count: u64 = "readOnlyErrorCount",
    }
}

group! {
    "{";
    /// The number of block-layer requests by type.
    pub struct VdoBioStats {
        /// Reads.
        read: u64 = "read",
        /// Writes with data.
        write: u64 = "write",
        /// Flushes without data.
        empty_flush: u64 = "emptyFlush",
        /// Discards.
        discard: u64 = "discard",
        /// Requests that flush the device's cache first.
        flush: u64 = "flush",
        /// Requests with forced unit access.
        fua: u64 = "fua",
    }
}

group! {
    "{";
    /// The memory that the `vdo` module has allocated for all volumes together.
    pub struct VdoMemoryUsage {
        /// The current number of bytes.
        bytes_used: u64 = "bytesUsed",
        /// The largest number of bytes so far.
        peak_bytes_used: u64 = "peakBytesUsed",
    }
}

group! {
    "{";
    /// The counters of the deduplication index, which finds blocks by the hash of their data.
    pub struct VdoIndexStats {
        /// The number of blocks in the index.
        entries_indexed: u64 = "entriesIndexed",
        /// The number of posts (queries that add the block) for blocks in the index.
        posts_found: u64 = "postsFound",
        /// The number of posts for blocks that were not in the index.
        posts_not_found: u64 = "postsNotFound",
        /// The number of queries for blocks in the index.
        queries_found: u64 = "queriesFound",
        /// The number of queries for blocks that were not in the index.
        queries_not_found: u64 = "queriesNotFound",
        /// The number of updates of blocks in the index.
        updates_found: u64 = "updatesFound",
        /// The number of updates of blocks that were not in the index.
        updates_not_found: u64 = "updatesNotFound",
        /// The number of blocks that were dropped from the index.
        entries_discarded: u64 = "entriesDiscarded",
    }
}
