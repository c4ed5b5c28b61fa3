//! A kernel on which a sequence runs, and its answers with names and numbers that are the same on each kernel.

use std::any::Any;
use std::time::Instant;

use dm_core::udev::{Strategy, Udev};
use dm_core::{
    CreateOptions, DepsOptions, DevIdBuf, Dm, DmNameBuf, DmUuidBuf, Geometry, Host, InfoOptions, ListOptions,
    LoadOptions, Message, MessageOptions, OpError, Removal, RemoveOptions, RemovePolicy, ResumeOptions, StatusOptions,
    Steps, SuspendOptions,
};
use dm_testing::{FailAt, TestKernel};
use dm_units::{DeviceNumber, Sectors};

use crate::answer::{refusal, shown, shown_data, shown_status, without_events};
use crate::compare::{LONG, SOON};
use crate::lines::BLOCK;
use crate::numbers::{Listed, Numbers};
use crate::settle::{Background, settle, settling};
use crate::step::{Id, Operation, Step, Table, slot};

/// The sizes of the disks.
pub(crate) const SIZES: [Sectors; DISKS] =
    [Sectors(128), Sectors(128), Sectors(128), Sectors(4096), Sectors(8 * BLOCK), Sectors(256)];

pub(crate) const DISKS: usize = 6;

/// The number of disks for all targets, which are the first ones.
pub(crate) const GENERAL: usize = 3;

/// The disk for metadata. Its content is not compared: a kernel in memory stores most of it elsewhere or in another format.
pub(crate) const METADATA: usize = 3;

/// The disk for the data of pools and of what keeps them in another way.
pub(crate) const DATA: usize = 4;

/// The disk for the blocks in a cache, which are not compared, since the policies differ.
pub(crate) const FAST: usize = 5;

/// The sectors of a pool's metadata that distinguish a new device.
const SUPERBLOCK: Sectors = Sectors(8);

/// The number of bytes in each read or write. The length of each line is a multiple of it, so that no I/O crosses an
/// end.
const PIECE: usize = 4 * 512;

pub(crate) struct World<'k> {
    kernel: &'k dyn TestKernel,
    pub(crate) dm: Dm,
    pub(crate) disks: [DeviceNumber; DISKS],
    opened: Vec<Box<dyn Any>>,
    pub(crate) numbers: Numbers,
    background: Option<Background>,
}

type Answer = dm_core::Result<String>;

impl<'k> World<'k> {
    /// Starts with no devices and zeroed disks.
    pub(crate) fn new(
        kernel: &'k dyn TestKernel,
        disks: [DeviceNumber; DISKS],
        background: Option<Background>,
    ) -> Self {
        for (index, disk) in disks.into_iter().enumerate() {
            let length = if index == METADATA { SUPERBLOCK } else { SIZES[index] };
            kernel.write(disk, Sectors(0), &zeros(length)).unwrap();
        }
        let dm = kernel.host().dm().clone();
        let dm = background.map_or(dm.clone(), |background| settling(&dm, kernel.prefix(), background.quiet));
        Self { kernel, dm, disks, opened: Vec::new(), numbers: Numbers::new(&disks), background }
    }

    fn name(&self, name: u8) -> DmNameBuf {
        DmNameBuf::new(&format!("{}n{name}", self.kernel.prefix())).unwrap()
    }

    fn uuid(&self, uuid: u8) -> DmUuidBuf {
        DmUuidBuf::new(&format!("{}u{uuid}", self.kernel.prefix())).unwrap()
    }

    pub(crate) fn number(&self, name: u8) -> Option<DeviceNumber> {
        self.dm.device_info(self.name(name)).ok().map(|info| info.number())
    }

    fn id(&self, id: Id) -> DevIdBuf {
        match id {
            Id::Name(name) => DevIdBuf::Name(self.name(name)),
            Id::Uuid(uuid) => DevIdBuf::Uuid(self.uuid(uuid)),
            // No mapped device has the major number of the null device.
            Id::Number(name) => DevIdBuf::Number(self.number(name).unwrap_or(DeviceNumber::new(1, 3))),
        }
    }

    fn load(&self, id: &DevIdBuf, table: &Table) -> Answer {
        let lines = self.lines(table, id);
        let options = LoadOptions::new().read_only(table.read_only);
        self.dm.table_load_with(id, lines, options).map(shown)
    }

