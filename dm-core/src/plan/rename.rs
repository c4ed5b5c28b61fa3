//! Finds the existing devices whose uuid is wanted under another name.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanStep;
use super::compare::unreadable;
use super::error::PlanError;
use super::wanted::Wanted;
use crate::id::{DmName, DmNameBuf};
use crate::ops::{Difference, Host};

/// The devices to rename: from the wanted name to the present one.
#[derive(Debug, Default)]
pub(super) struct Renames(BTreeMap<DmNameBuf, DmNameBuf>);

impl Renames {
    /// Looks for the devices that have a wanted uuid, but not its name.
    pub(super) fn find(host: &Host, wanted: &Wanted<'_>) -> Result<Self, PlanError> {
        let mut renames = BTreeMap::new();
        let mut uuids = BTreeSet::new();
        for device in &wanted.devices {
            let Some(uuid) = device.uuid else { continue };
            if !uuids.insert(uuid) {
                return Err(PlanError::Twice(device.name.clone()));
            }
            match host.dm().device_info(uuid) {
                Ok(info) => {
                    let other = info.name().filter(|name| **name != *device.name);
                    renames.extend(other.map(|name| (device.name.clone(), name.to_owned())));
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(unreadable(&device.name, error)),
            }
        }
        let renames = Self(renames);
        for name in renames.0.keys().filter(|name| !renames.is_renamed(name)) {
            match host.dm().device_info(name) {
                Ok(_) => return Err(PlanError::Differs { device: name.clone(), difference: Difference::Uuid }),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(unreadable(name, error)),
            }
        }
        Ok(renames)
    }

    /// The name that a wanted device has now.
    pub(super) fn present_name<'n>(&'n self, wanted: &'n DmNameBuf) -> &'n DmName {
        self.0.get(wanted).unwrap_or(wanted)
    }

    /// Whether a device with this name now gets another one.
    pub(super) fn is_renamed(&self, name: &DmName) -> bool {
        self.0.values().any(|present| **present == *name)
    }

    /// The steps, in an order in which each new name is free.
    pub(super) fn steps(&self) -> Vec<PlanStep> {
        let mut steps = Vec::new();
        let mut waiting = self.0.clone();
        while let Some((to, from)) = next(&waiting) {
            waiting.remove(&to);
            if let Some(holder) = waiting.iter().find(|(_, present)| **present == to).map(|(name, _)| name.clone()) {
                // All that wait are in circles: one name is freed for a while.
                let temporary = self.temporary(&to);
                steps.push(PlanStep::Rename { from: to.clone(), to: temporary.clone() });
                waiting.insert(holder, temporary);
            }
            steps.push(PlanStep::Rename { from, to });
        }
        steps
    }

    /// A name that no device of the plan has or gets. If another device has it, the rename fails and nothing changes.
    fn temporary(&self, name: &DmName) -> DmNameBuf {
        let short = name.as_bytes().get(..DmName::MAX_LEN.saturating_sub(4)).unwrap_or(name.as_bytes());
        let numbered = (0_u8..=u8::MAX).filter_map(|number| {
            let name = DmNameBuf::new(&[short, format!("-{number:03}").as_bytes()].concat()).ok()?;
            (!self.0.contains_key(&name) && !self.is_renamed(&name)).then_some(name)
        });
        numbered.into_iter().next().unwrap_or_else(|| name.to_owned())
    }
}

/// The next rename: one to a free name, or any if all are in circles.
fn next(waiting: &BTreeMap<DmNameBuf, DmNameBuf>) -> Option<(DmNameBuf, DmNameBuf)> {
    let is_free = |to: &DmNameBuf| !waiting.values().any(|present| present == to);
    let free = waiting.iter().find(|(to, _)| is_free(to));
    free.or_else(|| waiting.first_key_value()).map(|(to, from)| (to.clone(), from.clone()))
}
