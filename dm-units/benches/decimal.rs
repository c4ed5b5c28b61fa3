//! Numbers of tables and statuses, written and read here and by the standard library.

use std::fmt::Write;
use std::hint::black_box;

use criterion::Criterion;
use dm_units::{DeviceNumber, decimal};

/// Start sectors of the lines of a table.
fn starts() -> impl Iterator<Item = u32> {
    (0..1000).map(|line| line << 11)
}

fn write(criterion: &mut Criterion) {
    let mut out = String::with_capacity(1 << 16);
    let mut group = criterion.benchmark_group("write 1000");
    group.bench_function("numbers", |bencher| {
        bencher.iter(|| {
            out.clear();
            starts().try_for_each(|start| decimal::write_u64(&mut out, black_box(start).into()))
        });
    });
    group.bench_function("numbers, core::fmt", |bencher| {
        bencher.iter(|| {
            out.clear();
            starts().try_for_each(|start| write!(out, "{}", black_box(start)))
        });
    });
    group.bench_function("device numbers", |bencher| {
        bencher.iter(|| {
            out.clear();
            starts().try_for_each(|start| write!(out, "{}", black_box(DeviceNumber::new(253, start))))
        });
    });
    group.bench_function("device numbers, core::fmt", |bencher| {
        bencher.iter(|| {
            out.clear();
            starts().try_for_each(|start| write!(out, "{}:{}", black_box(253), black_box(start)))
        });
    });
}

fn read(criterion: &mut Criterion) {
    let texts: Vec<String> = starts().map(|start| start.to_string()).collect();
    let mut group = criterion.benchmark_group("read 1000");
    group.bench_function("numbers", |bencher| {
        bencher.iter(|| texts.iter().filter(|text| decimal::parse_u64(black_box(text).as_bytes()).is_ok()).count());
    });
    group.bench_function("numbers, core::str", |bencher| {
        bencher.iter(|| texts.iter().filter(|text| black_box(text).parse::<u64>().is_ok()).count());
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    write(&mut criterion);
    read(&mut criterion);
    criterion.final_summary();
}
