//! Targets with metadata on a disk.

use dm_targets::AnyTable;
use dm_targets::snapshot::SnapshotTable;
use dm_units::Sectors;

use super::{Line, Subject};
use crate::draw::Draw;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("thin-pool", thin_pool).disks(&["Error creating metadata object (-EPERM)"]).reads_disks(),
    Subject::new("thin", thin).disks(&["Couldn't open thin internal device"]),
    Subject::new("cache", cache).reads_disks(),
    Subject::new("clone", clone).reads_disks(),
    Subject::new("era", era).reads_disks(),
    Subject::new("writecache", writecache)
        // A block must not be larger than a page.
        .depends(|table| matches!(table, AnyTable::Writecache(table) if table.block_size > 4096))
        .reasons(&["Cache device is not a DAX device", "Invalid magic in the superblock"])
        .reads_disks(),
    Subject::new("snapshot", |draw| snapshot(draw, "P|PO|N"))
        .changes(|table| matches!(table, AnyTable::Snapshot(table) if changes(table)))
        .reads_disks(),
    Subject::new("snapshot-merge", |draw| snapshot(draw, "P|PO"))
        .changes(|table| matches!(table, AnyTable::SnapshotMerge(table) if changes(&table.0)))
        .reads_disks(),
    // Its cache must be mappable memory, which no disk here has; both options are always printed.
    Subject::new("pcache", pcache).changes(|_| true).depends(|_| true),
];

/// The kernel prints the chunk size in use, and its name for the store.
fn changes(table: &SnapshotTable) -> bool {
    table.chunk_size == Sectors(0) || !["P", "PO", "N"].contains(&table.store.as_str())
}

fn thin_pool(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(128), draw.devices(2));
    line.words.extend(draw.words("<128..2097152*128> <0..18446744073709551615>"));
    let features = draw.options(&[
        "skip_block_zeroing",
        "ignore_discard",
        "no_discard_passdown",
        "read_only",
        "error_if_no_space",
    ]);
    line.words.extend(draw.counted_if_any(features));
    line
}

fn thin(draw: &mut Draw<'_>) -> Line {
    // Most other devices do not exist.
    let id = if draw.one_in(8) { "<0..16777215>" } else { "<0..2>" };
    let words = format!("POOL {id} {}", draw.pick(&["", "@"]));
    super::plain::simple(draw, &words)
}

fn cache(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(64), draw.devices(3));
    line.words.extend(draw.words("<64..65536*64>"));
    let features = draw.options(&["writeback|writethrough|passthrough", "metadata2", "no_discard_passdown"]);
    line.words.extend(draw.counted(features));
    line.words.extend(draw.words("smq|mq|cleaner|default"));
    let settings = draw.options(&[
        "migration_threshold <0..1000000>",
        "random_threshold|sequential_threshold|discard_promote_adjustment <0..4294967295>",
        "read_promote_adjustment|write_promote_adjustment <0..4294967295>",
    ]);
    line.words.extend(draw.counted(settings));
    line
}

fn clone(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(8), draw.devices(3));
    line.words.extend(draw.words("<8..2097152^>"));
    let features = draw.options(&["no_hydration", "no_discard_passdown"]);
    line.words.extend(draw.counted_if_any(features));
    if line.words.len() > 4 {
        let core = draw.options(&["hydration_threshold <0..4294967295>", "hydration_batch_size <0..4294967295>"]);
        line.words.extend(draw.counted_if_any(core));
    }
    line
}

fn era(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(8), draw.devices(2));
    line.words.extend(draw.words("<8..4294967288*8>"));
    line
}

fn writecache(draw: &mut Draw<'_>) -> Line {
    let kind = draw.pick(&["s", "s", "s", "s|p"]);
    let mut line = Line::new(draw.length(8), draw.words(kind));
    line.words.extend(draw.devices(2));
    line.words.extend(draw.words("<512..4096^>"));
    let options = draw.options(&[
        // Other values depend on the size of the disk, which the kernel refuses with the reason for an invalid option.
        "start_sector 0|8|64",
        "high_watermark <50..100>",
        "low_watermark <0..50>",
        "high_watermark <0..100>",
        "low_watermark <0..100>",
        "writeback_jobs <0..4294967295>",
        "autocommit_blocks <0..4294967295>",
        "autocommit_time <0..3600000>",
        "max_age <0..86400000>",
        "cleaner",
        "fua|nofua",
        "metadata_only",
        "pause_writeback <0..60000>",
    ]);
    line.words.extend(draw.counted(options));
    line
}

fn snapshot(draw: &mut Draw<'_>, stores: &str) -> Line {
    let mut line = Line::new(draw.length(8), draw.devices(2));
    let store = if draw.one_in(8) { "p|Post|none|persistent|o|n|po" } else { stores };
    line.words.extend(draw.words(store));
    let chunk = if draw.one_in(8) { "<0..4194304>" } else { "<1..128^>" };
    line.words.extend(draw.words(chunk));
    let features = draw.options(&["discard_zeroes_cow", "discard_passdown_origin"]);
    line.words.extend(draw.counted_if_any(features));
    line
}

fn pcache(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(8), draw.devices(2));
    let options = draw.options(&["cache_mode writeback", "data_crc true|false"]);
    line.words.extend(draw.counted_if_any(options));
    line
}
