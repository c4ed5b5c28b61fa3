//! Whether the state after an operation is the one that its result describes.

use std::error::Error as _;

use dm_core::{DevIdBuf, OpError, Operation, Remains, StateAfter};

use crate::model::{Device, State};

/// The differences between two states, as an error should report them.
fn differences(before: &State, now: &State) -> Vec<Remains> {
    let mut found = Vec::new();
    let removed = before.devices.keys().filter(|minor| !now.devices.contains_key(minor)).count();
    if removed > 0 {
        found.push(Remains::Removed(removed));
    }
    if now.messages > before.messages {
        found.push(Remains::MessagesSent(now.messages - before.messages));
    }
    for (minor, device) in &now.devices {
        match before.devices.get(minor) {
            None => found.push(Remains::Exists),
            Some(old) => of_device(old, device, &mut found),
        }
    }
    found
}

fn of_device(before: &Device, now: &Device, found: &mut Vec<Remains>) {
    match (before.suspended, now.suspended) {
        (false, true) => found.push(Remains::Suspended),
        (true, false) => found.push(Remains::Resumed),
        _ => {}
    }
    if before.deferred && !now.deferred {
        found.push(Remains::RemovalCancelled);
    }
    if before.active != now.active {
        let errors = now.active.as_ref().is_some_and(crate::model::Table::is_errors);
        found.push(if errors { Remains::ErrorTable } else { Remains::NewTable });
    }
    if before.inactive != now.inactive {
        let is_lost = before.inactive.is_some() && before.inactive != now.active;
        found.extend(is_lost.then_some(Remains::InactiveTableDropped));
        found.extend(now.inactive.is_some().then_some(Remains::TableLoaded));
    }
    // No error reports a name, a uuid or a deferred removal.
    if (&before.name, &before.uuid) != (&now.name, &now.uuid) || now.deferred && !before.deferred {
        found.push(Remains::Unknown);
    }
}

/// Only the devices that an error is about: an operation on several may have completed others.
fn narrowed(error: &OpError, before: &State, now: &State) -> (State, State) {
    let only = |is_meant: &dyn Fn(u32, &Device) -> bool| {
        [before, now].map(|state| State {
            devices: state.devices.iter().filter(|(m, d)| is_meant(**m, d)).map(|(m, d)| (*m, d.clone())).collect(),
            messages: state.messages,
        })
    };
    let [before, now] = match (error.operation(), error.device()) {
        (Operation::Recover | Operation::ResumeStack, Some(DevIdBuf::Name(name))) => {
            only(&|_, device| device.name.as_bytes() == name.as_bytes())
        }
        (Operation::ResumeStack, Some(DevIdBuf::Number(number))) => only(&|minor, _| minor == number.minor),
        _ => only(&|_, _| true),
    };
    (before, now)
}

/// Panics if the error does not describe the state of the devices.
pub(crate) fn check_error(what: &str, error: &OpError, before: &State, now: &State) {
    check_text(what, error);
    let (before, now) = narrowed(error, before, now);
    let found = differences(&before, &now);
    match error.state() {
        StateAfter::Undone => assert!(found.is_empty(), "{what}: {error} says it was undone, left are {found:?}"),
        StateAfter::Done => panic!("{what}: {error}: nothing waits for udev here"),
        StateAfter::Left { remains, .. } if remains.contains(&Remains::Unknown) => {}
        StateAfter::Left { remains, .. } => {
            for left in &found {
                assert!(remains.contains(left), "{what}: {error} does not say {left:?}");
            }
            for said in remains {
                // The caller must know whether it is another device.
                if *said == Remains::Exists && now.named("a").is_some() {
                    continue;
                }
                let is_suspended = *said == Remains::Suspended && now.devices.values().any(|device| device.suspended);
                assert!(found.contains(said) || is_suspended, "{what}: {error} says {said:?}, left are {found:?}");
            }
        }
        state => panic!("{what}: {state:?}"),
    }
}

/// The device has the caller's name for it, and no text is repeated.
fn check_text(what: &str, error: &OpError) {
    let text = error.to_string();
    let mut chain = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        assert!(!text.contains(&cause_text), "{what}: {text} repeats {cause_text}");
        chain.push(cause_text);
        source = cause.source();
    }
    if let Some(device) = error.device() {
        let device = device.to_string();
        assert!(text.contains(&device), "{what}: {text} does not name {device}");
        let is_member = ["stack", "and_users"].iter().any(|word| error.operation().to_string().contains(word));
        for number in chain.iter().chain([&text]).filter(|_| !is_member) {
            let is_named = !number.contains("device 4000:") || device.contains("4000:");
            assert!(is_named, "{what}: {number} names another id than the caller's {device}");
            let has_uuid = number.contains("uuid '") && !device.contains("uuid '");
            assert!(!has_uuid, "{what}: {number} names a uuid that the caller did not");
        }
    }
}