    /// Executes the step with this index, and returns the kernel's answer.
    pub(crate) fn run(&mut self, index: usize, step: &Step) -> String {
        let answer = match step {
            Step::Read(name, start) => self.read(*name, Sectors(*start)),
            Step::Write(name, start) => self.write(*name, Sectors(*start), index),
            Step::Discard(name, start, length) => self.discard(*name, Sectors(*start), Sectors(*length)),
            Step::Open(name) => self.open(*name),
            Step::Close => {
                self.close();
                String::new()
            }
            Step::Fail { name, table, operation, n, errno, after } => {
                let dm = if *after { FailAt::after(&self.dm, *n, *errno) } else { FailAt::new(&self.dm, *n, *errno) };
                let host = Host::new(dm.dm()).with_udev(Udev::new(Strategy::None));
                match self.operate(&host, *name, table, *operation) {
                    Ok(()) => "done".to_owned(),
                    Err(error) => format!("{:?} {:?} {:?}", error.step(), error.errno(), error.remains()),
                }
            }
            command => match self.command(command) {
                Ok(answer) => answer,
                Err(error) => refusal(&error),
            },
        };
        self.numbers.update(&self.devices());
        if let Some(background) = self.background {
            // Commands have waited already.
            if matches!(step, Step::Read(..) | Step::Write(..) | Step::Discard(..)) {
                settle(&self.dm, self.kernel.prefix(), background.quiet);
            }
            self.numbers.update_events(self.devices());
        }
        self.normal(&answer)
    }

    fn command(&mut self, step: &Step) -> Answer {
        let dm = &self.dm;
        match step {
            Step::Map(name, table) => {
                let name = self.name(*name);
                dm.device_create(&name)?;
                self.numbers.update(&self.devices());
                self.load(&DevIdBuf::Name(name.clone()), table)?;
                self.dm.device_resume(&name).map(shown)
            }
            Step::Reload(name, table) => {
                let name = self.name(*name);
                self.load(&DevIdBuf::Name(name.clone()), table)?;
                self.dm.device_resume(&name).map(shown)
            }
            Step::Create { name, uuid, minor } => {
                let uuid = uuid.map(|uuid| self.uuid(uuid));
                let mut options = CreateOptions::new();
                if let Some(uuid) = &uuid {
                    options = options.uuid(uuid);
                }
                if let Some(minor) = minor {
                    options = options.minor((1 << 19) + u32::from(*minor));
                }
                dm.device_create_with(self.name(*name), options).map(shown)
            }
            Step::Remove { id, deferred } => {
                let removal = dm.device_remove_with(self.id(*id), RemoveOptions::new().deferred(*deferred))?;
                Ok(match removal {
                    Removal::Done { uevent_generated, .. } => format!("removed, uevent {uevent_generated}"),
                    other => format!("{other:?}"),
                })
            }
            Step::Rename(old, new) => dm.device_rename(self.name(*old), self.name(*new)).map(shown),
            Step::SetUuid(name, uuid) => dm.device_set_uuid(self.name(*name), &self.uuid(*uuid)).map(shown),
            Step::Suspend { id, noflush, skip_lockfs } => {
                let options = SuspendOptions::new().noflush(*noflush).skip_lockfs(*skip_lockfs);
                dm.device_suspend_with(self.id(*id), options).map(shown)
            }
            Step::Resume { id, noflush } => {
                let options = ResumeOptions::new().suspend(SuspendOptions::new().noflush(*noflush));
                dm.device_resume_with(self.id(*id), options).map(shown)
            }
            Step::Load(id, table) => self.load(&self.id(*id), table),
            Step::Clear(id) => dm.table_clear(self.id(*id)).map(shown),
            _ => self.question(step),
        }
    }

