//! The report on an output, and its presentation.

use std::collections::BTreeMap;

use dm_targets::{HealthState, TableError, TableErrorKind};
use serde_json::json;

/// The report on an output.
#[derive(Default)]
pub(crate) struct Report {
    /// The name of the dmsetup command.
    pub(crate) kind: &'static str,
    /// The devices, or other listed items, sorted by name.
    pub(crate) devices: BTreeMap<String, Device>,
    /// Errors of the parser, before [`errors`](Self::errors) shows them with the text of their lines.
    pub(crate) unread: Vec<TableError>,
    /// The errors to print, with their positions and texts.
    pub(crate) errors: Vec<Misread>,
}

/// A line, or a device of the concise form, that could not be parsed.
pub(crate) struct Misread {
    /// The position, such as `line 3`.
    pub(crate) place: String,
    /// The error in one sentence.
    pub(crate) problem: String,
    /// The error with the line, and with a caret below the wrong word if it is about a word.
    pub(crate) annotated: String,
}

/// The report on a device.
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) state: HealthState,
    /// The problems of the device.
    pub(crate) problems: Vec<String>,
    /// The properties of the device.
    pub(crate) facts: Vec<String>,
}

impl Report {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The device with this name; a line without a name belongs to the only device.
    pub(crate) fn device(&mut self, name: Option<&str>) -> &mut Device {
        let name = name.unwrap_or("the device");
        self.devices.entry(name.to_owned()).or_insert_with(|| Device::new(name))
    }

    /// Shows the lines that could not be parsed.
    pub(crate) fn annotate(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for error in self.unread.drain(..) {
            let line = lines.get(error.line().saturating_sub(1)).copied().unwrap_or_default();
            self.errors.push(Misread::new(format!("line {}", error.line()), error.kind(), line));
        }
    }

    /// 0 if everything is good, 1 if a device is not good, 2 if something could not be parsed.
    pub(crate) fn exit_status(&self) -> u8 {
        match (self.errors.is_empty(), self.bad().next()) {
            (false, _) => 2,
            (true, Some(_)) => 1,
            (true, None) => 0,
        }
    }

    fn bad(&self) -> impl Iterator<Item = &Device> {
        self.devices.values().filter(|device| device.state != HealthState::Good)
    }

    /// Prints the report for people. Devices without problems are omitted unless `all` is set.
    pub(crate) fn to_text(&self, all: bool) -> String {
        let mut text = String::new();
        for device in self.devices.values().filter(|device| all || device.state != HealthState::Good) {
            text += &format!("{}: {}\n", escaped(&device.name), device.state);
            let facts = device.facts.iter().filter(|_| all);
            for line in device.problems.iter().chain(facts) {
                text += &format!("  {}\n", escaped(line));
            }
        }
        for error in &self.errors {
            // The lines of an error come from this program; a caret marks the wrong word.
            let Misread { place, annotated, .. } = error;
            format!("{place}: {annotated}").lines().for_each(|line| text += &format!("{}\n", escaped(line)));
        }
        text + &self.summary() + "\n"
    }

    /// The last line, such as `7 devices; not good: pool, r1`.
    fn summary(&self) -> String {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let listed = match self.kind {
            "targets" => "target",
            "udevcookies" => "cookie",
            _ => "device",
        };
        let misread = if self.kind == "table --concise" { "part" } else { "line" };
        let mut summary = count(self.devices.len(), listed);
        let bad: Vec<String> = self.bad().map(|device| escaped(&device.name)).collect();
        if !bad.is_empty() {
            summary += &format!("; not good: {}", bad.join(", "));
        }
        if !self.errors.is_empty() {
            summary += &format!("; {} not understood", count(self.errors.len(), misread));
        }
        if bad.is_empty() && self.errors.is_empty() {
            summary += "; nothing is wrong";
        }
        summary
    }

    /// Prints the report for programs.
    pub(crate) fn to_json(&self) -> String {
        let devices = self.devices.values().map(|device| {
            json!({
                "name": device.name,
                "state": device.state.to_string(),
                "problems": device.problems,
                "facts": device.facts,
            })
        });
        let errors = self.errors.iter().map(|Misread { place, problem, annotated }| {
            json!({ "place": place, "problem": problem, "annotated": annotated })
        });
        let value = json!({
            "output": self.kind,
            "devices": devices.collect::<Vec<_>>(),
            "errors": errors.collect::<Vec<_>>(),
            "summary": self.summary(),
            "exit_status": self.exit_status(),
        });
        format!("{value:#}\n")
    }
}

impl Misread {
    /// `text` is the output that was parsed.
    pub(crate) fn new(place: String, kind: TableErrorKind, text: &str) -> Self {
        let annotated = match kind {
            TableErrorKind::Parse(cause) => cause.annotate(text).to_string(),
            other => other.to_string(),
        };
        Self { place, problem: kind.to_string(), annotated }
    }
}

impl Device {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), state: HealthState::Good, problems: Vec::new(), facts: Vec::new() }
    }

    /// Records a problem.
    pub(crate) fn problem(&mut self, state: HealthState, problem: String) {
        self.state = self.state.max(state);
        self.problems.push(problem);
    }
}

/// A text that cannot control a terminal.
fn escaped(text: &str) -> String {
    let escape = |char: char| if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
    text.chars().map(escape).collect()
}
