//! Detection of the dmsetup command that printed a text.

use dm_targets::{
    DmsetupLine, Measured, ParseError, StatusLine, TableError, TableErrorKind, Target, TargetVisitor, TextKind,
    dmsetup_concise, dmsetup_cookies, dmsetup_deps, dmsetup_info, dmsetup_info_long, dmsetup_ls, dmsetup_measure,
    dmsetup_status, dmsetup_table, dmsetup_targets, dmsetup_tree, visit_targets,
};

/// The dmsetup command that printed a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Tables,
    Statuses,
    Concise,
    List,
    Tree,
    InfoColumns,
    Info,
    Deps,
    Targets,
    Cookies,
    Measurements,
}

/// Decides for the whole output, so that a single ambiguous or wrong line is not taken for another kind.
pub(crate) fn kind_of(text: &str) -> Output {
    if let Some(output) = kind_of_heading(text) {
        return output;
    }
    if dmsetup_measure(text).flatten().any(|item| is_measured(&item)) {
        return Output::Measurements;
    }
    if text.trim().lines().count() == 1 && is_concise(text.trim_start()) {
        return Output::Concise;
    }
    // If two kinds match the same number of lines, the first wins: a line of dependencies also looks like a line of a tree.
    let lists = [
        (Output::Deps, taken(dmsetup_deps(text))),
        (Output::Tree, taken(dmsetup_tree(text))),
        (Output::InfoColumns, taken(dmsetup_info(text))),
        (Output::Info, taken(dmsetup_info_long(text))),
        (Output::List, taken(dmsetup_ls(text))),
        (Output::Targets, taken(dmsetup_targets(text))),
        (Output::Cookies, taken(dmsetup_cookies(text))),
    ];
    let lines = taken(dmsetup_table(text)).max(taken(dmsetup_status(text)));
    let most = lists.iter().rev().max_by_key(|(_, taken)| *taken);
    match most {
        Some((output, taken)) if *taken > 0 && *taken >= lines => *output,
        _ => tables_or_statuses(text),
    }
}

fn taken<T>(items: impl Iterator<Item = Result<T, TableError>>) -> usize {
    items.flatten().count()
}

/// The command whose output starts with this heading, or with a first line that no other command prints.
fn kind_of_heading(text: &str) -> Option<Output> {
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim_start();
    let mut words = line.split_ascii_whitespace();
    match [words.next()?, words.next()?] {
        ["Cookie", "Semid"] => Some(Output::Cookies),
        ["Name", "Maj"] => Some(Output::InfoColumns),
        _ => line.starts_with("Name:  ").then_some(Output::Info),
    }
}

fn is_measured(item: &DmsetupLine<'_, Measured<'_>>) -> bool {
    let mut names = item.line.iter().flat_map(|line| &line.attributes);
    names.any(|(name, _)| *name == "target_name")
}

/// Whether a name, a uuid, a minor number and flags precede the first line, whatever is wrong with it.
fn is_concise(text: &str) -> bool {
    let flags = text.split(',').nth(3).and_then(|flags| flags.split([';', '\n']).next());
    matches!(flags, Some("rw" | "ro")) || dmsetup_concise(text).is_ok_and(|devices| !devices.is_empty())
}

fn tables_or_statuses(text: &str) -> Output {
    let lines: Vec<&str> = text.lines().collect();
    // The number of lines that can only be a status, less those that can only be a table.
    let mut balance = 0_i64;
    let mut status_of_words = false;
    for (table, status) in dmsetup_table(text).zip(dmsetup_status(text)) {
        let line = status.as_ref().ok().and_then(|item| item.line.as_ref());
        let is_status = match (&table, &status) {
            (Err(table), Err(status)) => is_bad_status(&lines, table, status),
            (Ok(_), Err(_)) => Some(false),
            // A target without a status has words: this is a table, perhaps a wrong one.
            _ if line.is_some_and(|line| has_words(line) && is_silent(line.target_type())) => Some(false),
            (Err(_), Ok(_)) => Some(true),
            (Ok(_), Ok(_)) => {
                status_of_words |= line.is_some_and(has_words);
                None
            }
        };
        let vote = is_status.map_or(0, |is_status| if is_status { 1 } else { -1 });
        balance = balance.saturating_add(vote);
    }
    // A line that can be either is a status if it has words, such as `Fail` of a thin device.
    if balance > 0 || balance == 0 && status_of_words { Output::Statuses } else { Output::Tables }
}

fn has_words(line: &StatusLine) -> bool {
    !line.status.to_string().trim().is_empty()
}

/// Whether a line that is neither was meant as a status; `None` if it does not even start like a line.
fn is_bad_status(lines: &[&str], table: &TableError, status: &TableError) -> Option<bool> {
    let (table, status) = (in_target(table)?, in_target(status)?);
    let line = lines.get(status.line.saturating_sub(1))?;
    if is_silent(status.cause.target()) {
        return Some(false);
    }
    // Nearly all tables name a device, few statuses do. If both are possible, the parser that read more words is right.
    let names_device = line.split_ascii_whitespace().any(is_device);
    Some(!names_device || status.cause.span().start > table.cause.span().start)
}

/// The error in the words of a target.
struct InTarget {
    line: usize,
    cause: ParseError,
}

fn in_target(error: &TableError) -> Option<InTarget> {
    match error.kind() {
        TableErrorKind::Parse(cause) if cause.text_kind() != TextKind::Line => {
            Some(InTarget { line: error.line(), cause })
        }
        _ => None,
    }
}

fn is_device(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    word.starts_with('/') || word.split_once(':').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

/// Whether the status of a target is always empty.
fn is_silent(target_type: &str) -> bool {
    struct Silent<'a>(&'a str, bool);

    impl TargetVisitor for Silent<'_> {
        fn visit<T: Target>(&mut self) {
            // The status of raid is only empty if something is wrong.
            if T::TYPE == self.0 && T::TYPE != "raid" {
                self.1 = T::parse_status("").is_ok();
            }
        }
    }

    let mut silent = Silent(target_type, false);
    visit_targets(&mut silent);
    silent.1
}
