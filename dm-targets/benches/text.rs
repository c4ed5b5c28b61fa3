//! The time and the allocations that it takes to parse and print the golden lines of every target.
//!
//! `cargo bench -p dm-targets -- thin-pool` measures one target.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may fail as a test may"
)]

#[path = "../tests/texts/lines.rs"]
mod lines;

use std::fmt::{self, Display, Write};
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use dm_targets::{AnyTable, Linear, ParseError, TableLine, Target, TargetVisitor, visit_targets};
use dm_units::{DeviceNumber, Sectors};

use crate::lines::{Kind, golden};

/// A buffer that is large enough, like that of a table load.
#[derive(Default)]
struct Buffer(String);

impl Buffer {
    fn print(&mut self, value: &impl Display) -> fmt::Result {
        self.0.clear();
        write!(self.0, "{value}")
    }
}

fn allocations(action: impl FnOnce()) -> u64 {
    allocation_counter::measure(action).count_total
}

struct EachTarget<'c>(&'c mut Criterion);

impl EachTarget<'_> {
    fn bench<P: Display>(&mut self, name: &str, text: &str, parse: fn(&str) -> Result<P, ParseError>) {
        let value = parse(text).unwrap();
        let mut buffer = Buffer::default();
        buffer.print(&value).unwrap();
        println!(
            "{name}: {} allocations to parse, {} to print",
            allocations(|| drop(black_box(parse(black_box(text))))),
            allocations(|| buffer.print(black_box(&value)).unwrap()),
        );
        self.0.bench_function(&format!("{name}/parse"), |bencher| bencher.iter(|| parse(black_box(text))));
        self.0.bench_function(&format!("{name}/print"), |bencher| bencher.iter(|| buffer.print(black_box(&value))));
    }
}

impl TargetVisitor for EachTarget<'_> {
    fn visit<T: Target>(&mut self) {
        // The longest line of each kind represents all others.
        for kind in [Kind::Table, Kind::Status, Kind::Message] {
            let lines = golden(T::TYPE).into_iter().filter(|line| line.kind == kind);
            let Some(line) = lines.max_by_key(|line| line.text.len()) else { continue };
            println!("{}", line.place);
            let (name, text) = (format!("{}/{kind:?}", T::TYPE).to_lowercase(), line.params());
            match kind {
                Kind::Table => self.bench(&name, text, T::parse_table),
                Kind::Status => self.bench(&name, text, T::parse_status),
                Kind::Message => self.bench(&name, text, T::parse_message),
                Kind::Reply => {}
            }
        }
    }
}

fn targets(criterion: &mut Criterion) {
    visit_targets(&mut EachTarget(criterion));
}

/// A whole line, with a type known at compile time and with any type.
fn lines(criterion: &mut Criterion) {
    let mut each = EachTarget(criterion);
    each.bench("line/linear", "0 1000 linear 254:0 10", TableLine::<Linear>::parse_printed_as);
    each.bench("line/any", "0 1000 linear 254:0 10", TableLine::parse_printed);
}

/// A load of many lines.
fn load(criterion: &mut Criterion) {
    let line = |start| {
        let table = dm_targets::linear::LinearTable::new(DeviceNumber::new(254, 16), Sectors(start));
        TableLine::new(Sectors(start), Sectors(8), AnyTable::from(table))
    };
    let table: Vec<TableLine> = (0..100_000).map(|number| line(number * 8)).collect();
    let mut text = String::with_capacity(table.len() * 32);
    criterion.bench_function("load/100000 linear params", |bencher| {
        bencher.iter(|| {
            text.clear();
            table.iter().try_for_each(|line| write!(text, "{}", line.params))
        });
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    targets(&mut criterion);
    lines(&mut criterion);
    load(&mut criterion);
    criterion.final_summary();
}
