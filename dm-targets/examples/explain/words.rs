//! Descriptions of values.

use std::fmt::Debug;

use dm_units::{Bytes, Sectors};

/// The fields of a value, from its `Debug` output, one per line, with units and without missing values.
pub(crate) fn fields(value: &impl Debug) -> Vec<String> {
    let debug = with_units(&format!("{value:#?}"));
    let mut fields: Vec<String> = Vec::new();
    let level = debug.lines().filter(|line| line.contains(": ")).map(indent_of).min().unwrap_or_default();
    for line in debug.lines() {
        let text = without_brackets(line);
        match fields.last_mut() {
            _ if text.is_empty() || indent_of(line) < level || is_absent(text) => {}
            Some(field) if indent_of(line) > level => *field = format!("{field} {text}"),
            _ => fields.push(text.to_owned()),
        }
    }
    let mut fields: Vec<_> = fields.iter().map(|field| with_named_units(field)).collect();
    // A value with only such fields is empty now, and a state without figures is shown by its health.
    fields.retain(|field| field.contains(": ") && !field.starts_with("spelling: "));
    fields
}

fn is_absent(field: &str) -> bool {
    matches!(field.split_once(": "), Some((_, "None" | "[]" | "{}" | "false")))
}

fn indent_of(line: &str) -> usize {
    line.len().saturating_sub(line.trim_start().len())
}

/// The endings of structure names that only repeat the field; names of variants show a path selector or a policy.
const DULL: [&str; 12] =
    ["Cipher", "Features", "Hex", "Leg", "Number", "Options", "Path", "Setting", "Some", "Status", "Stripe", "Usage"];

/// A line of a value's `Debug` output: a name, a name and a value, or a value.
fn without_brackets(line: &str) -> &str {
    let text = line.trim().trim_end_matches(',');
    if matches!(text, "}" | ")" | "]" | "Some(" | "{" | "(" | "[") {
        return "";
    }
    let opened = text.trim_end_matches(['{', '(', '[']).trim_end();
    let is_dull = |name: &str| opened != text && DULL.iter().any(|end| name.ends_with(end));
    match opened.split_once(": ") {
        Some((_, value)) if is_dull(value) => opened.trim_end_matches(value).trim_end(),
        None if is_dull(opened) => "",
        _ => opened,
    }
}

/// Replaces the types of numbers by units, such as `512 KiB` for `Sectors(1024)`.
fn with_units(debug: &str) -> String {
    let joined = join_numbers(debug);
    let joined = replace(&joined, "Some(", |number| number.to_string());
    let sectors = replace(&joined, "Sectors(", |number| format!("{:#}", Sectors(number)));
    let blocks = replace(&sectors, "DataBlocks(", |number| format!("{number} blocks"));
    // Metadata blocks are 4 KiB for all targets except vdo, which has none.
    replace(&blocks, "MetaBlocks(", |number| format!("{:#}", Sectors(number.saturating_mul(8))))
}

/// The units of numbers without a unit type, by the names of their fields.
const UNITS: [(&str, &[&str]); 6] = [
    ("ms", &["delay", "commit_time", "autocommit_time", "max_age", "pause_writeback", "bitmap_flush_interval"]),
    ("s", &["up", "down"]),
    ("%", &["journal_watermark", "high_watermark", "low_watermark", "gc_percent"]),
    ("KiB/s", &["min_recovery_rate", "max_recovery_rate"]),
    ("B", &["block_size", "sector_size", "tag_size"]),
    ("sectors", &["emulated", "underlying", "region_size", "chunk_size", "buffer_sectors", "journal_sectors"]),
];

/// Adds units to the numbers of a field, such as `commit_time: 10000 ms`.
fn with_named_units(field: &str) -> String {
    let words: Vec<&str> = field.split(' ').collect();
    let name = |at: usize| at.checked_sub(1).and_then(|at| words.get(at)?.strip_suffix(':'));
    let shown = words.iter().enumerate().map(|(at, word)| {
        // The value already has a unit.
        let is_bare = words.get(at.saturating_add(1)).is_none_or(|next| next.ends_with(':'));
        let unit = name(at).filter(|_| is_bare).and_then(unit_of);
        unit.zip(word.parse().ok()).map_or((*word).to_owned(), |(unit, number)| in_unit(number, unit))
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn unit_of(name: &str) -> Option<&'static str> {
    UNITS.iter().find(|(_, names)| names.contains(&name)).map(|(unit, _)| *unit)
}

fn in_unit(number: u64, unit: &str) -> String {
    match unit {
        "sectors" => format!("{:#}", Sectors(number)),
        "B" => format!("{:#}", Bytes(number.into())),
        unit => format!("{number} {unit}"),
    }
}

/// Joins the lines of a number type such as `Sectors(
/// 8,
/// )`.
fn join_numbers(debug: &str) -> String {
    let mut joined = String::new();
    let mut rest = debug;
    while let Some((before, inside)) = rest.split_once("(\n") {
        joined += before;
        let number = inside.split_once(",\n").map(|(number, after)| (number.trim(), after.trim_start()));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match number.and_then(|(number, after)| Some((number, after.strip_prefix(')')?))) {
            Some((number, after)) if is_number(number) => {
                joined += &format!("({number})");
                rest = after;
            }
            _ => {
                joined += "(\n";
                rest = inside;
            }
        }
    }
    joined + rest
}

fn replace(text: &str, before: &str, shown: impl Fn(u64) -> String) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((start, inside)) = rest.split_once(before) {
        replaced += start;
        match inside.split_once(')').and_then(|(number, after)| Some((number.parse().ok()?, after))) {
            Some((number, after)) => {
                replaced += &shown(number);
                rest = after;
            }
            None => {
                replaced += before;
                rest = inside;
            }
        }
    }
    replaced + rest
}
