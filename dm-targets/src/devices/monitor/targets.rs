//! Properties of each target that a monitor needs: its legs, and whether it changes without an event.

use alloc::vec::Vec;

use dm_units::DeviceNumber;

use super::LegState;
use crate::AnyStatus;
use crate::mirror::MirrorHealth;
use crate::multipath::PathState;
use crate::raid::{RaidHealth, RaidStatus};
use crate::striped::StripeHealth;

/// A leg of a mirror or RAID, a stripe or a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) device: Option<DeviceNumber>,
    pub(super) state: LegState,
}

impl Leg {
    const fn new(device: DeviceNumber, state: LegState) -> Self {
        Self { device: Some(device), state }
    }
}

/// The legs of a target, in the order of its table.
pub(super) fn legs(status: &AnyStatus) -> Vec<Leg> {
    match status {
        AnyStatus::Mirror(mirror) => {
            mirror.legs.iter().map(|leg| Leg::new(leg.device, of_mirror(&leg.health))).collect()
        }
        AnyStatus::Striped(striped) => {
            striped.stripes.iter().map(|stripe| Leg::new(stripe.device, of_stripe(&stripe.health))).collect()
        }
        AnyStatus::Multipath(multipath) => {
            let paths = multipath.groups.iter().flat_map(|group| &group.paths);
            paths.map(|path| Leg::new(path.device, of_path(&path.state))).collect()
        }
        AnyStatus::Raid(RaidStatus::Array(array)) => {
            array.health.iter().map(|health| Leg { device: None, state: of_array(health) }).collect()
        }
        _ => Vec::new(),
    }
}

fn of_mirror(health: &MirrorHealth) -> LegState {
    match health {
        MirrorHealth::Alive => LegState::Working,
        MirrorHealth::Other(_) => LegState::Unknown,
        _ => LegState::Failed,
    }
}

fn of_stripe(health: &StripeHealth) -> LegState {
    match health {
        StripeHealth::Alive => LegState::Working,
        StripeHealth::Dead => LegState::Failed,
        StripeHealth::Other(_) => LegState::Unknown,
    }
}

fn of_path(state: &PathState) -> LegState {
    match state {
        PathState::Active => LegState::Working,
        PathState::Failed => LegState::Failed,
        PathState::Other(_) => LegState::Unknown,
    }
}

fn of_array(health: &RaidHealth) -> LegState {
    match health {
        RaidHealth::InSync => LegState::Working,
        RaidHealth::OutOfSync => LegState::Rebuilding,
        RaidHealth::Failed | RaidHealth::Missing => LegState::Failed,
        RaidHealth::Other(_) => LegState::Unknown,
    }
}

/// Whether some changes of a target's health raise no event (see the calls of `dm_table_event` in drivers/md). A new
/// target must be added to one of the lists.
pub(super) fn changes_silently(status: &AnyStatus) -> bool {
    match status {
        // Levels change silently; modes have events.
        AnyStatus::Cache(_) | AnyStatus::Clone(_) | AnyStatus::ThinPool(_) => true,
        // Levels change silently; becoming invalid has an event.
        AnyStatus::Snapshot(_) | AnyStatus::SnapshotMerge(_) => true,
        // Everything changes silently. When a pool fails, only the pool has an event.
        AnyStatus::Era(_)
        | AnyStatus::Integrity(_)
        | AnyStatus::LogWrites(_)
        | AnyStatus::Thin(_)
        | AnyStatus::Vdo(_)
        | AnyStatus::Verity(_)
        | AnyStatus::Writecache(_) => true,
        // Everything has an event.
        AnyStatus::Mirror(_) | AnyStatus::Multipath(_) | AnyStatus::Raid(_) | AnyStatus::Striped(_) => false,
        // Their status does not show their health.
        AnyStatus::Crypt(_)
        | AnyStatus::Delay(_)
        | AnyStatus::Dust(_)
        | AnyStatus::Ebs(_)
        | AnyStatus::Error(_)
        | AnyStatus::Flakey(_)
        | AnyStatus::InlineCrypt(_)
        | AnyStatus::Linear(_)
        | AnyStatus::Pcache(_)
        | AnyStatus::SnapshotOrigin(_)
        | AnyStatus::Switch(_)
        | AnyStatus::Unstriped(_)
        | AnyStatus::Zero(_)
        | AnyStatus::Zoned(_)
        | AnyStatus::Other(_) => false,
    }
}
