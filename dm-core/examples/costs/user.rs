//! The part of a call in user space, with a prepared reply instead of a kernel.

use std::hint::black_box;

use dm_core::{Command, Dm, Transport as _};

use crate::calls;
use crate::kernel::Kernel;
use crate::tables;

const DEVICES: usize = 4000;
const LINES: usize = 100_000;
const DEPS: u32 = 100;

/// Makes a call `count` times.
pub(crate) fn repeat_call(call: &str, count: usize) {
    let (kernel, ..) = find(call);
    let mut call = calls::find(Dm::with_transport(kernel), call, LINES);
    (0..count).for_each(|_| call());
}

/// Makes the ioctl of a call `count` times.
pub(crate) fn repeat_ioctl(call: &str, count: usize) {
    let (kernel, command, room) = find(call);
    let mut request = vec![0; room];
    (0..count).for_each(|_| kernel.ioctl(command, black_box(&mut request)).expect("an answer"));
}

/// The simulated kernel that answers a call, the command that the call sends, and the size of the answer's buffer.
fn find(call: &str) -> (Kernel, Command, usize) {
    match call {
        "version" => (Kernel::with_device(), Command::Version, 312),
        "device_info" => (Kernel::with_device(), Command::DeviceInfo, 312),
        "list_devices" => (Kernel::with_devices(DEVICES, false), Command::ListDevices, 1 << 20),
        "list_devices_uuids" => (Kernel::with_devices(DEVICES, true), Command::ListDevices, 1 << 20),
        "table_text" => {
            let texts = tables::texts(tables::BELOW, LINES);
            (Kernel::with_lines(&texts), Command::TableStatus, 1 << 24)
        }
        "table_load_typed" | "table_load_text" => (Kernel::with_device(), Command::TableLoad, 312),
        "table_deps" => (Kernel::with_deps(DEPS), Command::TableDeps, 4096),
        unknown => panic!("no call {unknown}"),
    }
}
