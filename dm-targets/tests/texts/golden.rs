//! Golden lines are read, and print back byte for byte.

use std::collections::BTreeSet;
use std::fs;

use dm_targets::{Any, AnyStatus, AnyTable, StatusLine, TableLine, Target, TargetVisitor, visit_targets};

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
            let typed = TableLine::<T>::parse_printed(text).unwrap_or_else(|error| panic!("{place}: {error}"));
            let any = TableLine::<Any>::parse_printed(text).unwrap();
            assert!(!matches!(any.params, AnyTable::Other(_)), "{place}: not in the list");
            assert_eq!(any.to_string(), typed.to_string(), "{place}");
            assert_eq!(typed.to_string().parse(), Ok(typed.clone()), "{place}: as input");
            format!("{typed:#}")
        }
        Kind::Status => {
            let typed: StatusLine<T> = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
            let any: StatusLine = text.parse().unwrap();
            assert!(!matches!(any.status, AnyStatus::Other(_)), "{place}: not in the list");
            assert_eq!(any.to_string(), typed.to_string(), "{place}");
            typed.to_string()
        }
        Kind::Message => {
            let parsed = T::parse_message(text).unwrap_or_else(|error| panic!("{place}: {error}"));
            message.insert(parsed).to_string()
        }
        Kind::Reply => {
            let message = message.as_ref().expect("a reply stands below its message");
            T::parse_reply(message, text).unwrap_or_else(|error| panic!("{place}: {error}")).to_string()
        }
    };
    assert_eq!(printed, *text, "{place}");
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
