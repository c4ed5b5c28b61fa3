//! Which output of dmsetup it is, and the outputs that are lists.

use dm_targets::{
    HealthState, Target, TargetVisitor, dmsetup_concise, dmsetup_info, dmsetup_ls, dmsetup_measure, dmsetup_status,
    dmsetup_table, dmsetup_targets, visit_targets,
};

use crate::report::Report;

/// An output of dmsetup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Tables,
    Statuses,
    Concise,
    List,
    Info,
    Targets,
    Measurements,
}

/// Decides for the whole output, so that one line that can be read in two ways is not taken for another kind.
pub(crate) fn kind_of(text: &str) -> Output {
    // Not those of nothing, which is any kind.
    if is_all(dmsetup_info(text)) {
        return Output::Info;
    }
    if is_all(dmsetup_ls(text)) {
        return Output::List;
    }
    if is_all(dmsetup_targets(text)) {
        return Output::Targets;
    }
    if text.contains("target_name=") && is_all(dmsetup_measure(text)) {
        return Output::Measurements;
    }
    if text.trim_end().lines().count() == 1 && is_concise(text) {
        return Output::Concise;
    }
    tables_or_statuses(text)
}

fn is_all<T, E>(mut items: impl Iterator<Item = Result<T, E>>) -> bool {
    items.next().is_some_and(|first| first.is_ok()) && items.all(|item| item.is_ok())
}

/// Whether there is a name, a uuid, a minor number and a flag before the first line, whatever is wrong with it.
fn is_concise(text: &str) -> bool {
    let flags = |text: &str| {
        text.split(',').nth(3).map(|flags| flags.split([';', '\n']).next() == Some("rw") || flags.starts_with("ro"))
    };
    dmsetup_concise(text).is_ok_and(|devices| !devices.is_empty()) || flags(text) == Some(true)
}

fn tables_or_statuses(text: &str) -> Output {
    // How many lines are statuses only, less those that are tables only.
    let mut balance = 0_i64;
    let mut status_of_words = false;
    for (table, status) in dmsetup_table(text).zip(dmsetup_status(text)) {
        let words = status.as_ref().ok().and_then(|item| item.line.as_ref()).map(|line| {
            let words = !line.status.to_string().trim().is_empty();
            (words, words && is_silent(line.target_type()))
        });
        match (table.is_ok(), words) {
            // A target that reports nothing has words: that is a table, be it a bad one.
            (_, Some((_, true))) | (true, None) => balance = balance.saturating_sub(1),
            (false, Some(_)) => balance = balance.saturating_add(1),
            (true, Some((words, false))) => status_of_words |= words,
            (false, None) => {}
        }
    }
    // What can be either is a status if it has words, such as `Fail` of a thin device.
    if balance > 0 || balance == 0 && status_of_words { Output::Statuses } else { Output::Tables }
}

/// Whether a target reports nothing, ever.
fn is_silent(target_type: &str) -> bool {
    struct Silent<'a>(&'a str, bool);

    impl TargetVisitor for Silent<'_> {
        fn visit<T: Target>(&mut self) {
            // raid reports nothing only when something is odd.
            if T::TYPE == self.0 && T::TYPE != "raid" {
                self.1 = T::parse_status("").is_ok();
            }
        }
    }

    let mut silent = Silent(target_type, false);
    visit_targets(&mut silent);
    silent.1
}

pub(crate) fn explain_list(text: &str) -> Report {
    let mut report = Report::new("ls");
    for item in dmsetup_ls(text).flatten() {
        report.device(Some(item.name)).facts.push(format!("is device {}", item.device));
    }
    report
}

pub(crate) fn explain_info(text: &str) -> Report {
    let mut report = Report::new("info");
    for item in dmsetup_info(text).flatten() {
        let device = report.device(Some(item.name));
        let attention = HealthState::Attention;
        if item.state.contains('s') {
            device.problem(attention, "is suspended: I/O waits until it is resumed".to_owned());
        }
        match (item.state.contains('L'), item.state.contains('I')) {
            (false, true) => device.problem(attention, "has a table that is not active: resume it".to_owned()),
            (false, false) => device.problem(attention, "has no table".to_owned()),
            (true, true) => device.facts.push("has another table that is not active".to_owned()),
            (true, false) => {}
        }
        let writes = if item.state.contains('r') { ", read-only" } else { "" };
        device.facts.push(format!("is device {}{writes}, open {} times", item.number, item.open));
        device.facts.extend(item.uuid.map(|uuid| format!("has the uuid {uuid}")));
    }
    report
}

pub(crate) fn explain_targets(text: &str) -> Report {
    let mut report = Report::new("targets");
    for item in dmsetup_targets(text).flatten() {
        report.device(Some(item.target_type)).facts.push(format!("has version {}", item.version));
    }
    report
}

pub(crate) fn explain_measurements(text: &str) -> Report {
    let mut report = Report::new("measure");
    for item in dmsetup_measure(text).flatten() {
        let device = report.device(item.name);
        for (name, value) in item.line.into_iter().flat_map(|line| line.attributes) {
            device.facts.push(format!("{name}: {value}"));
        }
    }
    report
}
