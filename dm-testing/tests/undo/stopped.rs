//! The process ends at every command of every operation and is restarted: `recover` and `setup` find what is left.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dm_core::{DmName, Host, Prefix};

use crate::cases::{Case, all, line, old};
use crate::kernel::{Kernel, Plan, Stopped};
use crate::model::State;

/// Runs a case in a process that ends at the `n`-th command; `None` if it completes before.
fn stopped_at(case: &Case, n: usize) -> Option<Kernel> {
    let kernel = Kernel::new(&case.before);
    kernel.set_plan(Plan { stop_at: Some(n), ..Plan::default() });
    let host = kernel.host();
    let ended = catch_unwind(AssertUnwindSafe(|| (case.run)(&host).is_ok()));
    let is_stopped = ended.is_err_and(|panic| panic.is::<Stopped>());
    kernel.set_plan(Plan::default());
    is_stopped.then_some(kernel)
}

fn each_stop(mut check: impl FnMut(&Case, &str, &Kernel)) {
    let mut stops = 0;
    for case in all() {
        for n in 1.. {
            let Some(kernel) = stopped_at(&case, n) else { break };
            check(&case, &format!("{} stopped at command {n}", case.name), &kernel);
            stops += 1;
        }
    }
    assert!(stops > 200, "{stops}");
}

fn recover_all(host: &Host, state: &State) {
    // A user would give the list of names with devices on top last.
    for device in state.devices.values() {
        let name = DmName::new(&device.name).unwrap();
        host.recover(Prefix::Name(name)).unwrap();
        assert_eq!(host.leftovers(Prefix::Name(name)).unwrap(), []);
    }
}

#[test]
fn recover_leaves_nothing_unfinished_and_finished_devices_alone() {
    each_stop(|case, what, kernel| {
        let found = kernel.state();
        recover_all(&kernel.host(), &found);
        let now = kernel.state();
        for (minor, device) in &now.devices {
            let before = &found.devices[minor];
            assert!(device.active.is_some() && device.inactive.is_none() && !device.suspended, "{what}: {device:?}");
            assert_eq!(device.active, before.active, "{what}");
            if *before == case.before.devices.get(minor).cloned().unwrap_or_default() && !before.suspended {
                assert_eq!(device.active, before.active, "{what}: a finished device was changed");
            }
        }
        let removed = found.devices.iter().filter(|(minor, _)| !now.devices.contains_key(minor));
        for (_, device) in removed {
            assert!(device.active.is_none(), "{what}: {device:?} was removed although it had an active table");
        }
    });
}

#[test]
fn setup_makes_the_wanted_device_from_any_leftover() {
    each_stop(|case, what, kernel| {
        if !case.name.starts_with("create") && !case.name.starts_with("setup") && !case.name.starts_with("reload") {
            return;
        }
        let before = kernel.state();
        match kernel.host().setup("a", line()) {
            Ok(info) => {
                assert!(!info.is_suspended() && info.has_active_table(), "{what}: {info:?}");
                let state = kernel.state();
                let device = state.named("a").unwrap();
                assert_eq!(device.active, Some(old()), "{what}");
                assert!(!device.suspended && !device.deferred && device.inactive.is_none(), "{what}: {device:?}");
            }
            // Another table is active: the reload was stopped after its resume, or the case tests this.
            Err(error) => {
                let device = before.named("a").unwrap();
                let is_other = device.active.as_ref().is_some_and(|table| *table != old());
                assert!(is_other || device.internally_suspended, "{what}: {error}");
                assert_eq!(kernel.state(), before, "{what}: a refused setup changes nothing");
            }
        }
    });
}
