//! Every operation, in every state of its device in which it behaves differently.

use dm_core::{DmUuid, Host, Message, OpError, Prefix, RemovePolicy, Steps, SuspendPolicy, TargetLine};
use dm_units::{DeviceNumber, Sectors};

use crate::model::{Device, MAJOR, State, Table};

/// An operation and the initial state.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) before: State,
    pub(crate) run: fn(&Host) -> Result<(), OpError>,
}

pub(crate) fn number(minor: u32) -> DeviceNumber {
    DeviceNumber::new(MAJOR, minor)
}

pub(crate) fn line() -> [TargetLine<impl dm_core::TargetParams + Clone>; 1] {
    [TargetLine::text(Sectors(0), Sectors(64), "linear", "4001:1 0")]
}

fn new_line() -> [TargetLine<impl dm_core::TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(64), "linear", "4001:1 64")]
}

pub(crate) fn old() -> Table {
    Table::new("linear", "4001:1 0")
}

pub(crate) fn loaded() -> Table {
    Table::new("striped", "1 8 4001:1 0")
}

/// The table of a target that supports messages.
pub(crate) fn era() -> Table {
    Table::new("era", "4001:0 4001:2 64")
}

pub(crate) fn state(devices: impl IntoIterator<Item = Device>) -> State {
    State { devices: (0..).zip(devices).collect(), messages: 0 }
}

/// A device named `a`, in each combination of tables and suspension.
fn devices() -> impl Iterator<Item = (String, Device)> {
    let tables = [(None, None), (None, Some(loaded())), (Some(old()), None), (Some(old()), Some(loaded()))];
    tables.into_iter().flat_map(|(active, inactive)| {
        [false, true].into_iter().flat_map(move |suspended| {
            let (active, inactive) = (active.clone(), inactive.clone());
            ["", "uuid-a"].map(|uuid| {
                let (active, inactive) = (active.clone(), inactive.clone());
                let what = format!(
                    "{}{}{}{}",
                    if active.is_some() { " active" } else { "" },
                    if inactive.is_some() { " inactive" } else { "" },
                    if suspended { " suspended" } else { "" },
                    if uuid.is_empty() { "" } else { " with a uuid" }
                );
                let device = Device { inactive, suspended, uuid: uuid.to_owned(), ..Device::new("a", active) };
                (what, device)
            })
        })
    })
}

fn each(name: &str, cases: &mut Vec<Case>, run: fn(&Host) -> Result<(), OpError>, is_right: fn(&Device) -> bool) {
    for (what, device) in devices().filter(|(_, device)| is_right(device)) {
        // Another device, which no operation may change.
        let other = Device::new("other", Some(era()));
        cases.push(Case { name: format!("{name} of a device:{what}"), before: state([device, other]), run });
    }
}

fn one(name: &str, cases: &mut Vec<Case>, before: State, run: fn(&Host) -> Result<(), OpError>) {
    cases.push(Case { name: name.to_owned(), before, run });
}

/// `top` uses `middle`, which uses `bottom`.
pub(crate) fn stack() -> State {
    let over = |minor: u32| Some(Table::new("linear", &format!("{MAJOR}:{minor} 0")));
    let bottom = Device { uuid: "uuid-bottom".to_owned(), ..Device::new("bottom", Some(old())) };
    state([Device::new("top", over(1)), Device::new("middle", over(2)), bottom])
}

fn stack_with_loaded_table() -> State {
    let mut state = stack();
    state.devices.get_mut(&2).unwrap().inactive = Some(loaded());
    state
}

fn steps(host: &Host) -> Steps {
    let add = |steps: Steps, text| steps.message(host, "other", Message::new(text)).unwrap();
    ["checkpoint", "drop_metadata_snap"].into_iter().fold(Steps::new(), add)
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    creations(&mut cases);
    changes(&mut cases);
    removals(&mut cases);
    stacks(&mut cases);
    cases
}

fn creations(cases: &mut Vec<Case>) {
    one("create", cases, State::default(), |host| host.create("a", line()).map(drop));
    one("create with a uuid", cases, State::default(), |host| {
        let options = dm_core::SetupOptions::new().uuid(DmUuid::new("uuid-new").unwrap());
        host.create_with("a", line(), options).map(drop)
    });
    one("create of a name that is taken", cases, state([Device::new("a", Some(old()))]), |host| {
        host.create("a", line()).map(drop)
    });
    one("setup of a new device", cases, State::default(), |host| host.setup("a", line()).map(drop));
    each("setup", cases, |host| host.setup("a", line()).map(drop), |_| true);
    let deferred = Device { deferred: true, opened: 1, suspended: true, ..Device::new("a", Some(old())) };
    one("setup of a device whose removal is deferred", cases, state([deferred.clone()]), |host| {
        host.setup("a", line()).map(drop)
    });
    let with_inactive = Device { inactive: Some(loaded()), ..deferred };
    one("setup of a device in every unusual state at once", cases, state([with_inactive]), |host| {
        host.setup("a", line()).map(drop)
    });
    let internal = Device { internally_suspended: true, ..Device::new("a", Some(old())) };
    one("setup of a device that the kernel has suspended", cases, state([internal]), |host| {
        host.setup("a", line()).map(drop)
    });
    let different = Device::new("a", Some(loaded()));
    one("setup of a device with another table", cases, state([different]), |host| host.setup("a", line()).map(drop));
    one("a batch of two", cases, State::default(), |host| {
        let batch = host.batch();
        batch.create("a", line())?;
        // Two operations: the effect of the first one is kept.
        batch.finish()
    });
}

