//! Targets with several devices that hold the same data.

use dm_targets::AnyTable;
use dm_targets::multipath::{MultipathTable, PathGroup};
use dm_targets::raid::RaidTable;

use super::{Line, Subject};
use crate::draw::Draw;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("mirror", mirror).reasons(&["Userspace log server not found"]).reads_disks(),
    Subject::new("raid", raid)
        .changes(|_| true)
        .reasons(&[
            "Unable to assemble array",
            "Insufficient redundancy",
            "Component device(s) too small",
            "(-EPERM)",
            "Failed to run raid array (-EIO)",
        ])
        // RAID 1 has no chunks, and the kernel ignores the given size.
        .stricter(&["chunk_size, must be a decimal number"])
        // The superblocks of an array's existing devices determine its former layout when it grows.
        .depends(|table| matches!(table, AnyTable::Raid(table) if grows_incomplete(table)))
        .reads_disks(),
    Subject::new("multipath", multipath)
        .changes(|table| matches!(table, AnyTable::Multipath(table) if changes(table)))
        .reasons(&["unknown path selector type"]),
];

/// Whether devices are added to an array while some are missing. The disks in these tests are new.
fn grows_incomplete(table: &RaidTable) -> bool {
    table.params.delta_disks.is_some() && table.devices.iter().any(|device| device.data.is_none())
}

/// The kernel prints neither the arguments of a handler nor queue modes that it treats as the default, nor, from version
/// 1.15 on, `retain_attached_hw_handler`, and prints more with `bio`. It uses fixed repeat counts, and treats a first group
/// that does not exist as the first one.
fn changes(table: &MultipathTable) -> bool {
    table.handler.is_some()
        || table.features.queue_mode.is_some()
        || table.features.retain_attached_hw_handler
        || usize::try_from(table.first_group).is_ok_and(|first| first > table.groups.len())
        || table.groups.iter().any(|group| match group {
            PathGroup::RoundRobin { paths } | PathGroup::QueueLength { paths } => {
                paths.iter().any(|path| path.repeat_count > 1)
            }
            PathGroup::ServiceTime { paths } => paths.iter().any(|path| path.repeat_count > 1),
            _ => true,
        })
}

fn mirror(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(8), Vec::new());
    let log = if draw.one_in(12) { "userspace" } else { draw.pick(&["core", "disk"]) };
    let args = match log {
        "core" => "<2..8^>",
        "disk" => "@ <2..8^>",
        _ => "an-id clustered-core|clustered-disk|integrated_flush 1024",
    };
    let mut args = draw.words(args);
    if draw.one_in(2) {
        args.extend(draw.words("sync|nosync"));
    }
    line.words.extend(draw.words(log));
    line.words.extend(draw.counted(args));
    let mirrors = draw.number(2, 9).min(10);
    line.words.push(mirrors.to_string());
    for _ in 0..mirrors {
        line.words.extend(draw.words("@ <0..64>"));
    }
    let features = draw.options(&["handle_errors", "keep_log"]);
    line.words.extend(draw.counted_if_any(features));
    line
}

