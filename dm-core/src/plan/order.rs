//! Sorts wanted devices, so that each comes after those that it uses.

use std::collections::{BTreeMap, BTreeSet};

use super::error::PlanError;
use super::wanted::Wanted;
use crate::id::DmNameBuf;

/// The names of all wanted devices, bottom up.
pub(super) fn bottom_up(wanted: &Wanted<'_>) -> Result<Vec<DmNameBuf>, PlanError> {
    let mut waiting = BTreeMap::new();
    for device in &wanted.devices {
        let uses: BTreeSet<DmNameBuf> = device.uses.iter().cloned().collect();
        if let Some(unknown) = uses.iter().find(|name| wanted.get(name).is_none()) {
            return Err(PlanError::Unknown { device: device.name.clone(), used: unknown.clone() });
        }
        if waiting.insert(device.name.clone(), uses).is_some() {
            return Err(PlanError::Twice(device.name.clone()));
        }
    }
    let mut order: Vec<DmNameBuf> = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<DmNameBuf> =
            waiting.iter().filter(|(_, uses)| uses.is_empty()).map(|(name, _)| name.clone()).collect();
        if ready.is_empty() {
            return Err(PlanError::Cycle(cycle(&waiting)));
        }
        for name in ready {
            waiting.remove(&name);
            for uses in waiting.values_mut() {
                uses.remove(&name);
            }
            order.push(name);
        }
    }
    Ok(order)
}

/// Follows what the devices use, until one appears again. Each of them uses at least one of the others.
fn cycle(waiting: &BTreeMap<DmNameBuf, BTreeSet<DmNameBuf>>) -> Vec<DmNameBuf> {
    let mut path: Vec<DmNameBuf> = Vec::new();
    let mut next = waiting.keys().next();
    while let Some(name) = next {
        if let Some(start) = path.iter().position(|earlier| earlier == name) {
            path.drain(..start);
            break;
        }
        path.push(name.clone());
        next = waiting.get(name).and_then(BTreeSet::first);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::wanted::WantedDevice;
    use super::*;
    use crate::id::DmName;

    #[test]
    fn only_the_devices_of_a_cycle_are_listed() {
        let name = |text| DmName::new(text).unwrap();
        let uses = [("a", vec!["b"]), ("b", vec!["disk", "c"]), ("c", vec!["d"]), ("d", vec!["c"]), ("disk", vec![])];
        let wanted = uses.into_iter().fold(Wanted::default(), |wanted, (device, below)| {
            wanted.device(WantedDevice::new(name(device), |_| None).uses(below.into_iter().map(name)))
        });
        let Err(PlanError::Cycle(names)) = bottom_up(&wanted) else { unreachable!("no cycle was found") };
        assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["c", "d"]);
    }
}
