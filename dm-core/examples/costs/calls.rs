//! The calls whose costs are counted.
//!
//! Each answer is walked to its end and each field of an item is read, but of device numbers only the minor.

use std::hint::black_box;

use dm_core::{
    Buffer, CreateOptions, DepsOptions, DeviceList, Dm, DmName, InfoOptions, ListOptions, LoadOptions, RemoveOptions,
    ResumeOptions, StatusOptions, TableStatus, TargetLine, Transport, WriteParams,
};
use dm_units::DeviceNumber;

use crate::tables;

/// The device that the lines of tables to be loaded lie on.
pub(crate) const BELOW: &str = "costs-below";
/// The device whose table is read.
pub(crate) const TABLE: &str = "costs-table";
/// The device that stands on others.
pub(crate) const DEPS: &str = "costs-deps";
/// The device that tables are loaded for.
pub(crate) const LOAD: &str = "costs-load";
/// The device that is made and removed.
const LIFE: &str = "costs-life";

/// A name.
pub(crate) fn name(text: &str) -> DmName<'_> {
    DmName::new(text).expect("a good name")
}

/// A call, ready to be made over and over; `size` is how many lines a table has that it loads.
pub(crate) fn find<T: Transport + 'static>(dm: Dm<T>, call: &str, size: usize) -> Box<dyn FnMut()> {
    let mut buffer = Buffer::new();
    let (table, load, stack) = (name(TABLE), name(LOAD), name(DEPS));
    match call {
        "version" => Box::new(move || {
            black_box(dm.version().expect("an answer"));
        }),
        "device_info" => Box::new(move || {
            let info = dm.device_info(table, InfoOptions::new()).expect("an answer");
            black_box(info.number());
        }),
        "list_devices" | "list_devices_uuids" => {
            let options = ListOptions::new().uuids(call == "list_devices_uuids");
            Box::new(move || walk_list(&dm.list_devices(&mut buffer, options).expect("an answer")))
        }
        "list_devices_owned" => Box::new(move || {
            walk_list(&dm.list_devices(&mut buffer, ListOptions::new()).expect("an answer").to_owned());
        }),
        "table_text" | "first_table_text" => read_table(dm, StatusOptions::table()),
        "table_status" => read_table(dm, StatusOptions::new()),
        "table_text_owned" => Box::new(move || {
            let lines = dm.table_status(&mut buffer, table, StatusOptions::table()).expect("an answer");
            walk_table(&lines.to_owned());
        }),
        "table_deps" => Box::new(move || {
            let deps = dm.table_deps(&mut buffer, stack, DepsOptions::new()).expect("an answer");
            black_box(deps.iter().fold(0, |sum, number| sum ^ number.minor));
        }),
        "list_versions" => Box::new(move || {
            let versions = dm.list_versions(&mut buffer).expect("an answer");
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
                let lines = tables::typed(below, size);
                black_box(dm.table_load(&mut buffer, load, lines, LoadOptions::new()).expect("an answer"));
            })
        }
        "table_load_text" => {
            let texts = tables::texts(below(&dm), size);
            Box::new(move || {
                let lines = tables::from_texts(&texts);
                black_box(dm.table_load(&mut buffer, load, lines, LoadOptions::new()).expect("an answer"));
            })
        }
        "life" => {
            let (below, life) = (below(&dm), name(LIFE));
            Box::new(move || live(&dm, &mut buffer, life, tables::typed(below, size)))
        }
        unknown => panic!("no call {unknown}"),
    }
}

fn below<T: Transport>(dm: &Dm<T>) -> DeviceNumber {
    dm.device_info(name(BELOW), InfoOptions::new()).expect("an answer").number()
}

fn read_table<T: Transport + 'static>(dm: Dm<T>, options: StatusOptions) -> Box<dyn FnMut()> {
    let (mut buffer, table) = (Buffer::new(), name(TABLE));
    // The answer is looked at where it is: it holds a whole header.
    Box::new(move || walk_table(dm.table_status(&mut buffer, table, options).as_ref().expect("an answer")))
}

fn walk_list<B: AsRef<[u8]>>(devices: &DeviceList<B>) {
    black_box(devices.iter().map(|device| device.expect("a device")).fold(0, |sum, device| {
        let uuid = device.uuid.map_or(0, |uuid| uuid.as_bytes().len());
        sum ^ device.name.as_bytes().len() ^ uuid ^ device.event_nr.unwrap_or(0) as usize ^ device.number.minor as usize
    }));
}

fn walk_table<B: AsRef<[u8]>>(table: &TableStatus<B>) {
    black_box(
        table.iter().map(|line| line.expect("a line")).fold(0, |sum, line| {
            sum ^ line.start.0 ^ line.length.0 ^ (line.target_type.len() + line.params.len()) as u64
        }),
    );
}

fn live<T: Transport>(
    dm: &Dm<T>,
    buffer: &mut Buffer,
    name: DmName<'_>,
    lines: impl Iterator<Item = TargetLine<'static, impl WriteParams>>,
) {
    dm.device_create(name, CreateOptions::new()).expect("an answer");
    dm.table_load(buffer, name, lines, LoadOptions::new()).expect("an answer");
    dm.device_resume(name, ResumeOptions::new()).expect("an answer");
    dm.device_remove(name, RemoveOptions::new()).expect("an answer");
}