    fn question(&self, step: &Step) -> Answer {
        let dm = &self.dm;
        match step {
            Step::Info(id, inactive) => {
                dm.device_info_with(self.id(*id), InfoOptions::new().slot(slot(*inactive))).map(shown)
            }
            Step::Deps(id, inactive) => {
                let deps = dm.table_deps_with(self.id(*id), DepsOptions::new().slot(slot(*inactive)))?;
                let numbers: Vec<_> = deps.iter().map(|number| number.to_string()).collect();
                Ok(format!("{numbers:?} {}", shown(deps.info().clone())))
            }
            Step::Status { id, table, inactive, noflush } => {
                let options = if *table { StatusOptions::table() } else { StatusOptions::new() };
                let options = options.slot(slot(*inactive)).noflush(*noflush);
                dm.table_status_with(self.id(*id), options).map(|status| shown_status(&status))
            }
            Step::Wait(id, later) => {
                let id = self.id(*id);
                let last = dm.device_info(&id).map_or(0, |info| info.event_nr());
                dm.device_wait(&id, last.wrapping_add(u32::from(*later))).map(|status| shown_status(&status))
            }
            Step::List { uuids, prefix } => Ok(self.list(*uuids, *prefix)),
            Step::Message(id, sector, text) => {
                let message = Message::new(*text).sector(Sectors(*sector));
                let reply = dm.target_msg_with(self.id(*id), message, MessageOptions::new())?;
                Ok(format!("{:?} {}", reply.text(), shown(reply.info().clone())))
            }
            Step::Geometry(id, start) => {
                let geometry = Geometry::new(123, 45, 6).start(Sectors(*start));
                dm.set_geometry(self.id(*id), geometry).map(|()| String::new())
            }
            Step::Version(target_type) => dm.target_version(target_type).map(|_| String::new()),
            other => unreachable!("{other:?}"),
        }
    }

    fn operate(&self, host: &Host, name: u8, table: &Table, operation: Operation) -> Result<(), OpError> {
        let name = self.name(name);
        let lines = self.lines(table, &DevIdBuf::Name(name.clone()));
        match operation {
            Operation::Create => host.create(&name, lines).map(drop),
            Operation::Setup => host.setup(&name, lines).map(drop),
            Operation::Reload => host.reload(&name, lines).map(drop),
            Operation::Suspend => host.suspend(&name).map(drop),
            Operation::Resume => host.resume(&name).map(drop),
            Operation::WhileSuspended => host.while_suspended(&name, Steps::new()).map(drop),
            Operation::Rename(new) => host.rename(&name, self.name(new)).map(drop),
            Operation::Remove => host.remove(&name).map(drop),
            Operation::RemoveDeferred => host.remove_with(&name, RemovePolicy::new().deferred(true)).map(drop),
            Operation::RemoveForced => host.remove_with(&name, RemovePolicy::new().force(true)).map(drop),
            Operation::CancelRemoval => host.cancel_deferred_remove(&name),
        }
    }

    fn read(&self, name: u8, start: Sectors) -> String {
        let mut data = [0; PIECE];
        let Some(number) = self.number(name) else { return "no device".to_owned() };
        self.kernel.read(number, start, &mut data).map_or_else(|_| "failed".to_owned(), |()| shown_data(&data))
    }

    fn write(&self, name: u8, start: Sectors, index: usize) -> String {
        let Some(number) = self.number(name) else { return "no device".to_owned() };
        let data = [u8::try_from(index + 1).unwrap(); PIECE];
        self.kernel.write(number, start, &data).map_or("failed", |()| "written").to_owned()
    }

    fn discard(&self, name: u8, start: Sectors, length: Sectors) -> String {
        let Some(number) = self.number(name) else { return "no device".to_owned() };
        self.kernel.discard(number, start, length).map_or("failed", |()| "discarded").to_owned()
    }

    fn open(&mut self, name: u8) -> String {
        let opened = self.number(name).map(|number| self.kernel.open(number));
        match opened {
            Some(Ok(opened)) => {
                self.opened.push(opened);
                "opened".to_owned()
            }
            Some(Err(_)) => "failed".to_owned(),
            None => "no device".to_owned(),
        }
    }

    fn close(&mut self) {
        if !self.opened.is_empty() {
            drop(self.opened.remove(0));
        }
    }

    /// Whether a step may wait for a suspended device: the device that it reads or writes may use one, and the device
    /// that it suspends or resumes may be suspended by its pool.
    ///
    /// Trying it in memory would be more exact, but would count errors of failing stripes.
    pub(crate) fn may_wait(&self, step: &Step) -> bool {
        let id = match step {
            Step::Read(..) | Step::Write(..) | Step::Discard(..) => {
                let list = self.dm.list_devices().unwrap();
                let mut numbers = list.iter().map(|device| device.unwrap().number);
                return numbers.any(|number| {
                    let info = self.dm.device_info(number).unwrap();
                    info.is_suspended() || info.is_internally_suspended()
                });
            }
            Step::Suspend { id, .. } | Step::Resume { id, .. } => *id,
            Step::Reload(name, _) | Step::Fail { name, .. } => Id::Name(*name),
            _ => return false,
        };
        self.dm.device_info(self.id(id)).is_ok_and(|info| info.is_internally_suspended())
    }

