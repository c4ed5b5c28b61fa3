//! Parses or prints the longest line of a target in `tests/golden` repeatedly, so that callgrind can count the
//! instructions.
//!
//! `line_costs` lists the possible measurements, `line_costs thin-pool/status/parse 1000` runs one of them a thousand times.
#![expect(clippy::expect_used, clippy::panic, reason = "a measurement may fail as a test may")]

#[path = "../tests/texts/lines.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod lines;

use std::fmt::{self, Display, Write};
use std::hint::black_box;

use dm_targets::{ParseError, Target, TargetVisitor, visit_targets};

use crate::lines::{Kind, golden};

/// Discards everything that is written to it.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

/// The measurement, and the number of repetitions; without arguments, all measurements are listed.
struct Each(Option<(String, u64)>);

impl Each {
    fn count<P: Display>(&self, name: &str, text: &str, parse: fn(&str) -> Result<P, ParseError>) {
        let Some((wanted, times)) = &self.0 else {
            println!("{name}/parse\n{name}/print");
            return;
        };
        if *wanted == format!("{name}/parse") {
            (0..*times).for_each(|_| drop(black_box(parse(black_box(text)))));
        }
        if *wanted == format!("{name}/print") {
            let value = parse(text).unwrap_or_else(|error| panic!("{error}"));
            (0..*times).for_each(|_| write!(Nowhere, "{}", black_box(&value)).expect("nothing fails"));
        }
    }
}

impl TargetVisitor for Each {
    fn visit<T: Target>(&mut self) {
        for kind in [Kind::Table, Kind::Status] {
            let lines = golden(T::TYPE).into_iter().filter(|line| line.kind == kind);
            let Some(line) = lines.max_by_key(|line| line.text.len()) else { continue };
            let (name, text) = (format!("{}/{kind:?}", T::TYPE).to_lowercase(), line.params());
            match kind {
                Kind::Table => self.count(&name, text, T::parse_table),
                _ => self.count(&name, text, T::parse_status),
            }
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().map(|name| (name, arguments.next().and_then(|times| times.parse().ok()).unwrap_or(1)));
    visit_targets(&mut Each(what));
}
