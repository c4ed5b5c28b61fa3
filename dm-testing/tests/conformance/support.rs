//! Functions for the tests of several commands.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::{
    AsDevId, Command, DevId, DeviceInfo, Dm, DmName, DmNameBuf, InfoOptions, LineText, NameError, RemovePolicy, Retry,
    StatusOptions, TableSlot, TargetLine, TargetParams, Transport,
};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors, Version};

/// The size of most devices.
pub(crate) const LENGTH: Sectors = Sectors(64);

/// The timeout for conditions that are met within a moment.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Long enough to see that a thread does not block.
pub(crate) const A_WHILE: Duration = Duration::from_millis(50);

/// A mapped device of a test.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    name: DmNameBuf,
    number: DeviceNumber,
}

impl Mapped {
    pub(crate) fn name(&self) -> &DmName {
        &self.name
    }

    pub(crate) const fn number(&self) -> DeviceNumber {
        self.number
    }
}

/// Identifies the device by its number, which stays the same after a rename.
impl AsDevId for Mapped {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(DevId::Number(self.number))
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// Functions of kernels for tests.
pub(crate) trait Devices {
    /// A handle for single commands.
    fn dm(&self) -> Dm;

    /// A device without a table.
    fn create(&self, suffix: &str) -> Mapped;

    /// A device with an active table.
    fn map<P: TargetParams>(&self, suffix: &str, lines: impl IntoIterator<Item = TargetLine<P>>) -> Mapped;

    /// Makes another table active.
    fn swap<P: TargetParams>(&self, device: &Mapped, lines: impl IntoIterator<Item = TargetLine<P>>) -> DeviceInfo;
}

impl Devices for dyn TestKernel + '_ {
    fn dm(&self) -> Dm {
        self.host().dm().clone()
    }

    fn create(&self, suffix: &str) -> Mapped {
        let name = self.name(suffix);
        let number = self.dm().device_create(&name).unwrap().number();
        Mapped { name, number }
    }

    fn map<P: TargetParams>(&self, suffix: &str, lines: impl IntoIterator<Item = TargetLine<P>>) -> Mapped {
        let device = self.create(suffix);
        self.swap(&device, lines);
        device
    }

    fn swap<P: TargetParams>(&self, device: &Mapped, lines: impl IntoIterator<Item = TargetLine<P>>) -> DeviceInfo {
        self.dm().table_load(device, lines).unwrap();
        self.dm().device_resume(device).unwrap()
    }
}

/// A name that contains these bytes.
pub(crate) fn name_of_bytes(kernel: &dyn TestKernel, suffix: &[u8]) -> DmNameBuf {
    DmNameBuf::new(&[kernel.prefix().as_bytes(), suffix].concat()).unwrap()
}

pub(crate) fn zero(length: Sectors) -> TargetLine<LineText<'static, &'static str>> {
    TargetLine::text(Sectors(0), length, "zero", "")
}

pub(crate) fn linear(below: DeviceNumber, start: Sectors) -> TargetLine<LineText<'static, String>> {
    TargetLine::text(Sectors(0), LENGTH, "linear", format!("{below} {start}"))
}

/// Lines of `linear` that map the first `count` sectors of a disk one by one, in reverse order.
pub(crate) fn one_sector_each(below: DeviceNumber, count: u64) -> Vec<TargetLine<LineText<'static, String>>> {
    let line = |sector: u64| {
        let there = count.saturating_sub(sector).saturating_sub(1);
        TargetLine::text(Sectors(sector), Sectors(1), "linear", format!("{below} {there}"))
    };
    (0..count).map(line).collect()
}

pub(crate) fn info(kernel: &dyn TestKernel, id: impl AsDevId) -> DeviceInfo {
    kernel.dm().device_info(id).unwrap()
}

pub(crate) fn inactive_info(kernel: &dyn TestKernel, device: &Mapped) -> DeviceInfo {
    kernel.dm().device_info_with(device, InfoOptions::new().slot(TableSlot::Inactive)).unwrap()
}

pub(crate) fn exists(kernel: &dyn TestKernel, id: impl AsDevId) -> bool {
    exists_on(&kernel.dm(), id)
}

pub(crate) fn exists_on(dm: &Dm, id: impl AsDevId) -> bool {
    match dm.device_info(id) {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => unreachable!("{error}"),
    }
}

/// The lines of a table or a status, each as `dmsetup` prints it.
pub(crate) fn lines(kernel: &dyn TestKernel, id: impl AsDevId, options: StatusOptions) -> Vec<String> {
    let status = kernel.dm().table_status_with(id, options).unwrap();
    status.iter().map(|line| line.unwrap().to_string()).collect()
}

pub(crate) fn table(kernel: &dyn TestKernel, id: impl AsDevId) -> Vec<String> {
    lines(kernel, id, StatusOptions::table())
}

