//! Functions for the tests of several commands.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dm_core::{
    Command, DeviceInfo, Dm, InfoOptions, LineText, StatusOptions, TableSlot, TargetLine, TargetParams, Transport,
};
use dm_testing::{MappedDevice, Scratch, wait_until};
use dm_units::{DeviceNumber, Sectors};

/// The size of most devices.
pub(crate) const LENGTH: Sectors = Sectors(64);

/// The timeout for conditions that are met within a moment.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Long enough to see that a thread does not block.
pub(crate) const A_WHILE: Duration = Duration::from_millis(50);

pub(crate) fn zero(length: Sectors) -> TargetLine<LineText<'static, &'static str>> {
    TargetLine::text(Sectors(0), length, "zero", "")
}

pub(crate) fn linear(below: DeviceNumber, start: Sectors) -> TargetLine<LineText<'static, String>> {
    TargetLine::text(Sectors(0), LENGTH, "linear", format!("{below} {start}"))
}

/// A minor number far from those that the kernel chooses, different for each test.
pub(crate) fn far_minor(test: u32) -> u32 {
    (1 << 19) | test << 16 | std::process::id() & 0xffff
}

pub(crate) fn inactive_info(scratch: &Scratch, device: &MappedDevice) -> DeviceInfo {
    scratch.dm().device_info_with(device, InfoOptions::new().slot(TableSlot::Inactive)).unwrap()
}

/// The lines of a table or a status, each as `dmsetup` prints it.
pub(crate) fn lines(scratch: &Scratch, device: &MappedDevice, options: StatusOptions) -> Vec<String> {
    let status = scratch.dm().table_status_with(device, options).unwrap();
    status.iter().map(|line| line.unwrap().to_string()).collect()
}

/// Loads a table into the inactive slot.
pub(crate) fn load(
    scratch: &Scratch,
    device: &MappedDevice,
    line: TargetLine<impl TargetParams>,
) -> dm_core::Result<DeviceInfo> {
    scratch.dm().table_load(device, [line])
}

/// Runs a command that requires a closed device, as soon as udev has closed it.
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

/// An attribute of a device in sysfs, without its newline; `None` if the file does not exist.
pub(crate) fn sysfs(number: DeviceNumber, attribute: &str) -> Option<Vec<u8>> {
    let mut bytes = fs::read(format!("/sys/dev/block/{number}/{attribute}")).ok()?;
    assert_eq!(bytes.pop(), Some(b'\n'));
    Some(bytes)
}

/// A transport to the kernel that records calls.
#[derive(Debug)]
struct Recorder {
    kernel: Arc<dyn Transport>,
    calls: Calls,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<Command>>>);

impl Calls {
    /// Takes the calls since the last time.
    pub(crate) fn take(&self) -> Vec<Command> {
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
        self.calls.0.lock().unwrap().push(command);
        self.kernel.ioctl(command, request)
    }
}
