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
            return Err(PlanError::Cycle(waiting.into_keys().collect()));
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