pub(crate) fn inactive_table(kernel: &dyn TestKernel, device: &Mapped) -> Vec<String> {
    lines(kernel, device, StatusOptions::table().slot(TableSlot::Inactive))
}

/// Loads a table into the inactive slot.
pub(crate) fn load(
    kernel: &dyn TestKernel,
    device: &Mapped,
    line: TargetLine<impl TargetParams>,
) -> dm_core::Result<DeviceInfo> {
    kernel.dm().table_load(device, [line])
}

/// Checks repeatedly until the condition is met.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < SOON, "waited for {what} in vain");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a command that requires a closed device, as soon as udev has closed it.
pub(crate) fn when_free<T>(mut command: impl FnMut() -> dm_core::Result<T>) -> T {
    let mut result = None;
    wait_until("udev to close a device", || {
        result = Some(command());
        !matches!(&result, Some(Err(error)) if error.is_busy())
    });
    result.unwrap().unwrap()
}

/// Long enough for other programs to close a device that they have opened for a moment.
pub(crate) const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(SOON));

/// Out of memory: a failure that any command can have.
pub(crate) const ENOMEM: i32 = 12;

/// An error with its causes.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Names of other files in `/dev/mapper`.
pub(crate) const RESERVED: [&str; 3] = ["control", ".", ".."];

/// Whether the kernel refuses these names for devices, as it does since interface 4.48.
pub(crate) fn refuses_reserved_names(dm: &Dm) -> bool {
    dm.version().unwrap() >= Version::new(4, 48, 0)
}

/// A minor number far from those that the kernel chooses, different for each test.
pub(crate) fn far_minor(test: u32) -> u32 {
    (1 << 19) | test << 16 | std::process::id() & 0xffff
}

/// The content of a device in which each sector is different.
#[derive(Clone, Copy)]
pub(crate) struct Data {
    /// 0 for zeros.
    seed: u8,
    /// Added to the position of a sector to get its number.
    shift: u64,
}

impl Data {
    pub(crate) const fn new(seed: u8) -> Self {
        Self { seed, shift: 0 }
    }

    pub(crate) const fn zeros() -> Self {
        Self::new(0)
    }

    /// The same data at another place: the data of sector `from` is at sector `to`, and all other data moves by the
    /// same distance.
    pub(crate) const fn moved(self, from: Sectors, to: Sectors) -> Self {
        Self { seed: self.seed, shift: self.shift.wrapping_add(from.0).wrapping_sub(to.0) }
    }

    fn bytes(self, start: Sectors, length: Sectors) -> Vec<u8> {
        let numbers = (start.0..start.0 + length.0).map(|place| place.wrapping_add(self.shift).to_le_bytes());
        numbers
            .flat_map(|number| (0..512).map(move |at| if self.seed == 0 { 0 } else { self.seed ^ number[at % 8] }))
            .collect()
    }

    /// Writes `length` sectors at `start`.
    pub(crate) fn write(
        self,
        kernel: &dyn TestKernel,
        device: DeviceNumber,
        start: Sectors,
        length: Sectors,
    ) -> io::Result<()> {
        kernel.write(device, start, &self.bytes(start, length))
    }

    /// Panics unless `length` sectors at `start` contain it.
    #[track_caller]
    pub(crate) fn verify(self, kernel: &dyn TestKernel, device: DeviceNumber, start: Sectors, length: Sectors) {
        let expected = self.bytes(start, length);
        let mut read = vec![0xee; expected.len()];
        kernel.read(device, start, &mut read).unwrap();
        let wrong = read.chunks(512).zip(expected.chunks(512)).position(|(read, expected)| read != expected);
        assert_eq!(wrong, None, "the first wrong sector of {length} from {start} on");
    }
}

/// The size of `struct dm_ioctl`, after which the payload starts.
pub(crate) const HEADER_SIZE: usize = 312;

/// A transport to the kernel that records calls.
#[derive(Debug)]
struct Recorder {
    kernel: Arc<dyn Transport>,
    calls: Calls,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) command: Command,
    /// The size of the buffer.
    pub(crate) offered: usize,
    /// Whether the buffer after the header is zero afterwards.
    pub(crate) left_zeros: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// Takes the calls since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A separate handle whose calls are recorded.
pub(crate) fn recorded(kernel: &dyn TestKernel) -> (Dm, Calls) {
    let calls = Calls::default();
    let kernel = kernel.dm().transport();
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

/// A transport to the kernel on which one command fails.
#[derive(Debug)]
struct Failing {
    kernel: Arc<dyn Transport>,
    command: Command,
    errno: i32,
}

/// A separate handle on which every call of a command fails without effect.
pub(crate) fn failing_at(kernel: &dyn TestKernel, command: Command, errno: i32) -> Dm {
    Dm::with_transport(Failing { kernel: kernel.dm().transport(), command, errno })
}

impl Transport for Failing {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == self.command {
            return Err(io::Error::from_raw_os_error(self.errno));
        }
        self.kernel.ioctl(command, request)
    }
}
