//! Descriptions of statuses.

use dm_targets::thin::ThinStatus;
use dm_targets::thin_pool::ThinPoolStatus;
use dm_targets::{AnyStatus, HealthState, StatusLine, dmsetup_status};
use dm_units::Sectors;

use crate::report::{Device, Report};
use crate::words::fields;

pub(crate) fn explain(text: &str) -> Report {
    let mut report = Report::new("status");
    for item in dmsetup_status(text) {
        match item {
            Ok(item) => {
                let device = report.device(item.name);
                match item.line {
                    Some(line) => explain_line(device, &line),
                    None => device.problem(HealthState::Attention, "has no table".to_owned()),
                }
            }
            Err(error) => report.unread.push(error),
        }
    }
    report
}

fn explain_line(device: &mut Device, line: &StatusLine) {
    let StatusLine { start, length, status, .. } = line;
    let head = format!("{}, {length:#} from {start:#} on", line.target_type());
    match line.health() {
        Some(health) if health.state() != HealthState::Good => {
            device.problem(health.state(), format!("{head}: {health}"));
        }
        Some(health) => device.facts.push(format!("{head}: {health}")),
        None => device.facts.push(format!("{head}: unknown target type")),
    }
    device.facts.extend(explain_status(status).into_iter().map(|fact| format!("  {fact}")));
}

fn explain_status(status: &AnyStatus) -> Vec<String> {
    match status {
        AnyStatus::Thin(ThinStatus::Working { mapped, highest, .. }) => {
            // Blocks that it shares with snapshots are counted for each of them.
            let end = highest.map(|sector| format!(", the last one up to {:#}", Sectors(sector.0.saturating_add(1))));
            vec![format!("has mapped {mapped:#}, including shared blocks{}", end.unwrap_or_default())]
        }
        AnyStatus::ThinPool(ThinPoolStatus::Working(pool)) => {
            let bytes = |blocks: u64| format!("{:#}", Sectors(blocks.saturating_mul(8)));
            let [used, total] = [pool.metadata.used.0, pool.metadata.total.0].map(bytes);
            vec![
                format!("uses {} of {} data blocks, of the size in its table", pool.data.used, pool.data.total),
                format!("uses {used} of {total} for metadata"),
                format!("is at transaction {}", pool.transaction_id),
            ]
        }
        AnyStatus::Other(other) => vec![format!("has the status {other}")],
        status if status.to_string().trim().is_empty() => Vec::new(),
        other => fields(other),
    }
}
