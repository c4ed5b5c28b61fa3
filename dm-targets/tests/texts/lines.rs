//! Golden lines: texts of real kernels in `tests/golden`, whose README describes their format.

use std::fs;
use std::path::{Path, PathBuf};

/// The kind of a golden line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Status,
    Message,
    /// A reply to the message in the line before.
    Reply,
}

/// A golden line.
#[derive(Clone, Debug)]
pub(crate) struct Golden {
    pub(crate) kind: Kind,
    /// The whole text; for a table or status with start, length and target type.
    pub(crate) text: String,
    /// The file, line number and kernel, for the messages of failing tests.
    pub(crate) place: String,
}

impl Golden {
    /// The target's own text, without start, length and target type.
    pub(crate) fn params(&self) -> &str {
        match self.kind {
            Kind::Table | Kind::Status => self.text.splitn(4, ' ').nth(3).expect("three words and a space"),
            Kind::Message | Kind::Reply => &self.text,
        }
    }
}

pub(crate) fn directory() -> PathBuf {
    // The fuzz crate, which is one folder deeper, uses this module too.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("tests/golden")).find(|path| path.is_dir()).expect("the golden lines are there")
}

/// The golden lines of a target. Panics if the file is missing, a line is malformed, or a line belongs to no kernel.
pub(crate) fn golden(target_type: &str) -> Vec<Golden> {
    let path = directory().join(format!("{target_type}.txt"));
    let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut origin = None;
    let mut lines = Vec::new();
    for (line, number) in file.lines().zip(1..) {
        let (word, text) = line.split_once(' ').unwrap_or((line, ""));
        let kind = match word {
            "" | "#" => continue,
            "kernel" | "source" => {
                origin = Some(line);
                continue;
            }
            "table" => Kind::Table,
            "status" => Kind::Status,
            "message" => Kind::Message,
            "reply" => Kind::Reply,
            _ => panic!("{target_type}.txt:{number}: {line}"),
        };
        let origin = origin.expect("a line needs a kernel");
        let place = format!("{target_type}.txt:{number} ({origin})");
        lines.push(Golden { kind, text: text.replace('␠', " ").replace('␤', "\n"), place });
    }
    lines
}