    /// Waits until merges are complete. A kernel in memory merges each time the status is read.
    pub(crate) fn finish_merging(&self) {
        let start = Instant::now();
        while (0..4).any(|name| self.is_merging(name)) && start.elapsed() < SOON {}
    }

    fn is_merging(&self, name: u8) -> bool {
        let Ok(status) = self.dm.table_status(self.name(name)) else { return false };
        let is_active = |text: &str| match text.split(['/', ' ']).collect::<Vec<_>>()[..] {
            [used, _, metadata] => used != metadata,
            _ => false,
        };
        let lines = status.iter().map(Result::unwrap);
        !status.info().is_suspended()
            && lines.filter(|line| line.target_type == "snapshot-merge").any(|line| is_active(&line.params.to_string()))
    }

    /// The existing devices, in the kernel's order.
    pub(crate) fn list(&self, uuids: bool, prefix: Option<u8>) -> String {
        let list = self.dm.list_devices_with(ListOptions::new().uuids(uuids)).unwrap();
        let is_ours = |name: &[u8]| match prefix {
            Some(prefix) => name.starts_with(self.name(prefix).as_bytes()),
            None => name.starts_with(self.kernel.prefix().as_bytes()),
        };
        let ours = list.iter().map(Result::unwrap).filter(|device| is_ours(device.name.as_bytes()));
        let texts: Vec<_> = ours
            .map(|device| {
                let events = self.shown_event(device.event_nr);
                format!("{} {} {events} {:?}", device.name, device.number, device.uuid)
            })
            .collect();
        self.normal(&texts.join("; "))
    }

    /// The final state: every device with its tables, and every disk.
    pub(crate) fn everything(&self) -> Vec<String> {
        let mut found = vec![self.list(true, None)];
        for name in 0..4 {
            for inactive in [false, true] {
                let id = Id::Name(name);
                let questions = [
                    Step::Info(id, inactive),
                    Step::Deps(id, inactive),
                    Step::Status { id, table: true, inactive, noflush: true },
                    Step::Status { id, table: false, inactive, noflush: true },
                ];
                found.extend(questions.iter().map(|question| match self.question(question) {
                    Ok(answer) => self.normal(&answer),
                    Err(error) => refusal(&error),
                }));
            }
        }
        for index in (0..DISKS).filter(|index| ![METADATA, FAST].contains(index)) {
            let (disk, mut data) = (self.disks[index], zeros(SIZES[index]));
            self.kernel.read(disk, Sectors(0), &mut data).unwrap();
            found.push(shown_data(&data));
        }
        found
    }

    /// Removes everything that can be removed, and returns what is left.
    pub(crate) fn clean_up(&mut self) -> String {
        self.opened.clear();
        let start = Instant::now();
        loop {
            for name in 0..4 {
                let _ = self.dm.device_remove(self.name(name));
            }
            let left = self.list(false, None);
            // A busy machine must not leave devices for the next sequence.
            if left.is_empty() || start.elapsed() > LONG {
                return left;
            }
        }
    }

    /// The existing devices of this sequence.
    fn devices(&self) -> Vec<Listed> {
        let list = self.dm.list_devices().unwrap();
        let prefix = self.kernel.prefix().as_bytes();
        let ours = list.iter().map(Result::unwrap).filter(|device| device.name.as_bytes().starts_with(prefix));
        ours.map(|device| (device.number, device.event_nr)).collect()
    }

    /// The event number as far as it does not depend on time.
    fn shown_event(&self, event_nr: Option<u32>) -> String {
        match self.background {
            Some(Background { counts_events: false, .. }) => "-".to_owned(),
            _ => format!("{event_nr:?}"),
        }
    }

    /// A text without parts that differ between kernels.
    fn normal(&self, text: &str) -> String {
        let mut text = text.replace(self.kernel.prefix(), "");
        if self.background.is_some() {
            text = without_events(&text);
        }
        self.numbers.replace_in(text)
    }
}

fn zeros(length: Sectors) -> Vec<u8> {
    vec![0; usize::try_from(length.to_bytes().0).unwrap()]
}
