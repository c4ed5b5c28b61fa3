//! Plans: nothing of the program runs while one of the devices is suspended, and udev's rules get the flags of each device.

use std::io;
use std::mem::offset_of;
use std::sync::{Arc, Mutex};

use dm_core::plan::{PlanCause, PlanError, PlanStep, Wanted, WantedDevice, WantedLine};
use dm_core::udev::{self, Strategy, Udev, Visibility};
use dm_core::{
    Command, Dm, DmName, DmUuid, Host, Prefix, SetupOptions, StatusOptions, TargetLine, Transport, UdevCookie,
    UdevFlags,
};
use dm_sys::{DM_SUSPEND_FLAG, dm_ioctl};
use dm_testing::{FailAt, MemoryKernel};
use dm_units::{Bytes, DeviceNumber, Sectors, Version};

use nix::libc::ENOMEM;

use crate::kernel::Kernel;
use crate::model::State;
use crate::quiet::watched;

pub(crate) fn name(text: &str) -> &DmName {
    DmName::new(text).unwrap()
}

fn linear<'a>(below: DeviceNumber, start: u64) -> Vec<WantedLine<'a>> {
    vec![TargetLine::text(Sectors(0), Sectors(64), "linear", format!("{below} {start}")).boxed()]
}

/// A device on a disk, and one on that device; both start there at these sectors.
pub(crate) fn stack<'a>(disk: DeviceNumber, starts: [u64; 2]) -> [WantedDevice<'a>; 2] {
    let upper = WantedDevice::new(name("upper"), move |numbers| Some(linear(numbers.get(name("lower"))?, starts[1])));
    let lower = WantedDevice::new(name("lower"), move |_| Some(linear(disk, starts[0])));
    [lower, upper.uses([name("lower")])]
}

pub(crate) fn carry_out<'a>(
    host: &Host,
    devices: impl IntoIterator<Item = WantedDevice<'a>>,
) -> Result<Vec<PlanStep>, PlanError> {
    let plan = host.plan(devices.into_iter().fold(Wanted::new(), Wanted::device))?;
    host.carry_out(&plan)?;
    Ok(plan.steps().to_vec())
}

#[test]
fn a_plan_logs_nothing_while_one_of_its_devices_is_suspended() {
    let kernel = Kernel::new(&State::default());
    let (host, disk) = (kernel.host(), DeviceNumber::new(4001, 0));
    carry_out(&host, stack(disk, [0, 0])).unwrap();
    let both = |starts: [u64; 2]| {
        let [lower, upper] = stack(disk, starts);
        [lower.read_only(true), upper.read_only(true)]
    };
    let steps = watched(&kernel, "both change", || carry_out(&host, both([0, 0]))).unwrap();
    assert_eq!(steps.len(), 6);
    // The new table of the upper device does not fit, which its resume finds.
    let error = watched(&kernel, "undo", || carry_out(&host, stack(disk, [8, 1]))).unwrap_err();
    assert_eq!(error.step(), Some(&PlanStep::Resume(name("upper").to_owned())));
    assert!(error.is_undone(), "{error}");
}

#[test]
fn messages_are_sent_when_all_devices_have_been_resumed() {
    let memory = MemoryKernel::new();
    let (host, disk) = (memory.host(), memory.disk(Bytes(1 << 20)).number());
    carry_out(&host, stack(disk, [0, 0])).unwrap();
    let [lower, upper] = stack(disk, [0, 0]);
    let changed = [lower.read_only(true).message("@stats_list"), upper.read_only(true)];
    let steps = carry_out(&host, changed).unwrap();
    let last = [PlanStep::Resume(name("upper").to_owned()), PlanStep::Message(name("lower").to_owned())];
    assert_eq!(steps[steps.len() - 2..], last);
}

#[test]
fn a_plan_needs_no_option_that_an_old_kernel_lacks() {
    let memory = MemoryKernel::with_interface(Version::new(4, 0, 0));
    let (host, disk) = (memory.host(), memory.disk(Bytes(1 << 20)).number());
    assert_eq!(carry_out(&host, stack(disk, [0, 0])).unwrap().len(), 2);
    assert_eq!(carry_out(&host, stack(disk, [0, 0])).unwrap(), []);

    let line = || TargetLine::text(Sectors(0), Sectors(8), "zero", "");
    // Such a kernel lists all devices, also those without the prefix.
    let uuid = DmUuid::new("ours-1").unwrap();
    host.create_with(name("old"), [line()], SetupOptions::new().uuid(uuid)).unwrap();
    host.create(name("other"), [line()]).unwrap();
    for prefix in [Prefix::Uuid(DmUuid::new("ours-").unwrap()), Prefix::Name(name("l"))] {
        let plan = host.plan(Wanted::new().only(prefix)).unwrap();
        let removed = if matches!(prefix, Prefix::Uuid(_)) { "old" } else { "lower" };
        assert_eq!(plan.steps(), [PlanStep::Remove(name(removed).to_owned())]);
    }
}

