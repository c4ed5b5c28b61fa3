//! Runs one call of dm-core many times, against a kernel that is none: for counting its instructions.
//!
//! `costs CALL COUNT` makes the call so many times; `costs CALL COUNT ioctl` makes the ioctls of it only. What the call
//! costs in user space is the difference of both, for so many more calls. `cargo xtask costs` does the sum with callgrind.
//!
//! Each answer is walked to its end and each field of an item is read, but of device numbers only the minor.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "made-up answers of known size; a fault ends the run"
)]

#[path = "../benches/kernel/mod.rs"]
mod kernel;
#[path = "../benches/tables/mod.rs"]
mod tables;

use std::hint::black_box;

use dm_core::{
    Buffer, Command, DepsOptions, Dm, DmName, InfoOptions, ListOptions, LoadOptions, StatusOptions, Transport as _,
};
use kernel::Kernel;

const LINES: usize = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, call, count, only_ioctl @ ..] = arguments.as_slice() else {
        eprintln!("usage: costs CALL COUNT [ioctl]");
        std::process::exit(2);
    };
    let count = count.parse().expect("COUNT is a number");
    let only_ioctl = !only_ioctl.is_empty();
    run(call, count, only_ioctl);
}

fn run(call: &str, count: usize, only_ioctl: bool) {
    let root = DmName::new("root").expect("a good name");
    let mut buffer = Buffer::new();
    match call {
        "none" => repeat(count, only_ioctl, Kernel::with_device(), Command::Version, 312, |_| {}),
        "device_info" => repeat(count, only_ioctl, Kernel::with_device(), Command::DeviceInfo, 312, |dm| {
            let info = dm.device_info(root, InfoOptions::new()).expect("an answer");
            black_box(info.number());
        }),
        "version" => repeat(count, only_ioctl, Kernel::with_device(), Command::Version, 312, |dm| {
            black_box(dm.version().expect("an answer"));
        }),
        "list_devices" | "list_devices_uuids" => {
            let options = ListOptions::new().uuids(call == "list_devices_uuids");
            let kernel = Kernel::with_devices(4000, call == "list_devices_uuids");
            repeat(count, only_ioctl, kernel, Command::ListDevices, 1 << 20, |dm| {
                let devices = dm.list_devices(&mut buffer, options).expect("an answer");
                black_box(devices.iter().map(|device| device.expect("a device")).fold(0, |sum, device| {
                    let uuid = device.uuid.map_or(0, |uuid| uuid.as_bytes().len());
                    sum ^ device.name.as_bytes().len()
                        ^ uuid
                        ^ device.event_nr.unwrap_or(0) as usize
                        ^ device.number.minor as usize
                }));
            });
        }
        "table_text" => {
            let kernel = Kernel::with_lines(&tables::texts(LINES));
            repeat(count, only_ioctl, kernel, Command::TableStatus, 1 << 24, |dm| {
                let table = dm.table_status(&mut buffer, root, StatusOptions::table()).expect("an answer");
                black_box(table.iter().map(|line| line.expect("a line")).fold(0, |sum, line| {
                    sum ^ line.start.0 ^ line.length.0 ^ (line.target_type.len() + line.params.len()) as u64
                }));
            });
        }
        "table_load_typed" => repeat(count, only_ioctl, Kernel::with_device(), Command::TableLoad, 312, |dm| {
            let loaded = dm.table_load(&mut buffer, root, tables::typed(LINES), LoadOptions::new());
            black_box(loaded.expect("an answer"));
        }),
        "table_load_text" => {
            let texts = tables::texts(LINES);
            repeat(count, only_ioctl, Kernel::with_device(), Command::TableLoad, 312, |dm| {
                let loaded = dm.table_load(&mut buffer, root, tables::from_texts(&texts), LoadOptions::new());
                black_box(loaded.expect("an answer"));
            });
        }
        "table_deps" => repeat(count, only_ioctl, Kernel::with_deps(100), Command::TableDeps, 4096, |dm| {
            let deps = dm.table_deps(&mut buffer, root, DepsOptions::new()).expect("an answer");
            black_box(deps.iter().fold(0, |sum, number| sum ^ number.minor));
        }),
        unknown => panic!("no call {unknown}"),
    }
}

fn repeat(
    count: usize,
    only_ioctl: bool,
    kernel: Kernel,
    command: Command,
    room: usize,
    mut call: impl FnMut(&Dm<Kernel>),
) {
    let mut request = vec![0; room];
    let dm = Dm::with_transport(kernel);
    if !only_ioctl {
        (0..count).for_each(|_| call(&dm));
        return;
    }
    let kernel = dm.into_transport();
    (0..count).for_each(|_| kernel.ioctl(command, black_box(&mut request)).expect("an answer"));
}
