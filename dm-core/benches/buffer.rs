//! Requests written and answers decoded: how long it takes, and how many allocations.
//!
//! No kernel takes part. The transport copies a prepared answer, which is part of the time.
#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a bench may fail as a test may")]

mod kernel;
mod tables;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use dm_core::{Dm, ListOptions, StatusOptions};
use kernel::Kernel;

const LINES: [usize; 4] = [1, 100, 10_000, 100_000];
const DEVICES: [usize; 4] = [10, 100, 1_000, 10_000];
/// The length of the answers that a new handle has to grow its memory for.
const GROWN: usize = 10_000;

/// Measures one call over and over, and prints how many allocations it makes once it has been made.
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
    for count in LINES {
        measure(criterion, "table_load, typed lines", count, || load_typed(&dm, count));
        let texts = tables::texts(tables::BELOW, count);
        measure(criterion, "table_load, lines of text", count, || {
            black_box(dm.table_load("root", tables::from_texts(&texts)).unwrap());
        });
    }
}

fn load_typed(dm: &Dm, count: usize) {
    black_box(dm.table_load("root", tables::typed(tables::BELOW, count)).unwrap());
}

/// Reads a status and decodes every line.
fn read_status(dm: &Dm) {
    let status = dm.table_status_with("root", StatusOptions::new()).unwrap();
    assert!(status.iter().all(|line| black_box(line).is_ok()));
}

/// Reads a list and decodes every device.
fn read_list(dm: &Dm, uuids: bool) {
    let devices = dm.list_devices_with(ListOptions::new().uuids(uuids)).unwrap();
    assert!(devices.iter().all(|device| black_box(device).is_ok()));
}

fn decode(criterion: &mut Criterion) {
    for count in LINES {
        let dm = Dm::with_transport(Kernel::with_lines(&tables::texts(tables::BELOW, count)));
        measure(criterion, "table_status", count, || read_status(&dm));
    }
    for (group, uuids) in [("list_devices", false), ("list_devices with uuids", true)] {
        for count in DEVICES {
            let dm = Dm::with_transport(Kernel::with_devices(count, uuids));
            measure(criterion, group, count, || read_list(&dm, uuids));
        }
    }
    let dm = Dm::with_transport(Kernel::with_deps(100));
    measure(criterion, "table_deps", 100, || {
        black_box(dm.table_deps("root").unwrap().iter().map(black_box).count());
    });
}

/// Measures the calls of a new handle, which has no memory yet and sends them again until the answer fits.
fn growth(criterion: &mut Criterion) {
    let mut first = |group: &str, dm: Dm, call: fn(&Dm)| {
        measure(criterion, group, GROWN, || {
            dm.free_memory();
            call(&dm);
        });
    };
    let lines = Kernel::with_lines(&tables::texts(tables::BELOW, GROWN));
    first("growth, table_status", Dm::with_transport(lines), read_status);
    let devices = Kernel::with_devices(GROWN, true);
    first("growth, list_devices with uuids", Dm::with_transport(devices), |dm| read_list(dm, true));
    first("growth, table_load", Dm::with_transport(Kernel::with_device()), |dm| load_typed(dm, GROWN));
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