#[test]
fn a_table_cannot_use_a_device_that_it_does_not_declare() {
    let memory = MemoryKernel::new();
    let (host, disk) = (memory.host(), memory.disk(Bytes(1 << 20)).number());
    carry_out(&host, stack(disk, [0, 0])).unwrap();
    let [lower, _] = stack(disk, [0, 0]);
    let upper = WantedDevice::new(name("upper"), |numbers| Some(linear(numbers.get(name("lower"))?, 0)));
    let error = carry_out(&host, [lower, upper]).unwrap_err();
    assert!(matches!(&error, PlanError::Undeclared(device) if **device == *name("upper")), "{error}");
}

#[test]
fn a_plan_is_undone_on_a_kernel_that_cannot_wipe_tables() {
    let memory = MemoryKernel::with_interface(Version::new(4, 12, 0));
    let (host, disk) = (memory.host(), memory.disk(Bytes(1 << 20)).number());
    carry_out(&host, stack(disk, [0, 0])).unwrap();
    // The new table of the upper device does not fit, which its resume finds.
    let error = carry_out(&host, stack(disk, [8, 1])).unwrap_err();
    assert!(error.is_undone(), "{error}");
    assert_eq!(carry_out(&host, stack(disk, [0, 0])).unwrap(), []);
}

#[test]
fn the_undo_of_a_plan_does_not_make_the_zeros_of_a_wiped_key_the_key() {
    let memory = MemoryKernel::new();
    let (host, disk) = (memory.host(), memory.disk(Bytes(1 << 20)).number());
    let crypt = |start| {
        let line = move |_: &dm_core::plan::Numbers| {
            let params = format!("aes-xts-plain64 {} 0 {disk} {start}", "5a".repeat(32));
            Some(vec![TargetLine::text(Sectors(0), Sectors(64), "crypt", params).boxed()])
        };
        WantedDevice::new(name("a"), line)
    };
    let other = |target| {
        let line =
            move |_: &dm_core::plan::Numbers| Some(vec![TargetLine::text(Sectors(0), Sectors(64), target, "").boxed()]);
        WantedDevice::new(name("b"), line)
    };
    carry_out(&host, [crypt(0), other("zero")]).unwrap();
    memory.dm().device_suspend("a").unwrap();
    memory.dm().target_msg("a", "key wipe").unwrap();
    let present = || memory.dm().table_status_with("a", StatusOptions::table()).unwrap();
    // The table of the other device is refused before one is active.
    let error = carry_out(&host, [crypt(8), other("none")]).unwrap_err();
    assert!(error.is_undone() && present().has_wiped_key() && !present().info().has_inactive_table(), "{error}");
    // A device that uses the encrypted one does not fit, after that has its new table.
    let upper = WantedDevice::new(name("c"), |numbers| Some(linear(numbers.get(name("a"))?, 1))).uses([name("a")]);
    let error = carry_out(&host, [crypt(8), upper]).unwrap_err();
    assert!(matches!(&error, PlanError::Step { left, .. } if matches!(left[..], [PlanCause::KeyWiped(_)])), "{error}");
    assert!(!present().has_wiped_key() && !present().info().is_suspended());
}

/// Records the flags for udev's rules of each command that causes a uevent.
#[derive(Debug)]
struct Uevents {
    kernel: Arc<dyn Transport>,
    sent: Arc<Mutex<Vec<(Command, bool)>>>,
}

/// The offset of `event_nr` in `struct dm_ioctl`.
const EVENT_NR_AT: usize = 32;

impl Transport for Uevents {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if matches!(command, Command::DeviceResume | Command::DeviceRename) {
            let cookie = u32::from_ne_bytes(*request[EVENT_NR_AT..].first_chunk().unwrap());
            let flags = UdevCookie::from_number(cookie).flags();
            self.sent.lock().unwrap().push((command, flags.contains(UdevFlags::DISABLE_OTHER_RULES)));
        }
        self.kernel.ioctl(command, request)
    }
}

