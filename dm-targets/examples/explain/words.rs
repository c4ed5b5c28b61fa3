//! Values in words.

use std::fmt::Debug;

use dm_units::Sectors;

/// The fields of a value as its `Debug` names them, a line each, with units and without what is not there.
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
    // What had nothing but such fields is empty now.
    fields.retain(|field| !field.ends_with(':') && !field.starts_with("spelling: "));
    fields
}

fn is_absent(field: &str) -> bool {
    matches!(field.split_once(": "), Some((_, "None" | "[]" | "{}" | "false")))
}

fn indent_of(line: &str) -> usize {
    line.len().saturating_sub(line.trim_start().len())
}

/// How the names of structures end, which only repeat the field; those of variants tell a path selector or a policy.
const DULL: [&str; 12] =
    ["Cipher", "Features", "Hex", "Leg", "Number", "Options", "Path", "Setting", "Some", "Status", "Stripe", "Usage"];

/// What a line of a value's `Debug` says: a name, a name and a value, or a value.
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

/// Puts units in place of the types of numbers, such as `512 KiB` for `Sectors(1024)`.
fn with_units(debug: &str) -> String {
    let joined = join_numbers(debug);
    let joined = replace(&joined, "Some(", |number| number.to_string());
    let sectors = replace(&joined, "Sectors(", |number| format!("{:#}", Sectors(number)));
    let blocks = replace(&sectors, "DataBlocks(", |number| format!("{number} blocks"));
    // Those of all targets but vdo, which has none, have 4 KiB.
    replace(&blocks, "MetaBlocks(", |number| format!("{:#}", Sectors(number.saturating_mul(8))))
}

/// Puts the number of a type such as `Sectors(\n    8,\n)` in the same line.
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
