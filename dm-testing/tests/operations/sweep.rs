//! Every operation on a real kernel, with a failure or the end of the program at every command.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dm_core::udev::{Strategy, Udev};
use dm_core::{
    DeviceInfo, Dm, DmName, DmNameBuf, Host, Message, OpError, Prefix, Remains, StatusOptions, Steps, SuspendPolicy,
    TableSlot,
};
use dm_testing::{FailAt, Scratch, StopAt, Stopped, require};
use nix::errno::Errno;

use crate::daemon::Gone;
use crate::support::{PATIENTLY, linear, zero};

/// The devices of a test: `lower`, and `upper` on it. They may not exist.
struct Devices<'s> {
    scratch: &'s Scratch,
    lower: DmNameBuf,
    upper: DmNameBuf,
    new: DmNameBuf,
}

/// The state of a device in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    suspended: bool,
    tables: [Vec<String>; 2],
}

type State = [Option<Seen>; 3];
type Operation = fn(&Host, &Devices<'_>) -> Result<(), OpError>;

const OPERATIONS: [(&str, Operation); 15] = [
    ("create", |host, devices| host.create(&devices.new, [zero()]).map(drop)),
    ("setup", |host, devices| host.setup(&devices.new, [zero()]).map(drop)),
    ("setup of an existing one", |host, devices| host.setup(&devices.lower, [zero()]).map(drop)),
    ("reload", |host, devices| host.reload(&devices.lower, [zero()]).map(drop)),
    ("suspend", |host, devices| host.suspend(&devices.upper).map(drop)),
    ("suspend with a timeout", |host, devices| {
        let policy = SuspendPolicy::new().timeout(std::time::Duration::from_secs(60));
        host.suspend_with(&devices.upper, policy).map(drop)
    }),
    ("resume", |host, devices| host.resume(&devices.upper).map(drop)),
    ("while_suspended", |host, devices| host.while_suspended(&devices.upper, Steps::new()).map(drop)),
    ("a message while suspended", |host, devices| {
        let steps = Steps::new().message(host, &devices.upper, Message::new("nonsense")).unwrap();
        host.while_suspended(&devices.upper, steps).map(drop)
    }),
    ("rename", |host, devices| host.rename(&devices.upper, &devices.new).map(drop)),
    ("remove", |host, devices| host.remove_with(&devices.upper, PATIENTLY).map(drop)),
    ("forced removal", |host, devices| host.remove_with(&devices.upper, PATIENTLY.force(true)).map(drop)),
    ("removal of a stack", |host, devices| host.remove_stack_with(&devices.upper, PATIENTLY).map(drop)),
    ("suspension of a stack", |host, devices| host.suspend_stack(&devices.upper).map(drop)),
    ("removal with users", |host, devices| host.remove_and_users_with(&devices.lower, PATIENTLY).map(drop)),
];

impl<'s> Devices<'s> {
    fn new(scratch: &'s Scratch) -> Self {
        let [lower, upper, new] = ["lower", "upper", "new"].map(|suffix| scratch.name(suffix).unwrap());
        Self { scratch, lower, upper, new }
    }

    fn names(&self) -> [&DmName; 3] {
        [&self.lower, &self.upper, &self.new]
    }

    /// Creates the devices with which every run starts.
    fn reset(&self) {
        let host = quiet(self.scratch.dm());
        for name in [&self.new, &self.upper, &self.lower] {
            match host.remove_with(name, PATIENTLY.force(true)) {
                Err(error) if !error.is_not_found() => unreachable!("{error}"),
                _ => {}
            }
        }
        let lower = host.create(&self.lower, [zero()]).unwrap().number();
        host.create(&self.upper, [linear(lower)]).unwrap();
    }

    fn state(&self) -> State {
        self.names().map(|name| match self.scratch.dm().device_info(name) {
            Ok(info) => Some(Seen { suspended: info.is_suspended(), tables: self.tables(name, &info) }),
            Err(error) if error.is_not_found() => None,
            Err(error) => unreachable!("{error}"),
        })
    }

    fn tables(&self, name: &DmName, info: &DeviceInfo) -> [Vec<String>; 2] {
        let present = [info.has_active_table(), info.has_inactive_table()];
        let slots = [(TableSlot::Active, present[0]), (TableSlot::Inactive, present[1])];
        slots.map(|(slot, present)| {
            let options = StatusOptions::table().slot(slot).noflush(true);
            let table = present.then(|| self.scratch.dm().table_status_with(name, options).unwrap());
            table.iter().flatten().map(|line| line.unwrap().to_string()).collect()
        })
    }
}

/// udev would process the uevents of hundreds of operations for longer than the test.
fn quiet(dm: &Dm) -> Host {
    Host::new(dm.clone()).with_udev(Udev::new(Strategy::None))
}

/// Checks that an error describes the state of the devices.
fn check(what: &str, error: &OpError, before: &State, now: &State) {
    let remains = error.remains();
    if remains.contains(&Remains::Unknown) {
        return;
    }
    assert!(!error.is_undone() || before == now, "{what}: {error} says it was undone: {before:?} is {now:?}");
    assert!(error.is_undone() || before != now, "{what}: {error} says {remains:?}, and nothing has changed");
    // For a new device, the error gives only its existence, and no details.
    let old = |state: &State| {
        state.iter().zip(before).filter_map(|(now, old)| now.clone().filter(|_| old.is_some())).collect::<Vec<_>>()
    };
    let suspended = |state: &State| old(state).iter().filter(|device| device.suspended).count();
    let loaded = |state: &State| old(state).iter().filter(|device| !device.tables[1].is_empty()).count();
    let existing = |state: &State| state.iter().flatten().count();
    let says = |what| remains.contains(&what);
    assert_eq!(suspended(now) > suspended(before), says(Remains::Suspended), "{what}: {error}");
    assert_eq!(loaded(now) > loaded(before), says(Remains::TableLoaded), "{what}: {error}");
    assert_eq!(existing(now) > existing(before), says(Remains::Exists), "{what}: {error}");
    let removed = existing(before).saturating_sub(existing(now));
    assert!(removed == 0 || says(Remains::Removed(removed)), "{what}: {error}");
}

/// Runs an operation with failing commands on new devices. Returns the number of its commands, and whether it
/// succeeded.
fn run(devices: &Devices<'_>, (what, operation): (&str, Operation), failing: &FailAt) -> (usize, bool) {
    devices.reset();
    let before = devices.state();
    let result = operation(&quiet(&failing.dm()), devices);
    if let Err(error) = &result {
        check(&format!("{what} with {failing:?}"), error, &before, &devices.state());
    }
    (failing.count(), result.is_ok())
}

fn failing_at(kernel: &Dm, n: usize, errno: Errno, after: bool) -> FailAt {
    if after { FailAt::after(kernel, n, errno as i32) } else { FailAt::new(kernel, n, errno as i32) }
}

fn devices_of(scratch: &Option<Scratch>) -> Option<Devices<'_>> {
    scratch.as_ref().map(Devices::new)
}

