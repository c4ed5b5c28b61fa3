//! The kernel in memory, with failures or the end of the process at chosen commands.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_core::{
    Command, CreateOptions, DeviceInfo, Dm, DmName, DmUuid, Host, InfoOptions, ListOptions, LoadOptions, RemoveOptions,
    StatusOptions, TableSlot, TargetLine, Transport, udev,
};
use dm_testing::MemoryKernel;
use dm_testing::memory::{OpenDevice, ResumeFault};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::cases::number;
use crate::model::{Device, Line, State, Table};

/// The kinds of failures of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The command has no effect.
    Before,
    /// The command is executed, but its reply is lost.
    After,
    /// A resume fails in the middle; other commands fail without effect.
    Resume(ResumeFault),
}

pub(crate) const FAULTS: [Fault; 4] =
    [Fault::Before, Fault::After, Fault::Resume(ResumeFault::Swap), Fault::Resume(ResumeFault::Targets)];

/// The planned failures, by command counted from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<(usize, Fault, i32)>,
    /// From this command on, all fail without effect.
    pub(crate) all_from: Option<(usize, i32)>,
    /// The process ends at this command, which is not executed.
    pub(crate) stop_at: Option<usize>,
}

/// A change that another process makes just before a command, counted from 1.
type Interference = Box<dyn FnOnce(&Kernel) + Send>;

/// The panic that ends the process.
#[derive(Debug)]
pub(crate) struct Stopped;

#[derive(Default)]
struct Inner {
    plan: Plan,
    interference: Option<(usize, Interference)>,
    sent: Vec<Command>,
    messages: usize,
    /// Whether a device is suspended, if that is known.
    has_suspended: Option<bool>,
    /// Messages are refused unless this device is suspended.
    origin: Option<&'static str>,
    is_stopped: bool,
}

/// A kernel with its plan; clones share both.
#[derive(Clone)]
pub(crate) struct Kernel {
    memory: MemoryKernel,
    /// A handle without planned failures.
    other: Dm,
    opened: Arc<BTreeMap<u32, Vec<OpenDevice>>>,
    inner: Arc<Mutex<Inner>>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self::new(&State::default())
    }
}

impl Kernel {
    /// A kernel with these devices and three disks.
    pub(crate) fn new(state: &State) -> Self {
        Self::over(MemoryKernel::new(), state)
    }

    /// The devices and disks in this kernel.
    pub(crate) fn over(memory: MemoryKernel, state: &State) -> Self {
        for _ in 0..3 {
            let _ = memory.disk(Bytes(1 << 20));
        }
        let other = memory.dm();
        let mut kernel = Self { memory, other, opened: Arc::default(), inner: Arc::default() };
        // A device uses later ones in the list.
        for (minor, device) in state.devices.iter().rev() {
            kernel.add(*minor, device);
        }
        let open = |(minor, device): (&u32, &Device)| {
            (*minor, (0..device.opened).map(|_| kernel.memory.open(number(*minor)).unwrap()).collect())
        };
        kernel.opened = Arc::new(state.devices.iter().map(open).collect());
        for (minor, device) in &state.devices {
            if device.deferred {
                kernel.other.device_remove_with(number(*minor), RemoveOptions::new().deferred(true)).unwrap();
            }
        }
        kernel
    }

