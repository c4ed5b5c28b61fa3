//! Requests written into the buffer and answers decoded from it: how long it takes, and how many allocations.
//!
//! The kernel is one that is none. To answer it copies the answer's bytes, which is part of the time.
#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a bench may fail as a test may")]

mod kernel;
mod tables;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use dm_core::{Buffer, DepsOptions, Dm, DmName, ListOptions, LoadOptions, StatusOptions};
use kernel::Kernel;

const LINES: [usize; 4] = [1, 100, 10_000, 100_000];
const DEVICES: [usize; 4] = [10, 100, 1_000, 10_000];
/// How long the answers are that a fresh buffer has to grow for.
const GROWN: usize = 10_000;

fn name() -> DmName<'static> {
    DmName::new("root").unwrap()
}

/// Measures one call over and over, and says how many allocations it makes once it has been made.
fn measure(criterion: &mut Criterion, group: &str, items: usize, mut call: impl FnMut()) {
    call();
    let allocations = allocation_counter::measure(&mut call).count_total;
    println!("{group}/{items}: {allocations} allocations");
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(items as u64));
    group.bench_function(BenchmarkId::from_parameter(items), |bencher| bencher.iter(&mut call));
}

fn encode(criterion: &mut Criterion) {
    let dm = Dm::with_transport(Kernel::with_device());
    let mut buffer = Buffer::new();
    for count in LINES {
        measure(criterion, "table_load, typed lines", count, || {
            black_box(
                dm.table_load(&mut buffer, name(), tables::typed(tables::BELOW, count), LoadOptions::new()).unwrap(),
            );
        });
        let texts = tables::texts(tables::BELOW, count);
        measure(criterion, "table_load, lines of text", count, || {
            black_box(dm.table_load(&mut buffer, name(), tables::from_texts(&texts), LoadOptions::new()).unwrap());
        });
    }
}

/// Reads a status and walks through it.
fn read_status(dm: &Dm<Kernel>, buffer: &mut Buffer) {
    let status = dm.table_status(buffer, name(), StatusOptions::new()).unwrap();
    assert!(status.iter().all(|line| black_box(line).is_ok()));
}

/// Reads a list and walks through it.
fn read_list(dm: &Dm<Kernel>, buffer: &mut Buffer, uuids: bool) {
    let devices = dm.list_devices(buffer, ListOptions::new().uuids(uuids)).unwrap();
    assert!(devices.iter().all(|device| black_box(device).is_ok()));
}

fn decode(criterion: &mut Criterion) {
    for count in LINES {
        let dm = Dm::with_transport(Kernel::with_lines(&tables::texts(tables::BELOW, count)));
        let mut buffer = Buffer::new();
        measure(criterion, "table_status", count, || read_status(&dm, &mut buffer));
    }
    for (group, uuids) in [("list_devices", false), ("list_devices with uuids", true)] {
        for count in DEVICES {
            let dm = Dm::with_transport(Kernel::with_devices(count, uuids));
            let mut buffer = Buffer::new();
            measure(criterion, group, count, || read_list(&dm, &mut buffer, uuids));
        }
    }
    let dm = Dm::with_transport(Kernel::with_deps(100));
    let mut buffer = Buffer::new();
    measure(criterion, "table_deps", 100, || {
        let deps = dm.table_deps(&mut buffer, name(), DepsOptions::new()).unwrap();
        black_box(deps.iter().map(black_box).count());
    });
}

/// A fresh buffer for each call: asked again until the answer fits.
fn growth(criterion: &mut Criterion) {
    let dm = Dm::with_transport(Kernel::with_lines(&tables::texts(tables::BELOW, GROWN)));
    measure(criterion, "growth, table_status", GROWN, || read_status(&dm, &mut Buffer::new()));
    let dm = Dm::with_transport(Kernel::with_devices(GROWN, true));
    measure(criterion, "growth, list_devices with uuids", GROWN, || read_list(&dm, &mut Buffer::new(), true));
    let dm = Dm::with_transport(Kernel::with_device());
    measure(criterion, "growth, table_load", GROWN, || {
        let mut buffer = Buffer::new();
        black_box(dm.table_load(&mut buffer, name(), tables::typed(tables::BELOW, GROWN), LoadOptions::new()).unwrap());
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    encode(&mut criterion);
    decode(&mut criterion);
    growth(&mut criterion);
    criterion.final_summary();
}
