//! The answer to the message `stats`: counts of data blocks, and zeros for everything that is not simulated.

use std::fmt::Write as _;

/// The kinds of bios that are counted.
const BIOS: &[&str] = &["read", "write", "emptyFlush", "discard", "flush", "fua"];

/// The groups of figures, in the kernel's order. Some figures, such as `instance`, are in no group.
const FIRST: &[(&str, &[&str])] = &[
    ("packer", &["compressedFragmentsWritten", "compressedBlocksWritten", "compressedFragmentsInPacker"]),
    ("allocator", &["slabCount", "slabsOpened", "slabsReopened"]),
];

const SECOND: &[(&str, &[&str])] = &[
    ("slabJournal", &["diskFullCount", "flushCount", "blockedCount", "blocksWritten", "tailBusyCount"]),
    ("slabSummary", &["blocksWritten"]),
    ("refCounts", &["blocksWritten"]),
    (
        "blockMap",
        &[
            "dirtyPages",
            "cleanPages",
            "freePages",
            "failedPages",
            "incomingPages",
            "outgoingPages",
            "cachePressure",
            "readCount",
            "writeCount",
            "failedReads",
            "failedWrites",
            "reclaimed",
            "readOutgoing",
            "foundInCache",
            "discardRequired",
            "waitForPage",
            "fetchRequired",
            "pagesLoaded",
            "pagesSaved",
            "flushCount",
        ],
    ),
    (
        "hashLock",
        &[
            "dedupeAdviceValid",
            "dedupeAdviceStale",
            "concurrentDataMatches",
            "concurrentHashCollisions",
            "currDedupeQueries",
        ],
    ),
    ("errors", &["invalidAdvicePBNCount", "noSpaceErrorCount", "readOnlyErrorCount"]),
];

const THIRD: &[(&str, &[&str])] = &[
    ("biosIn", BIOS),
    ("biosInPartial", BIOS),
    ("biosOut", BIOS),
    ("biosMeta", BIOS),
    ("biosJournal", BIOS),
    ("biosPageCache", BIOS),
    ("biosOutCompleted", BIOS),
    ("biosMetaCompleted", BIOS),
    ("biosJournalCompleted", BIOS),
    ("biosPageCacheCompleted", BIOS),
    ("biosAcknowledged", BIOS),
    ("biosAcknowledgedPartial", BIOS),
    ("biosInProgress", BIOS),
    ("memoryUsage", &["bytesUsed", "peakBytesUsed"]),
    (
        "index",
        &[
            "entriesIndexed",
            "postsFound",
            "postsNotFound",
            "queriesFound",
            "queriesNotFound",
            "updatesFound",
            "updatesNotFound",
            "entriesDiscarded",
        ],
    ),
];

const JOURNAL: &str = "journal : { diskFull : 0, slabJournalCommitsRequested : 0, \
    entries : { started : 0, written : 0, committed : 0, }, blocks : { started : 0, written : 0, committed : 0, }, }, ";

/// Prints the complete answer.
pub(super) fn text(used: u64, physical: u64, logical: u64) -> String {
    let mut text = format!(
        "{{ version : 36, dataBlocksUsed : {used}, overheadBlocksUsed : {}, logicalBlocksUsed : {used}, \
         physicalBlocks : {physical}, logicalBlocks : {logical}, blockMapCacheSize : 134217728, blockSize : 4096, \
         completeRecoveries : 0, readOnlyRecoveries : 0, mode : normal, inRecoveryMode : 0, recoveryPercentage : 0, ",
        super::overhead(physical)
    );
    groups(&mut text, FIRST);
    text.push_str(JOURNAL);
    groups(&mut text, SECOND);
    text.push_str("instance : 0, currentVIOsInProgress : 0, maxVIOs : 0, dedupeAdviceTimeouts : 0, flushOut : 0, ");
    text.push_str("logicalBlockSize : 4096, ");
    groups(&mut text, THIRD);
    text.push('}');
    text
}

fn groups(text: &mut String, groups: &[(&str, &[&str])]) {
    for (group, names) in groups {
        let _ = write!(text, "{group} : {{ ");
        for name in *names {
            let _ = write!(text, "{name} : 0, ");
        }
        text.push_str("}, ");
    }
}
