//! Tables in words.

use std::collections::BTreeMap;

use dm_targets::thin::ThinTable;
use dm_targets::{
    AnyTable, ConciseErrorKind, HealthState, Table, TableErrorKind, TableLine, dmsetup_concise, dmsetup_table,
};

use crate::report::{Device, Report};
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
            Err(error) => report.line_error(text, error),
        }
    }
    // Lines that could not be read would leave gaps.
    if report.errors.is_empty() {
        tables.into_iter().for_each(|(name, lines)| check(report.device(name), lines));
    }
    report
}

pub(crate) fn explain_concise(text: &str) -> Report {
    let mut report = Report::new("table --concise");
    let devices = dmsetup_concise(text).unwrap_or_else(|error| {
        let annotated = match error.kind() {
            ConciseErrorKind::Table(table) => match table.kind() {
                TableErrorKind::Parse(cause) => Some(cause.annotate(text).to_string()),
                _ => None,
            },
            _ => None,
        };
        report.errors.push(format!("device {}: {}", error.device(), annotated.unwrap_or(error.kind().to_string())));
        Vec::new()
    });
    for found in devices {
        let device = report.device(Some(&found.name));
        if found.lines.is_empty() {
            device.problem(HealthState::Attention, "has no table".to_owned());
            continue;
        }
        found.lines.iter().for_each(|line| explain_line(device, line));
        check(device, found.lines);
    }
    report
}

/// Says what the kernel would refuse.
fn check(device: &mut Device, lines: Vec<TableLine>) {
    if let Err(error) = Table::new(lines) {
        device.problem(HealthState::Attention, format!("could not be loaded like this: {error}"));
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
        AnyTable::Zero(_) => vec!["reads as zeros and forgets what is written".to_owned()],
        AnyTable::Error(_) => vec!["fails every request".to_owned()],
        AnyTable::Striped(table) => {
            let chunk = table.chunk_size;
            let head = format!("goes to {} devices in turn, {chunk:#} at a time", table.stripes.len());
            let stripes = table.stripes.iter().map(|stripe| format!("{} from {:#} on", stripe.device, stripe.offset));
            [head].into_iter().chain(stripes).collect()
        }
        AnyTable::Thin(ThinTable::Device { pool, id, .. }) => vec![format!("is number {id} in the pool {pool}")],
        AnyTable::ThinPool(table) => vec![
            format!("has blocks of {:#} on {}", table.block_size, table.data),
            format!("keeps track of them on {}", table.metadata),
        ],
        AnyTable::Other(_) => vec!["is of a target that is not known here".to_owned()],
        other => fields(other),
    }
}
