//! The operations that are measured.

use std::hint::black_box;

use dm_core::udev::{Strategy, Udev};
use dm_core::{Dm, DmName, EventPoller, Host, Message, Prefix, Steps, TargetLine, TargetParams};
use dm_units::{DeviceNumber, Sectors};

use crate::calls::BELOW;
use crate::tables;

/// The upper device of a stack of two, which is kept.
pub(crate) const TOP: &str = "costs-top";
/// The lower device of the stack: a `zero` target.
pub(crate) const LOW: &str = "costs-low";
/// The device whose table is replaced.
pub(crate) const RELOAD: &str = "costs-reload";
/// The pool of thin devices, and the thin device 0 in it.
pub(crate) const POOL: &str = "costs-pool";
pub(crate) const THIN: &str = "costs-thin";
const LIFE: &str = "costs-life";
const SNAPSHOT: &str = "costs-snapshot";
/// The upper device of a stack that is removed.
const STACK_TOP: &str = "costs-stack-top";
const STACK_LOW: &str = "costs-stack-low";

/// The length of devices with one line.
const SECTORS: Sectors = Sectors(64);

/// An operation that can be repeated; `None` if the name is unknown.
///
/// The operations run without udev. Only those whose name ends with `_node` then make nodes, as libdm does.
pub(crate) fn find(dm: &Dm, operation: &str, size: usize) -> Option<Box<dyn FnMut()>> {
    let (dm, host) = (dm.clone(), host(dm, operation.ends_with("_node")));
    Some(match operation {
        "create_remove" | "create_remove_node" => {
            let below = number(&dm, BELOW);
            Box::new(move || {
                host.create(LIFE, tables::typed(below, size)).expect("a device");
                host.remove(LIFE).expect("a removal");
            })
        }
        "remove_open" => Box::new(move || {
            assert!(host.remove(LOW).is_err_and(|error| error.is_busy()), "another device uses it");
        }),
        "remove_stack" => Box::new(move || {
            let removal = host.remove_stack(STACK_TOP).expect("a removal");
            assert_eq!(removal.removed.len(), 2, "both are removed");
        }),
        "suspend_resume_stack" => Box::new(move || {
            let suspended = host.suspend_stack(TOP).expect("a suspension");
            host.resume_stack(&suspended).expect("a resume");
        }),
        "uses" => Box::new(move || {
            black_box(dm.device_tree_of(TOP).expect("a tree"));
        }),
        "setup_existing" => Box::new(move || {
            black_box(host.setup(LOW, [zeros()]).expect("a device"));
        }),
        "reload" => {
            let below = number(&dm, BELOW);
            Box::new(move || {
                black_box(host.reload(RELOAD, tables::typed(below, size)).expect("a reload"));
            })
        }
        "leftovers" => Box::new(move || {
            let prefix = Prefix::Name(DmName::new("nobody-has-this").expect("a good name"));
            assert!(host.leftovers(prefix).expect("a list").is_empty(), "it has that name");
        }),
        "poller_open" => Box::new(move || {
            black_box(EventPoller::open(&dm).expect("a poller"));
        }),
        "poller_step" => {
            let mut poller = EventPoller::open(&dm).expect("a poller");
            Box::new(move || assert!(poller.read().expect("a step").is_empty(), "nothing happens"))
        }
        "thin_snapshot" => {
            let line = thin_line(&dm, 1);
            Box::new(move || take_snapshot(&host, &line))
        }
        _ => return None,
    })
}

/// Makes the devices that one run of an operation removes or changes.
pub(crate) fn prepare(dm: &Dm, operation: &str) {
    if operation == "remove_stack" {
        create_stack(&host(dm, false), STACK_TOP, STACK_LOW);
    }
}

pub(crate) fn host(dm: &Dm, with_nodes: bool) -> Host {
    let strategy = if with_nodes { Strategy::Auto } else { Strategy::None };
    Host::new(dm.clone()).with_udev(Udev::new(strategy))
}

/// Makes a device that uses another one.
pub(crate) fn create_stack(host: &Host, top: &str, low: &str) {
    let low = host.create(low, [zeros()]).expect("a device").number();
    host.create(top, [linear(low, Sectors(0), SECTORS)]).expect("a device on top");
}

/// A line that maps a device to a part of another one.
pub(crate) fn linear(below: DeviceNumber, start: Sectors, length: Sectors) -> TargetLine<impl TargetParams> {
    TargetLine::text(Sectors(0), length, "linear", format!("{below} {}", start.0))
}

/// The line of the thin device with this id in the pool.
pub(crate) fn thin_line(dm: &Dm, id: u32) -> String {
    format!("{} {id}", number(dm, POOL))
}

pub(crate) fn thin(line: &str) -> TargetLine<impl TargetParams> {
    TargetLine::text(Sectors(0), SECTORS, "thin", line)
}

fn zeros() -> TargetLine<impl TargetParams> {
    TargetLine::text(Sectors(0), SECTORS, "zero", "")
}

fn take_snapshot(host: &Host, line: &str) {
    let steps = Steps::new().message(host, POOL, Message::new("create_snap 1 0")).expect("a message");
    host.while_suspended(THIN, steps).expect("a snapshot");
    host.create(SNAPSHOT, [thin(line)]).expect("a thin device");
    host.remove(SNAPSHOT).expect("a removal");
    host.message(POOL, Message::new("delete 1")).expect("a deletion");
}

fn number(dm: &Dm, device: &str) -> DeviceNumber {
    dm.device_info(device).expect("an answer").number()
}