    /// Adds a device.
    pub(crate) fn add(&self, minor: u32, device: &Device) {
        let (dm, name) = (&self.other, DmName::new(&device.name).unwrap());
        let mut options = CreateOptions::new().minor(minor);
        if !device.uuid.is_empty() {
            options = options.uuid(DmUuid::new(&device.uuid).unwrap());
        }
        dm.device_create_with(name, options).unwrap();
        for (slot, table) in [(TableSlot::Active, &device.active), (TableSlot::Inactive, &device.inactive)] {
            let Some(table) = table else { continue };
            let lines = table.lines.iter().map(|line| {
                let (start, length) = (Sectors(line.start), Sectors(line.length));
                TargetLine::text(start, length, &line.target, line.params.as_str())
            });
            dm.table_load_with(name, lines, LoadOptions::new().read_only(table.read_only)).unwrap();
            if slot == TableSlot::Active {
                dm.device_resume(name).unwrap();
            }
        }
        if device.suspended {
            dm.device_suspend(name).unwrap();
        }
        self.memory.set_internally_suspended(name, device.internally_suspended);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host without nodes, since devices in memory have none.
    pub(crate) fn host(&self) -> Host {
        let planned = Planned { kernel: self.clone(), transport: self.other.transport() };
        Host::new(Dm::with_transport(planned)).with_udev(udev::Udev::new(udev::Strategy::None))
    }

    /// The handle of another process.
    pub(crate) const fn other(&self) -> &Dm {
        &self.other
    }

    /// From now on, commands are counted and fail as planned.
    pub(crate) fn set_plan(&self, plan: Plan) {
        let mut inner = self.inner();
        inner.plan = plan;
        inner.sent.clear();
        inner.is_stopped = false;
    }

    /// Makes another process change something just before the `n`-th command.
    pub(crate) fn interfere(&self, n: usize, change: impl FnOnce(&Self) + Send + 'static) {
        self.inner().interference = Some((n, Box::new(change)));
    }

    pub(crate) fn take_messages_only_while_suspended(&self, origin: &'static str) {
        self.inner().origin = Some(origin);
    }

    /// The commands since the plan was set.
    pub(crate) fn sent(&self) -> Vec<Command> {
        self.inner().sent.clone()
    }

    pub(crate) fn has_suspended(&self) -> bool {
        let known = self.inner().has_suspended;
        known.unwrap_or_else(|| {
            let is_suspended = |number| self.other.device_info(number).unwrap().is_suspended();
            let found = self.numbers().into_iter().any(is_suspended);
            self.inner().has_suspended = Some(found);
            found
        })
    }

    fn numbers(&self) -> Vec<DeviceNumber> {
        let list = self.other.list_devices_with(ListOptions::new()).unwrap();
        list.iter().map(|device| device.unwrap().number).collect()
    }

    pub(crate) fn state(&self) -> State {
        let devices = self.numbers().into_iter().map(|number| (number.minor, self.device(number))).collect();
        State { devices, messages: self.inner().messages }
    }

    fn device(&self, number: DeviceNumber) -> Device {
        let info = self.other.device_info(number).unwrap();
        let is_inactive = info.has_inactive_table();
        let inactive = || self.other.device_info_with(number, InfoOptions::new().slot(TableSlot::Inactive)).unwrap();
        let opened = self.opened.get(&number.minor).map_or(0, Vec::len);
        Device {
            name: info.name().unwrap().to_string(),
            uuid: info.uuid().map(ToString::to_string).unwrap_or_default(),
            active: info.has_active_table().then(|| self.table(&info, TableSlot::Active)),
            inactive: is_inactive.then(|| self.table(&inactive(), TableSlot::Inactive)),
            suspended: info.is_suspended(),
            internally_suspended: info.is_internally_suspended(),
            deferred: info.is_deferred_remove(),
            opened: i32::try_from(opened).unwrap(),
        }
    }

    fn table(&self, info: &DeviceInfo, slot: TableSlot) -> Table {
        let status = self.other.table_status_with(info.number(), StatusOptions::table().slot(slot)).unwrap();
        let lines = status.iter().map(Result::unwrap).map(|line| Line {
            start: line.start.0,
            length: line.length.0,
            target: line.target_type.to_string(),
            params: line.params.to_string(),
        });
        Table { lines: lines.collect(), read_only: info.is_read_only() }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}

/// The transport on which commands fail as planned.
#[derive(Debug)]
struct Planned {
    kernel: Kernel,
    transport: Arc<dyn Transport>,
}

impl Planned {
    fn carry_out(&self, inner: &mut Inner, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::TargetMsg {
            let is_live = |origin| !self.kernel.other.device_info(origin).unwrap().is_suspended();
            if inner.origin.is_some_and(is_live) {
                return Err(io::Error::from_raw_os_error(nix::libc::EPERM));
            }
        }
        if matches!(command, Command::DeviceSuspend | Command::DeviceResume | Command::DeviceRemove) {
            inner.has_suspended = None;
        }
        let is_core = request.windows(8).any(|bytes| bytes == b"@cancel_");
        self.transport.ioctl(command, request)?;
        if command == Command::TargetMsg && !is_core {
            inner.messages += 1;
        }
        Ok(())
    }
}

impl Transport for Planned {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let mut inner = self.kernel.inner();
        if inner.is_stopped {
            return Err(io::Error::from_raw_os_error(nix::libc::EIO));
        }
        inner.sent.push(command);
        let n = inner.sent.len();
        if let Some((_, change)) = inner.interference.take_if(|(at, _)| *at == n) {
            drop(inner);
            change(&self.kernel);
            inner = self.kernel.inner();
            inner.has_suspended = None;
        }
        if inner.plan.stop_at == Some(n) {
            inner.is_stopped = true;
            drop(inner);
            std::panic::resume_unwind(Box::new(Stopped));
        }
        let failed = |errno| Err(io::Error::from_raw_os_error(errno));
        if let Some((_, errno)) = inner.plan.all_from.filter(|(from, _)| n >= *from) {
            return failed(errno);
        }
        let planned = inner.plan.faults.iter().find(|(at, ..)| *at == n).map(|(_, fault, errno)| (*fault, *errno));
        let Some((fault, errno)) = planned else { return self.carry_out(&mut inner, command, request) };
        let mut answer = request.to_vec();
        match fault {
            Fault::Resume(fault) if command == Command::DeviceResume => {
                self.kernel.memory.fail_next_resume(fault);
                let _ = self.carry_out(&mut inner, command, &mut answer);
            }
            Fault::After => {
                let _ = self.carry_out(&mut inner, command, &mut answer);
            }
            Fault::Before | Fault::Resume(_) => {}
        }
        failed(errno)
    }
}
