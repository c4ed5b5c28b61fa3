//! Explains the output of `dmsetup table`, line by line.

use std::collections::BTreeMap;

use dm_targets::thin::ThinTable;
use dm_targets::{
    AnyTable, ConciseErrorKind, DmsetupDevice, HealthState, Table, TableErrorKind, TableLine, dmsetup_concise,
    dmsetup_table,
};

use crate::report::{Device, Misread, Report};
use crate::words::fields;

pub(crate) fn explain(text: &str) -> Report {
    let mut report = Report::new("table");
    let mut tables: BTreeMap<Option<&str>, Vec<TableLine>> = BTreeMap::new();
    for item in dmsetup_table(text) {
        match item {
            Ok(item) => {
                let device = report.device(item.name);
                match item.line {
                    Some(line) => {
                        explain_line(device, &line);
                        tables.entry(item.name).or_default().push(line);
                    }
                    None => device.problem(HealthState::Attention, "has no table".to_owned()),
                }
            }
            Err(error) => report.unread.push(error),
        }
    }
    // Lines that could not be parsed would leave gaps.
    if report.unread.is_empty() {
        tables.into_iter().for_each(|(name, lines)| check(report.device(name), lines));
    }
    report
}

pub(crate) fn explain_concise(text: &str) -> Report {
    let mut report = Report::new("table --concise");
    for (number, part) in (1..).zip(devices_of(text.trim())) {
        match dmsetup_concise(part) {
            Ok(devices) => devices.into_iter().for_each(|found| explain_found(&mut report, found)),
            Err(error) => {
                let (place, kind) = match error.kind() {
                    ConciseErrorKind::Table(table) => {
                        (format!("device {number}, line {} of its table", table.line()), table.kind())
                    }
                    ConciseErrorKind::Field(invalid) => (format!("device {number}"), TableErrorKind::Field(invalid)),
                    // `part` is one device, and its length has no limit, so there are no other errors.
                    _ => continue,
                };
                report.errors.push(Misread::new(place, kind, part));
            }
        }
    }
    report
}

/// Splits at each `;` without a backslash before it.
fn devices_of(text: &str) -> impl Iterator<Item = &str> {
    let mut after_backslash = false;
    text.split(move |char| {
        let ends = char == ';' && !after_backslash;
        after_backslash = char == '\\' && !after_backslash;
        ends
    })
}

fn explain_found(report: &mut Report, found: DmsetupDevice) {
    let device = report.device(Some(&found.name));
    if found.lines.is_empty() {
        device.problem(HealthState::Attention, "has no table".to_owned());
        return;
    }
    found.lines.iter().for_each(|line| explain_line(device, line));
    check(device, found.lines);
}

/// Reports errors for which the kernel would refuse the table.
fn check(device: &mut Device, lines: Vec<TableLine>) {
    if let Err(error) = Table::new(lines) {
        let problem = format!("cannot be loaded: line {} of its table: {}", error.line(), error.kind());
        device.problem(HealthState::Attention, problem);
    }
}

fn explain_line(device: &mut Device, line: &TableLine) {
    let TableLine { start, length, .. } = line;
    device.facts.push(format!("{}, {length:#} from {start:#} on", line.target_type()));
    device.facts.extend(explain_params(&line.params).into_iter().map(|fact| format!("  {fact}")));
}

fn explain_params(params: &AnyTable) -> Vec<String> {
    match params {
        AnyTable::Linear(table) => vec![format!("is {} from {:#} on", table.device, table.start)],
        AnyTable::Zero(_) => vec!["reads as zeros and discards writes".to_owned()],
        AnyTable::Error(_) => vec!["fails every request".to_owned()],
        AnyTable::Striped(table) => {
            let chunk = table.chunk_size;
            let head = format!("is distributed over {} devices, {chunk:#} at a time", table.stripes.len());
            let stripes = table.stripes.iter().map(|stripe| format!("{} from {:#} on", stripe.device, stripe.offset));
            [head].into_iter().chain(stripes).collect()
        }
        AnyTable::Thin(ThinTable::Device { pool, id, .. }) => vec![format!("is number {id} in the pool {pool}")],
        AnyTable::ThinPool(table) => vec![
            format!("has blocks of {:#} on {}", table.block_size, table.data),
            format!("has its metadata on {}", table.metadata),
        ],
        AnyTable::Other(_) => vec!["has an unknown target type".to_owned()],
        other => fields(other),
    }
}
