//! What the tests of several commands need.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dm_core::{
    AsDevId, Command, DeviceInfo, Dm, InfoOptions, LineText, StatusOptions, TableSlot, TargetLine, TargetParams,
    Transport,
};
use dm_testing::{MappedDevice, Scratch, wait_until};
use dm_units::{DeviceNumber, Sectors, Version};

/// The size of most devices here.
pub(crate) const LENGTH: Sectors = Sectors(64);

/// How long to wait for what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Long enough for a thread to show that it does not wait.
pub(crate) const A_WHILE: Duration = Duration::from_millis(50);

pub(crate) fn zero(length: Sectors) -> TargetLine<LineText<'static, &'static str>> {
    TargetLine::text(Sectors(0), length, "zero", "")
}

pub(crate) fn linear(below: DeviceNumber, start: Sectors) -> TargetLine<LineText<'static, String>> {
    TargetLine::text(Sectors(0), LENGTH, "linear", format!("{below} {start}"))
}

/// Lines of `linear` that map the first `count` sectors of a disk one by one, turned around.
pub(crate) fn one_sector_each(below: DeviceNumber, count: u64) -> Vec<TargetLine<LineText<'static, String>>> {
    let line = |sector: u64| {
        let there = count.saturating_sub(sector).saturating_sub(1);
        TargetLine::text(Sectors(sector), Sectors(1), "linear", format!("{below} {there}"))
    };
    (0..count).map(line).collect()
}

/// Names that other things in `/dev/mapper` have.
pub(crate) const RESERVED: [&str; 3] = ["control", ".", ".."];

/// Whether the kernel keeps devices from having them, as it does since interface 4.48.
pub(crate) fn refuses_reserved_names(scratch: &Scratch) -> bool {
    scratch.dm().version().unwrap() >= Version::new(4, 48, 0)
}

/// A minor number far from those that the kernel chooses, another one for each test that asks for one.
pub(crate) fn far_minor(test: u32) -> u32 {
    (1 << 19) | test << 16 | std::process::id() & 0xffff
}

pub(crate) fn info(scratch: &Scratch, id: impl AsDevId) -> DeviceInfo {
    scratch.dm().device_info(id).unwrap()
}

pub(crate) fn inactive_info(scratch: &Scratch, device: &MappedDevice) -> DeviceInfo {
    scratch.dm().device_info_with(device, InfoOptions::new().slot(TableSlot::Inactive)).unwrap()
}

pub(crate) fn exists(scratch: &Scratch, id: impl AsDevId) -> bool {
    match scratch.dm().device_info(id) {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => unreachable!("{error}"),
    }
}

/// The lines of a table or a status, each as `dmsetup` prints it.
pub(crate) fn lines(scratch: &Scratch, device: &MappedDevice, options: StatusOptions) -> Vec<String> {
    let status = scratch.dm().table_status_with(device, options).unwrap();
    status.iter().map(|line| line.unwrap().to_string()).collect()
}

pub(crate) fn table(scratch: &Scratch, device: &MappedDevice) -> Vec<String> {
    lines(scratch, device, StatusOptions::table())
}

pub(crate) fn inactive_table(scratch: &Scratch, device: &MappedDevice) -> Vec<String> {
    lines(scratch, device, StatusOptions::table().slot(TableSlot::Inactive))
}

/// Loads into the inactive slot.
pub(crate) fn load(
    scratch: &Scratch,
    device: &MappedDevice,
    line: TargetLine<impl TargetParams>,
) -> dm_core::Result<DeviceInfo> {
    scratch.dm().table_load(device, [line])
}

/// Does what needs a device that is not open, as soon as udev has stopped looking at it.
pub(crate) fn when_free<T>(mut command: impl FnMut() -> dm_core::Result<T>) -> T {
    let mut result = None;
    wait_until("udev to close a device", SOON, || match command() {
        Err(error) if error.is_busy() => false,
        other => {
            result = Some(other);
            true
        }
    })
    .unwrap();
    result.unwrap().unwrap()
}

/// An attribute in a device's folder in sysfs, without its newline; `None` where there is no such file.
pub(crate) fn sysfs(number: DeviceNumber, attribute: &str) -> Option<Vec<u8>> {
    let mut bytes = fs::read(format!("/sys/dev/block/{number}/{attribute}")).ok()?;
    assert_eq!(bytes.pop(), Some(b'\n'));
    Some(bytes)
}

/// The size of `struct dm_ioctl`, behind which the payload stands.
const HEADER_SIZE: usize = 312;

/// The way to the kernel, with a record of the calls that take it.
#[derive(Debug)]
struct Recorder {
    kernel: Arc<dyn Transport>,
    calls: Calls,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) command: Command,
    /// How many bytes it offered.
    pub(crate) offered: usize,
    /// Whether all that it offered behind the header is zero afterwards.
    pub(crate) left_zeros: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// The calls since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A separate handle whose calls are recorded.
pub(crate) fn recorded() -> (Dm, Calls) {
    let calls = Calls::default();
    let kernel = Dm::open().unwrap().transport();
    (Dm::with_transport(Recorder { kernel, calls: calls.clone() }), calls)
}

impl Transport for Recorder {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let result = self.kernel.ioctl(command, request);
        let left_zeros = request.get(HEADER_SIZE..).unwrap().iter().all(|byte| *byte == 0);
        self.calls.0.lock().unwrap().push(Call { command, offered: request.len(), left_zeros });
        result
    }
}