#[test]
fn every_uevent_of_a_private_device_has_its_flags() {
    let memory = MemoryKernel::new();
    let disk = memory.disk(Bytes(1 << 20)).number();
    let sent = Arc::<Mutex<Vec<_>>>::default();
    let dm = Dm::with_transport(Uevents { kernel: memory.dm().transport(), sent: Arc::clone(&sent) });
    let host = Host::new(dm).with_udev(memory.host().udev().clone());
    let uuids = ["1", "2"].map(|text| DmUuid::new(text).unwrap());
    let private = |names: [&str; 2], start| {
        [0, 1].map(|at| {
            let lines = move |_: &dm_core::plan::Numbers| Some(linear(disk, start));
            WantedDevice::new(DmName::new(names[at]).unwrap(), lines).uuid(uuids[at]).visibility(Visibility::Private)
        })
    };
    carry_out(&host, private(["a", "b"], 0)).unwrap();
    // Two devices exchange their names by three renames, and get new tables.
    assert_eq!(carry_out(&host, private(["b", "a"], 8)).unwrap().len(), 9);
    // The second one does not fit on the disk.
    let [first, second] = private(["a", "b"], 0);
    let [_, too_far] = private(["a", "b"], 1 << 20);
    drop(second);
    assert!(carry_out(&host, [first, too_far]).unwrap_err().is_undone());
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    assert!(sent.len() >= 13 && sent.iter().all(|(_, is_private)| *is_private), "{sent:?}");
}

#[test]
fn a_plan_does_not_remove_a_device_that_another_process_may_have_created() {
    let memory = MemoryKernel::new();
    let disk = memory.disk(Bytes(1 << 20)).number();
    let plan = memory.host().plan(stack(disk, [0, 0]).into_iter().fold(Wanted::new(), Wanted::device)).unwrap();
    // The creation fails, and there is a device of this name without a table.
    let error = Host::new(FailAt::after(&memory.dm(), 1, ENOMEM).dm()).carry_out(&plan).unwrap_err();
    assert_eq!(error.step(), Some(&PlanStep::Create(name("lower").to_owned())));
    assert!(memory.dm().device_info("lower").is_ok() && !error.is_undone(), "{error}");
}

/// Completes cookies as udev's rules do, and records the cookies that exist at a suspension and that a resume sends.
#[derive(Debug)]
struct Cookies {
    kernel: Arc<dyn Transport>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The keys of the cookies that exist at each suspension.
    existing: Vec<Vec<u32>>,
    sent: Vec<u32>,
}

impl Transport for Cookies {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let flags = u32::from_ne_bytes(*request[offset_of!(dm_ioctl, flags)..].first_chunk().unwrap());
        let cookie = u32::from_ne_bytes(*request[EVENT_NR_AT..].first_chunk().unwrap());
        if command == Command::DeviceSuspend && flags & DM_SUSPEND_FLAG != 0 {
            let existing = udev::cookies().unwrap().into_iter().map(|cookie| cookie.key).collect();
            self.seen.lock().unwrap().existing.push(existing);
        }
        self.kernel.ioctl(command, request)?;
        if command == Command::DeviceResume {
            let cookie = UdevCookie::from_number(cookie);
            self.seen.lock().unwrap().sent.push(cookie.base().into());
            udev::complete(cookie).unwrap();
        }
        Ok(())
    }
}

#[test]
fn a_plan_makes_its_cookie_before_it_suspends_a_device() {
    let memory = MemoryKernel::new();
    let (host, disk) = (memory.host(), memory.disk(Bytes(1 << 20)).number());
    carry_out(&host, stack(disk, [0, 0])).unwrap();
    let seen = Arc::<Mutex<Seen>>::default();
    let dm = Dm::with_transport(Cookies { kernel: memory.dm().transport(), seen: Arc::clone(&seen) });
    let host = Host::new(dm).with_udev(Udev::new(Strategy::Cookies));
    carry_out(&host, stack(disk, [0, 0]).map(|device| device.read_only(true))).unwrap();
    let Seen { existing, sent } = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!((existing.len(), sent.len()), (2, 2));
    let exists = |keys: &Vec<u32>| sent.iter().all(|base| keys.contains(&(0x0d4d_0000 | base)));
    assert!(existing.iter().all(exists), "{existing:?} {sent:?}");
}

#[test]
fn a_failed_list_of_owned_devices_names_no_device() {
    let memory = MemoryKernel::new();
    let owned = Wanted::new().only(Prefix::Name(name("vg-")));
    let error = Host::new(FailAt::new(&memory.dm(), 1, ENOMEM).dm()).plan(owned).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.errno()),
        ("the program's existing devices could not be listed", Some(ENOMEM))
    );
}
