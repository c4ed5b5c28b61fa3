//! Explains the output of `dmsetup ls`, `info`, `deps`, `ls --tree`, `targets`, `udevcookies` and `measure`.

use std::collections::{BTreeMap, BTreeSet};

use dm_targets::{
    DmsetupNode, HealthState, TableError, dmsetup_cookies, dmsetup_deps, dmsetup_info, dmsetup_info_long, dmsetup_ls,
    dmsetup_measure, dmsetup_targets, dmsetup_tree,
};

use crate::report::{Device, Report};

const SUSPENDED: &str = "is suspended: I/O waits until it is resumed";

/// Calls `take` with each item that could be parsed, and records the errors of the others in the report.
fn each<T>(
    report: &mut Report,
    items: impl Iterator<Item = Result<T, TableError>>,
    mut take: impl FnMut(&mut Report, T),
) {
    for item in items {
        match item {
            Ok(item) => take(report, item),
            Err(error) => report.unread.push(error),
        }
    }
}

pub(crate) fn explain_list(text: &str) -> Report {
    let mut report = Report::new("ls");
    each(&mut report, dmsetup_ls(text), |report, item| {
        report.device(Some(item.name)).facts.push(format!("is device {}", item.device));
    });
    report
}

/// The state of a device, from `dmsetup info` or `dmsetup info -c`.
struct DeviceState {
    suspended: bool,
    live_table: bool,
    inactive_table: bool,
    deferred_remove: bool,
    read_only: bool,
}

impl DeviceState {
    fn explain(&self, device: &mut Device) {
        let attention = HealthState::Attention;
        if self.suspended {
            device.problem(attention, SUSPENDED.to_owned());
        }
        match (self.live_table, self.inactive_table) {
            (false, true) => {
                device.problem(attention, "has a first table that is not active: resume the device".to_owned())
            }
            (false, false) => device.problem(attention, "has no table".to_owned()),
            (true, true) => device.facts.push("has another table that is not active".to_owned()),
            (true, false) => {}
        }
        if self.deferred_remove {
            device.problem(attention, "is removed as soon as it is closed".to_owned());
        }
        if self.read_only {
            device.facts.push("is read-only".to_owned());
        }
    }
}

pub(crate) fn explain_info_columns(text: &str) -> Report {
    let mut report = Report::new("info -c");
    each(&mut report, dmsetup_info(text), |report, item| {
        let device = report.device(Some(item.name));
        let has = |letter| item.state.contains(letter);
        let state = DeviceState {
            suspended: has('s'),
            live_table: has('L'),
            inactive_table: has('I'),
            // `info -c` does not print it.
            deferred_remove: false,
            read_only: has('r'),
        };
        state.explain(device);
        device.facts.push(format!("is device {}, opened {}", item.number, times(item.open)));
        device.facts.extend(item.uuid.map(|uuid| format!("has the uuid {uuid}")));
    });
    report
}

pub(crate) fn explain_info(text: &str) -> Report {
    let mut report = Report::new("info");
    each(&mut report, dmsetup_info_long(text), |report, item| {
        let device = report.device(Some(item.name));
        let state = DeviceState {
            suspended: item.suspended,
            live_table: item.live_table,
            inactive_table: item.inactive_table,
            deferred_remove: item.deferred_remove,
            read_only: item.read_only,
        };
        state.explain(device);
        let open = item.open.map(|open| format!(", opened {}", times(open)));
        device.facts.push(format!("is device {}{}", item.number, open.unwrap_or_default()));
        device.facts.extend(item.uuid.map(|uuid| format!("has the uuid {uuid}")));
    });
    report
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

pub(crate) fn explain_deps(text: &str) -> Report {
    let mut report = Report::new("deps");
    each(&mut report, dmsetup_deps(text), |report, item| {
        let device = report.device(item.name);
        let uses = item.devices.iter().zip(item.numbers());
        let uses: Vec<_> =
            uses.map(|(device, number)| number.map_or((*device).to_owned(), |it| it.to_string())).collect();
        let uses = if uses.is_empty() { "no device".to_owned() } else { uses.join(", ") };
        device.facts.push(format!("uses {uses}"));
    });
    report
}

pub(crate) fn explain_tree(text: &str) -> Report {
    let mut report = Report::new("ls --tree");
    let mut nodes = Vec::new();
    each(&mut report, dmsetup_tree(text), |_, node| nodes.push(node));
    // A device appears once for each device that uses it, with the same devices below it.
    let mut branch: Vec<String> = Vec::new();
    let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in &nodes {
        branch.truncate(node.depth);
        if let Some(user) = branch.last() {
            below.entry(user.clone()).or_default().insert(name_of(node));
        }
        branch.push(name_of(node));
    }
    for node in nodes.iter().filter(|node| node.name.is_some()) {
        let device = report.device(node.name);
        if !device.facts.is_empty() {
            // The device was reported at its first appearance.
            continue;
        }
        device.facts.push(format!("is device {}", node.number));
        let used = below.get(&name_of(node)).into_iter().flatten();
        device.facts.extend(used.map(|other| format!("uses {other}")));
        if node.attributes.is_some_and(|attributes| attributes.split(", ").any(|it| it == "SUSPENDED")) {
            device.problem(HealthState::Attention, SUSPENDED.to_owned());
        }
    }
    report
}

fn name_of(node: &DmsetupNode<'_>) -> String {
    node.name.map_or_else(|| node.number.to_string(), str::to_owned)
}

pub(crate) fn explain_targets(text: &str) -> Report {
    let mut report = Report::new("targets");
    each(&mut report, dmsetup_targets(text), |report, item| {
        report.device(Some(item.target_type)).facts.push(format!("has version {}", item.version));
    });
    report
}

pub(crate) fn explain_cookies(text: &str) -> Report {
    let mut report = Report::new("udevcookies");
    each(&mut report, dmsetup_cookies(text), |report, item| {
        let cookie = format!("{:#x}", item.cookie);
        let device = report.device(Some(&cookie));
        // A command that waits removes its cookie. Other cookies are left over, or come from `dmsetup udevcreatecookie`.
        let problem = format!(
            "has existed since {}: if no command waits for it, remove it with ipcrm --semaphore-id {}",
            item.last_change, item.semaphore
        );
        device.problem(HealthState::Attention, problem);
        device.facts.push(format!("is semaphore {} with the value {}", item.semaphore, item.value));
    });
    report
}

pub(crate) fn explain_measurements(text: &str) -> Report {
    let mut report = Report::new("measure");
    each(&mut report, dmsetup_measure(text), |report, item| {
        let device = report.device(item.name);
        for (name, value) in item.line.into_iter().flat_map(|line| line.attributes) {
            device.facts.push(format!("{name}: {value}"));
        }
    });
    report
}
