//! Golden lines are read, and print back byte for byte.

use std::collections::BTreeSet;
use std::fs;

use dm_targets::{AnyStatus, AnyTable, StatusLine, TableLine, Target, TargetVisitor, visit_targets};

use crate::lines::{Golden, Kind, directory, golden};

/// Calls [`check`] with the golden lines of every target.
struct EachTarget;

impl TargetVisitor for EachTarget {
    fn visit<T: Target>(&mut self) {
        let lines = golden(T::TYPE);
        for kind in [Kind::Table, Kind::Status] {
            assert!(lines.iter().any(|line| line.kind == kind), "{} has no {kind:?}", T::TYPE);
        }
        let mut message = None;
        for line in &lines {
            check::<T>(line, &mut message);
        }
    }
}

fn check<T: Target>(line: &Golden, message: &mut Option<T::Message>) {
    let Golden { kind, text, place } = line;
    let printed = match kind {
        Kind::Table => {
            let typed = TableLine::<T>::parse_printed_as(text).unwrap_or_else(|error| panic!("{place}: {error}"));
            let any = TableLine::parse_printed(text).unwrap();
            assert!(!matches!(any.params, AnyTable::Other(_)), "{place}: not in the list");
            assert_eq!(any.to_string(), typed.to_string(), "{place}");
            assert_eq!(typed.to_string().parse(), Ok(typed.clone()), "{place}: as input");
            assert_all_is_known(&format!("{:?}", typed.params), place);
            format!("{typed:#}")
        }
        Kind::Status => {
            let typed: StatusLine<T> = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
            let any: StatusLine = text.parse().unwrap();
            assert!(!matches!(any.status, AnyStatus::Other(_)), "{place}: not in the list");
            assert_eq!(any.to_string(), typed.to_string(), "{place}");
            assert_all_is_known(&format!("{:?}", typed.status), place);
            typed.to_string()
        }
        Kind::Message => {
            let parsed = T::parse_message(text).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_all_is_known(&format!("{parsed:?}"), place);
            message.insert(parsed).to_string()
        }
        Kind::Reply => {
            let message = message.as_ref().expect("a reply stands below its message");
            T::parse_reply(message, text).unwrap_or_else(|error| panic!("{place}: {error}")).to_string()
        }
    };
    assert_eq!(printed, *text, "{place}");
}

/// The parts of golden lines that the library keeps as unknown words: a profile in upper case, which no kernel has, the logs
/// of clusters, and a key that the kernel of the guests ignores in the table of a vdo.
const UNKNOWN: &[&str] =
    &[r#"Other("AEAD")"#, r#"Other(["3", "clustered-disk""#, r#"Other(["1", "clustered-core""#, r#"["nokey", "5"]"#];

/// Checks that no word is kept as an unknown one although the library has a field for it.
fn assert_all_is_known(debug: &str, place: &str) {
    let is_known = |value: &str| !UNKNOWN.iter().any(|unknown| value.starts_with(unknown));
    for (at, _) in ["Other(", "Other {"].iter().flat_map(|variant| debug.match_indices(variant)) {
        assert!(!is_known(&debug[at..]), "{place}: {}", &debug[at..]);
    }
    for (at, _) in ["other", "extra"].iter().flat_map(|field| debug.match_indices(field)) {
        let (name, value) = debug[at..].split_once(": ").expect("a field has a value");
        let is_another_field = name.contains(' ') || name == "others";
        assert!(is_another_field || value.starts_with("[]") || !is_known(value), "{place}: {}", &debug[at..]);
    }
}

#[test]
fn equal_tables_print_the_same_text() {
    visit_targets(&mut EqualTables);
}

/// Compares the golden tables of every target with each other, and with differently spelled copies of themselves.
struct EqualTables;

impl TargetVisitor for EqualTables {
    fn visit<T: Target>(&mut self) {
        let lines = golden(T::TYPE).into_iter().filter(|line| line.kind == Kind::Table);
        let tables: Vec<T::Table> = lines.map(|line| T::parse_table(line.params()).unwrap()).collect();
        for (at, one) in tables.iter().enumerate() {
            for other in &tables[at..] {
                assert_eq!(one == other, one.to_string() == other.to_string(), "{one:#} {other:#}");
            }
            let printed = T::parse_table(&format!("{one:#}").to_uppercase());
            assert!(printed.is_err() || printed.as_ref() != Ok(one) || printed.unwrap().to_string() == one.to_string());
        }
    }
}

#[test]
fn golden_lines_print_back() {
    visit_targets(&mut EachTarget);
}

/// The target types in the list.
#[derive(Default)]
struct Types(BTreeSet<&'static str>);

impl TargetVisitor for Types {
    fn visit<T: Target>(&mut self) {
        assert!(self.0.insert(T::TYPE), "{} twice", T::TYPE);
    }
}

#[test]
fn every_golden_file_belongs_to_a_target() {
    let mut types = Types::default();
    visit_targets(&mut types);
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(types.0.contains(name), "{}", path.display());
        }
    }
}
