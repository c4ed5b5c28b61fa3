//! Answers as texts.

use dm_core::{DeviceInfo, TableStatus};

/// A refusal: its errno, and whether the kernel has logged a reason.
pub(crate) fn refusal(error: &dm_core::Error) -> String {
    let has_reason = error.refusal().is_some_and(|refusal| !refusal.kernel_log().is_empty());
    format!("refused: {:?}, reason {has_reason}", error.errno())
}

pub(crate) fn shown(info: DeviceInfo) -> String {
    let flags = [
        (info.has_active_table(), "active"),
        (info.has_inactive_table(), "inactive"),
        (info.is_suspended(), "suspended"),
        (info.is_internally_suspended(), "internally suspended"),
        (info.is_read_only(), "read-only"),
        (info.is_deferred_remove(), "to be removed"),
        (info.uevent_generated(), "uevent"),
    ];
    let flags: Vec<_> = flags.iter().filter_map(|(is_set, text)| is_set.then_some(*text)).collect();
    let (open, event, targets) = (info.open_count(), info.event_nr(), info.target_count());
    format!(
        "{:?} {:?} {} open {open} event {event} targets {targets} {flags:?}",
        info.name(),
        info.uuid(),
        info.number()
    )
}

pub(crate) fn shown_status(status: &TableStatus) -> String {
    let lines: Vec<_> = status.iter().map(|line| shown_line(&line.unwrap().to_string())).collect();
    format!("{lines:?} {}", shown(status.info().clone()))
}

/// The status of a pool without the numbers that are estimated in memory: the metadata blocks in use, and the root of
/// the metadata snapshot.
fn shown_line(line: &str) -> String {
    let mut words: Vec<_> = line.split(' ').collect();
    let is_status = words.get(2) == Some(&"thin-pool") && words.get(4).is_some_and(|used| used.contains('/'));
    if is_status {
        words[4] = words[4].trim_start_matches(|digit: char| digit.is_ascii_digit());
        if words[6] != "-" {
            words[6] = "held";
        }
    }
    words.join(" ")
}

/// One character for each sector.
pub(crate) fn shown_data(data: &[u8]) -> String {
    let sectors = data.chunks(512).map(|sector| match sector {
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => first.to_string(),
        _ => "mixed".to_owned(),
    });
    sectors.collect::<Vec<_>>().join(",")
}
