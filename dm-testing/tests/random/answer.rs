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
    let lines: Vec<_> = status
        .iter()
        .map(Result::unwrap)
        .map(|line| {
            // Keys are compared as well.
            let params = line.params.to_str().unwrap();
            shown_line(&format!("{} {} {} {params}", line.start, line.length, line.target_type))
        })
        .collect();
    format!("{lines:?} {}", shown(status.info().clone()))
}

/// A status without the numbers that are estimated or differ in memory: of a pool, the metadata blocks in use and the root of
/// the metadata snapshot; of a cache, the counts of blocks and I/O.
fn shown_line(line: &str) -> String {
    let mut words: Vec<_> = line.split(' ').collect();
    let is_status = |at: usize| words.get(at).is_some_and(|word| word.contains('/'));
    match words.get(2).copied() {
        Some("thin-pool") if is_status(4) => {
            words[4] = without_first(words[4]);
            if words[6] != "-" {
                words[6] = "held";
            }
        }
        Some("cache") if is_status(4) => {
            (words[4], words[6]) = (without_first(words[4]), without_first(words[6]));
            words[7..14].fill("-");
        }
        _ => {}
    }
    words.join(" ")
}

/// A ratio without its first number.
fn without_first(ratio: &str) -> &str {
    ratio.trim_start_matches(|digit: char| digit.is_ascii_digit())
}

/// One character for each sector.
pub(crate) fn shown_data(data: &[u8]) -> String {
    let sectors = data.chunks(512).map(|sector| match sector {
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => first.to_string(),
        _ => "mixed".to_owned(),
    });
    sectors.collect::<Vec<_>>().join(",")
}

/// A text without event numbers: those in an answer depend on how far the background work is.
pub(crate) fn without_events(text: &str) -> String {
    let mut parts = text.split(" event ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text} event{}", part.trim_start_matches(|c: char| c.is_ascii_digit())))
}
