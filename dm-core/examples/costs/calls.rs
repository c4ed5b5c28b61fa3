//! The calls that are measured.
//!
//! They decode each reply completely and read each field of an item, but of a device number or a version only the minor
//! number.

use std::hint::black_box;

use dm_core::{DeviceList, Dm, ListOptions, StatusOptions, TableStatus};
use dm_units::DeviceNumber;

use crate::operations;
use crate::tables;

/// The device that loaded tables use.
pub(crate) const BELOW: &str = "costs-below";
/// The device whose table is read.
pub(crate) const TABLE: &str = "costs-table";
/// The device that uses many others.
pub(crate) const DEPS: &str = "costs-deps";
/// The device into which tables are loaded.
pub(crate) const LOAD: &str = "costs-load";
/// The device that is created and removed.
const LIFE: &str = "costs-life";

/// A call that can be repeated; `size` is the number of lines of the table that it loads.
///
/// A call whose name starts with `first_` is the same call as the first one of a new handle.
pub(crate) fn find(dm: Dm, call: &str, size: usize) -> Box<dyn FnMut()> {
    if let Some(operation) = operations::find(&dm, call, size) {
        return operation;
    }
    match call.trim_start_matches("first_") {
        "open" => Box::new(|| {
            black_box(Dm::open().expect("the device mapper"));
        }),
        "open_version" => Box::new(|| {
            black_box(Dm::open().expect("the device mapper").version().expect("an answer"));
        }),
        "version" => Box::new(move || {
            black_box(dm.version().expect("an answer"));
        }),
        "device_info" => Box::new(move || {
            black_box(dm.device_info(TABLE).expect("an answer").number());
        }),
        "list_devices" => Box::new(move || read_list(&dm.list_devices().expect("an answer"))),
        "list_devices_uuids" => {
            Box::new(move || read_list(&dm.list_devices_with(ListOptions::new().uuids(true)).expect("an answer")))
        }
        "table_text" => {
            Box::new(move || read_table(&dm.table_status_with(TABLE, StatusOptions::table()).expect("an answer")))
        }
        "table_status" => Box::new(move || read_table(&dm.table_status(TABLE).expect("an answer"))),
        "table_deps" => Box::new(move || {
            let deps = dm.table_deps(DEPS).expect("an answer");
            black_box(deps.iter().fold(0, |sum, number| sum ^ number.minor));
        }),
        "list_versions" => Box::new(move || {
            let versions = dm.list_versions().expect("an answer");
            black_box(
                versions
                    .iter()
                    .map(|target| target.expect("a target"))
                    .fold(0, |sum, target| sum ^ target.target_type.len() ^ target.version.minor as usize),
            );
        }),
        "table_load_typed" => {
            let below = below(&dm);
            Box::new(move || {
                black_box(dm.table_load(LOAD, tables::typed(below, size)).expect("an answer"));
            })
        }
        "table_load_text" => {
            let texts = tables::texts(below(&dm), size);
            Box::new(move || {
                black_box(dm.table_load(LOAD, tables::from_texts(&texts)).expect("an answer"));
            })
        }
        "life" => {
            let below = below(&dm);
            Box::new(move || live(&dm, below, size))
        }
        unknown => panic!("no call {unknown}"),
    }
}

fn below(dm: &Dm) -> DeviceNumber {
    dm.device_info(BELOW).expect("an answer").number()
}

fn read_list(devices: &DeviceList) {
    black_box(devices.iter().map(|device| device.expect("a device")).fold(0, |sum, device| {
        let uuid = device.uuid.map_or(0, |uuid| uuid.as_bytes().len());
        sum ^ device.name.as_bytes().len() ^ uuid ^ device.event_nr.unwrap_or(0) as usize ^ device.number.minor as usize
    }));
}

fn read_table(table: &TableStatus) {
    black_box(
        table.iter().map(|line| line.expect("a line")).fold(0, |sum, line| {
            sum ^ line.start.0 ^ line.length.0 ^ (line.target_type.len() + line.params.len()) as u64
        }),
    );
}

fn live(dm: &Dm, below: DeviceNumber, lines: usize) {
    dm.device_create(LIFE).expect("an answer");
    dm.table_load(LIFE, tables::typed(below, lines)).expect("an answer");
    dm.device_resume(LIFE).expect("an answer");
    dm.device_remove(LIFE).expect("an answer");
}