/// For tests that cause hundreds of uevents, with which the daemon would be busy for longer than later tests wait.
pub(crate) fn for_many_uevents() -> Option<Gone> {
    require::udev().missing().is_none().then(Gone::new)
}

fn scratch() -> Option<Scratch> {
    Scratch::new(&["zero", "linear", "error"].map(require::target))
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn when_any_command_fails_the_state_is_what_the_error_says() {
    let scratch = scratch();
    let Some(devices) = devices_of(&scratch) else { return };
    let _gone = for_many_uevents();
    let kernel = devices.scratch.dm();
    for operation in OPERATIONS {
        let (commands, _) = run(&devices, operation, &FailAt::new(kernel, usize::MAX, 0));
        for n in 1..=commands {
            for errno in [Errno::EINVAL, Errno::ENOMEM, Errno::EBUSY, Errno::EINTR] {
                run(&devices, operation, &failing_at(kernel, n, errno, false));
            }
            run(&devices, operation, &failing_at(kernel, n, Errno::ENOMEM, true));
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn when_the_undo_fails_as_well_the_error_says_what_is_left() {
    let scratch = scratch();
    let Some(devices) = devices_of(&scratch) else { return };
    let _gone = for_many_uevents();
    let kernel = devices.scratch.dm();
    for operation in OPERATIONS {
        let (commands, _) = run(&devices, operation, &FailAt::new(kernel, usize::MAX, 0));
        for n in 1..=commands {
            let first = FailAt::new(kernel, n, Errno::EINVAL as i32);
            let (sent, _) = run(&devices, operation, &first);
            for m in n.saturating_add(1)..=sent {
                run(&devices, operation, &first.and(m, Errno::ENOMEM as i32));
            }
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn recover_and_setup_find_what_a_stopped_program_left() {
    let scratch = scratch();
    let Some(devices) = devices_of(&scratch) else { return };
    let _gone = for_many_uevents();
    let (kernel, host) = (devices.scratch.dm(), quiet(devices.scratch.dm()));
    let prefix = DmNameBuf::new(devices.scratch.prefix().as_bytes()).unwrap();
    for (what, operation) in OPERATIONS {
        for n in 1.. {
            devices.reset();
            let stopping = StopAt::new(kernel, n);
            let stopped = catch_unwind(AssertUnwindSafe(|| operation(&quiet(&stopping.dm()), &devices).is_ok()));
            if !stopping.has_stopped() {
                break;
            }
            assert!(stopped.is_err_and(|panic| panic.is::<Stopped>()), "{what} at {n}");
            host.recover(Prefix::Name(&prefix)).unwrap();
            assert_eq!(host.leftovers(Prefix::Name(&prefix)).unwrap(), [], "{what} at {n}");
            let state = devices.state();
            let is_finished = |device: &Seen| !device.suspended && !device.tables[0].is_empty();
            assert!(state.iter().flatten().all(is_finished), "{what} at {n}: {state:?}");
            // The name may belong to a renamed device with another table.
            let is_set_up = host.setup(&devices.new, [zero()]);
            assert!(is_set_up.as_ref().map_or_else(OpError::is_already_exists, |_| true), "{what}: {is_set_up:?}");
        }
    }
}