fn changes(cases: &mut Vec<Case>) {
    each("reload", cases, |host| host.reload("a", new_line()).map(drop), |_| true);
    each(
        "reload by uuid",
        cases,
        |host| host.reload(DmUuid::new("uuid-a").unwrap(), new_line()).map(drop),
        |device| !device.uuid.is_empty(),
    );
    each("reload by number", cases, |host| host.reload(number(0), new_line()).map(drop), |_| true);
    read_only(cases);
    each(
        "reload with a timeout",
        cases,
        |host| {
            let policy = SuspendPolicy::new().timeout(std::time::Duration::from_secs(1));
            host.reload_with("a", new_line(), dm_core::ReloadOptions::new().suspend(policy)).map(drop)
        },
        |_| true,
    );
    each("suspend", cases, |host| host.suspend("a").map(drop), |_| true);
    each(
        "suspend with a timeout",
        cases,
        |host| host.suspend_with("a", SuspendPolicy::new().timeout(std::time::Duration::from_secs(1))).map(drop),
        |_| true,
    );
    each("resume", cases, |host| host.resume("a").map(drop), |_| true);
    each("while_suspended", cases, |host| host.while_suspended("a", steps(host)).map(drop), |_| true);
    each("while_suspended without messages", cases, |host| host.while_suspended("a", Steps::new()).map(drop), |_| true);
    each("rename", cases, |host| host.rename("a", "b").map(drop), |_| true);
    each("rename to its own name", cases, |host| host.rename("a", "a").map(drop), |_| true);
    each("rename to a name that is taken", cases, |host| host.rename("a", "other").map(drop), |_| true);
    each("set_uuid", cases, |host| host.set_uuid("a", DmUuid::new("uuid-b").unwrap()).map(drop), |_| true);
    each("message", cases, |host| host.message("other", Message::new("checkpoint")).map(drop), |_| true);
}

/// Changes of read-only alone.
fn read_only(cases: &mut Vec<Case>) {
    let with = |read_only| Table { read_only, ..old() };
    for (what, before) in [("read-write", false), ("read-only", true)] {
        let device = Device::new("a", Some(with(before)));
        let loaded = Device { inactive: Some(with(!before)), ..device.clone() };
        for suspended in [false, true] {
            let state = |device: &Device| state([Device { suspended, ..device.clone() }]);
            let what = if suspended { format!("{what}, suspended") } else { what.to_owned() };
            one(&format!("reload of a {what} device with a table that is read-only"), cases, state(&device), |host| {
                host.reload_with("a", line(), dm_core::ReloadOptions::new().read_only(true)).map(drop)
            });
            one(&format!("reload of a {what} device with a table that is read-write"), cases, state(&device), |host| {
                host.reload_with("a", line(), dm_core::ReloadOptions::new().read_only(false)).map(drop)
            });
            let name = format!("resume of a {what} device whose inactive table differs in that alone");
            one(&name, cases, state(&loaded), |host| host.resume("a").map(drop));
        }
    }
}

fn removals(cases: &mut Vec<Case>) {
    each("remove", cases, |host| host.remove("a").map(drop), |_| true);
    each("remove by number", cases, |host| host.remove(number(0)).map(drop), |_| true);
    each("forced removal", cases, |host| host.remove_with("a", RemovePolicy::new().force(true)).map(drop), |_| true);
    let open = |device: Device| state([Device { opened: 1, ..device }]);
    let a = || Device::new("a", Some(old()));
    one("removal of an open device", cases, open(a()), |host| host.remove("a").map(drop));
    one("forced removal of an open device", cases, open(a()), |host| {
        host.remove_with("a", RemovePolicy::new().force(true)).map(drop)
    });
    let unusual = Device { inactive: Some(loaded()), suspended: true, ..a() };
    one("forced removal of an open, suspended device with a loaded table", cases, open(unusual), |host| {
        host.remove_with("a", RemovePolicy::new().force(true)).map(drop)
    });
    one("deferred removal", cases, open(a()), |host| {
        host.remove_with("a", RemovePolicy::new().deferred(true)).map(drop)
    });
    one("deferred removal of a closed device", cases, state([a()]), |host| {
        host.remove_with("a", RemovePolicy::new().deferred(true)).map(drop)
    });
    one("cancellation of a deferred removal", cases, open(Device { deferred: true, ..a() }), |host| {
        host.cancel_deferred_remove("a")
    });
    let leftovers = [
        Device::new("a0", None),
        Device { inactive: Some(loaded()), ..Device::new("a1", None) },
        Device { inactive: Some(loaded()), ..Device::new("a2", Some(old())) },
        Device { suspended: true, inactive: Some(loaded()), ..Device::new("a3", Some(old())) },
    ];
    one("recovery", cases, state(leftovers), |host| {
        host.recover(Prefix::Name(dm_core::DmName::new("a").unwrap())).map(drop)
    });
}

fn stacks(cases: &mut Vec<Case>) {
    one("removal of a stack", cases, stack(), |host| host.remove_stack("top").map(drop));
    one("forced removal of a stack", cases, stack(), |host| {
        host.remove_stack_with("top", RemovePolicy::new().force(true)).map(drop)
    });
    one("removal with users", cases, stack(), |host| host.remove_and_users("bottom").map(drop));
    for before in [stack(), stack_with_loaded_table()] {
        one("suspension of a stack", cases, before, |host| host.suspend_stack("top").map(drop));
    }
    let mut suspended = stack();
    suspended.devices.values_mut().for_each(|device| device.suspended = true);
    one("resumption of a stack", cases, suspended.clone(), |host| host.resume_stack(&[0, 1, 2].map(number)));
    one("resumption of a stack by names", cases, suspended, |host| host.resume_stack(&["top", "middle", "bottom"]));
}
