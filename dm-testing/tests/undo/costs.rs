//! The number of commands of each operation.

use dm_core::{Command, Host, Message, OpError, Prefix, RemovePolicy, Retry, Steps};

use crate::cases::{era, line, number, old, stack, state};
use crate::kernel::{Kernel, Plan};
use crate::model::{Device, State, Table};

fn sent<T: std::fmt::Debug>(before: &State, run: impl FnOnce(&Host) -> Result<T, OpError>) -> Vec<Command> {
    let kernel = Kernel::new(before);
    kernel.set_plan(Plan::default());
    run(&kernel.host()).unwrap();
    kernel.sent()
}

/// A device `a` and many others.
fn crowded() -> State {
    let others = (0..200).map(|index| Device::new(&format!("other{index}"), Some(Table::new("zero", ""))));
    state([Device::new("a", Some(old()))].into_iter().chain(others))
}

#[test]
fn operations_on_one_device_take_few_commands_however_many_others_there_are() {
    let crowd = crowded();
    assert_eq!(sent(&crowd, |host| host.setup("a", line())).len(), 2);
    assert_eq!(sent(&crowd, |host| host.create("new", line())).len(), 3);
    assert_eq!(sent(&crowd, |host| host.setup("new", line())).len(), 4);
    assert_eq!(sent(&crowd, |host| host.reload("a", line())).len(), 4);
    assert_eq!(sent(&crowd, |host| host.rename("a", "b")).len(), 2);
    assert_eq!(sent(&crowd, |host| host.rename("a", "a")).len(), 1);
    assert_eq!(sent(&crowd, |host| host.remove("a")).len(), 1);
    let retried = RemovePolicy::new().retry(Retry::default());
    assert_eq!(sent(&crowd, |host| host.remove_with("a", retried)).len(), 2, "only this device is tried again");
    assert_eq!(sent(&crowd, |host| host.resume("a")).len(), 2);
    assert_eq!(sent(&crowd, |host| host.leftovers(Prefix::Name(dm_core::DmName::new("nobody").unwrap()))).len(), 1);
}

#[test]
fn a_snapshot_and_its_deletion_take_nine_commands() {
    let before = state([Device::new("a", Some(old())), Device::new("pool", Some(era()))]);
    let commands = sent(&before, |host| {
        let steps = Steps::new().message(host, "pool", Message::new("checkpoint")).unwrap();
        host.while_suspended("a", steps)?;
        host.create("snapshot", line())?;
        host.remove("snapshot")?;
        host.message("pool", Message::new("checkpoint"))
    });
    assert_eq!(commands.len(), 9, "{commands:?}");
}

#[test]
fn walks_over_a_stack_take_a_command_for_each_of_its_devices() {
    let mut crowd = stack();
    crowd.devices.extend((10..200).map(|minor| (minor, Device::new(&format!("other{minor}"), None))));
    let suspended = sent(&crowd, |host| host.suspend_stack("top"));
    assert_eq!(&suspended[..6], [[Command::TableDeps; 3], [Command::DeviceSuspend; 3]].concat());
    assert_eq!(sent(&crowd, |host| host.remove_stack("top")).len(), 6);
    let mut suspended = stack();
    suspended.devices.values_mut().for_each(|device| device.suspended = true);
    assert_eq!(sent(&suspended, |host| host.resume_stack(&[0, 1, 2].map(number))).len(), 3);
    assert_eq!(sent(&suspended, |host| host.resume_stack(&["top", "middle", "bottom"])).len(), 6);
    let tree = |host: &Host| {
        let tree = host.dm().device_tree_of("top").unwrap();
        assert_eq!(tree.to_string(), "top (4000:0)\n  middle (4000:1)\n    bottom (4000:2)\n      4001:1\n");
        Ok(())
    };
    assert_eq!(sent(&crowd, tree), [Command::TableDeps; 3]);
}
