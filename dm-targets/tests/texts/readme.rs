//! The support table of the project's README matches the golden lines.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dm_targets::{Target, TargetVisitor, visit_targets};

use crate::lines::{Golden, Kind, golden};

const BEGIN: &str = "| target | table | status | messages |\n|---|---|---|---|\n";

/// Prints a row for each target.
#[derive(Default)]
struct Rows(Vec<String>);

impl TargetVisitor for Rows {
    fn visit<T: Target>(&mut self) {
        let lines = golden(T::TYPE);
        let cell = |kind| kernels(lines.iter().filter(|line| line.kind == kind));
        let (table, status, message) = (cell(Kind::Table), cell(Kind::Status), cell(Kind::Message));
        self.0.push(format!("| {} | {table} | {status} | {message} |", T::TYPE));
    }
}

/// The kernels that printed golden lines, and in brackets those whose lines are known only from the source.
fn kernels<'a>(lines: impl Iterator<Item = &'a Golden>) -> String {
    let mut seen = BTreeSet::new();
    for line in lines {
        let origin = line.place.split(['(', ')']).nth(1).expect("a place names its origin");
        let (how, version) = origin.split_once(' ').expect("a word and a version");
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().expect("a version"));
        seen.insert((numbers.next(), numbers.next(), how == "source"));
    }
    let mut cell = String::new();
    for &(major, minor, from_source) in &seen {
        let version = format!("{}.{}", major.unwrap(), minor.unwrap());
        let printed = seen.contains(&(major, minor, false));
        match (from_source, printed) {
            (true, true) => {}
            (true, false) => write!(cell, "({version}) ").unwrap(),
            (false, _) => write!(cell, "{version} ").unwrap(),
        }
    }
    if cell.is_empty() { "–".to_owned() } else { cell.trim_end().replace(' ', ", ") }
}

#[test]
fn the_support_table_matches_the_golden_lines() {
    let mut rows = Rows::default();
    visit_targets(&mut rows);
    rows.0.sort();
    let expected = format!("{BEGIN}{}\n", rows.0.join("\n"));
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // This file exists only in a published package, which has no workspace whose README could be compared.
    if package.join("Cargo.toml.orig").exists() {
        return;
    }
    let path = package.join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, after) = readme.split_once(BEGIN).expect("the README has a table of targets");
    let table: String = after.split_inclusive('\n').take_while(|line| line.starts_with('|')).collect();
    if format!("{BEGIN}{table}") == expected {
        return;
    }
    if std::env::var_os("DM_UPDATE_README").is_some() {
        let rest = &after[table.len()..];
        fs::write(&path, format!("{before}{expected}{rest}")).unwrap();
        return;
    }
    panic!("README.md has another table than the golden lines show; DM_UPDATE_README=1 writes this one:\n{expected}");
}