/// The types of a level, the number of devices it needs, the number of those without data, and its parameters.
type Level = (&'static str, u64, u64, &'static [&'static str]);

const LEVELS: &[Level] = &[
    ("raid0", 1, 0, &["data_offset <32..64*8>"]),
    ("raid1", 2, 0, &["write_mostly <0..1>", "max_write_behind <0..32767>", "sync|nosync"]),
    (
        "raid4|raid5_n|raid5_ls|raid5_rs|raid5_la|raid5_ra",
        2,
        1,
        &["stripe_cache <0..512>", "journal_dev @ journal_mode writethrough|writeback", "journal_dev @", "nosync"],
    ),
    (
        "raid6_zr|raid6_nr|raid6_nc|raid6_n_6|raid6_ls_6|raid6_rs_6|raid6_la_6|raid6_ra_6",
        4,
        2,
        &["stripe_cache <0..512>", "sync"],
    ),
    (
        "raid10|raid10_near|raid10_far|raid10_offset",
        2,
        0,
        &["raid10_copies <2..3>", "raid10_format near|far|offset", "raid10_use_near_sets raid10_format far", "nosync"],
    ),
];

/// Parameters of all levels but the first.
const COMMON: &[&str] = &[
    "sync",
    "rebuild <0..3>",
    "daemon_sleep <0..2147483647>",
    "min_recovery_rate <0..1000>",
    "max_recovery_rate <0..2147483647>",
    "region_size <64..8192^>",
    "delta_disks <1..3>",
    "data_offset <32..64*8>",
];

/// Parameters of only some levels.
const RARE: &[&str] = &[
    "nosync",
    "write_mostly <0..3>",
    "max_write_behind <0..32768>",
    "stripe_cache <0..1024>",
    "raid10_copies <1..4>",
    "raid10_format near|far|offset",
    "raid10_use_near_sets",
    "journal_dev @",
    "journal_mode writethrough|writeback",
];

fn raid(draw: &mut Draw<'_>) -> Line {
    let (types, min, parity, own) = draw.pick(LEVELS);
    let metadata = draw.one_in(2);
    let devices = draw.number(min, if metadata { 3.max(min) } else { 6 }).min(7);
    let chunk = if types == "raid1" { draw.pick(&[0, 0, 8, 64]) } else { draw.power(8, 128) };
    let parts = devices.saturating_sub(parity).max(1);
    let length = draw.length((chunk.clamp(64, 256) * parts * 4).min(1 << 15));
    let mut line = Line::new(length, draw.words(types));
    let mut params = vec![chunk.to_string()];
    params.extend(draw.options(own));
    if types != "raid0" && draw.one_in(2) {
        params.extend(draw.options(COMMON));
    }
    if draw.is_wrong() {
        params.extend(draw.options(RARE));
    }
    line.words.extend(draw.counted(params));
    line.words.push(devices.to_string());
    let devices = usize::try_from(devices).unwrap_or_default();
    let disks = draw.devices(2 * devices.max(1));
    for pair in disks.chunks(2).take(devices) {
        line.words.extend(match pair {
            _ if draw.one_in(24) => ["-", "-"].map(str::to_owned),
            [first, second] if metadata => [first.clone(), second.clone()],
            pair => ["-".to_owned(), pair[0].clone()],
        });
    }
    line
}

fn multipath(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(8), Vec::new());
    let features = draw.options(&[
        "queue_if_no_path",
        "retain_attached_hw_handler",
        "pg_init_retries <1..50>",
        "pg_init_delay_msecs <0..60000>",
        "queue_mode bio|rq|mq",
    ]);
    line.words.extend(draw.counted(features));
    let handler = if draw.one_in(8) { draw.words("alua|emc 1") } else { Vec::new() };
    line.words.extend(draw.counted(handler));
    let groups = draw.number(0, 3).min(4);
    line.words.push(groups.to_string());
    line.words.push(draw.number(groups.min(1), groups).to_string());
    for _ in 0..groups {
        path_group(draw, &mut line.words);
    }
    line
}

fn path_group(draw: &mut Draw<'_>, words: &mut Vec<String>) {
    let selector = match draw.one_in(12) {
        // Many kernels lack these, and searching for them takes long.
        true => draw.pick(&["historical-service-time", "io-affinity"]),
        false => draw.pick(&["round-robin", "queue-length", "service-time"]),
    };
    let args: &[&str] = match selector {
        "historical-service-time" => &["", "<0..1023>", "<0..1023> <0..4294967295>"],
        _ => &[""],
    };
    let path_args: &[&str] = match selector {
        "service-time" => &["", "<0..4294967295>", "<0..1> <0..100>"],
        "io-affinity" => &["<0..3>"],
        _ => &["", "<0..4294967295>"],
    };
    words.extend(draw.words(selector));
    let args = draw.pick(args);
    let args = draw.words(args);
    words.extend(draw.counted(args));
    let paths = draw.number(1, 3).min(4);
    let path_args = draw.pick(path_args);
    let count = path_args.split_whitespace().count();
    words.extend([paths.to_string(), count.to_string()]);
    for _ in 0..paths {
        words.extend(draw.words("@"));
        words.extend(draw.words(path_args));
    }
}
