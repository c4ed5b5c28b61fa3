//! Lists of devices and of target types.

use dm_core::Flags;
use dm_sys::{DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID, DM_NAME_LIST_FLAG_HAS_UUID};

use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::device::Device;
use crate::memory::targets::{self, TargetType};
use crate::memory::wire::{Param, align};

/// The interface that added event numbers to lists.
const EVENT_NUMBERS: u32 = 37;

/// The interface that added uuids and prefixes to lists.
const UUIDS: u32 = 45;

/// As `list_devices`.
pub(super) fn devices(kernel: &Kernel, param: &mut Param) {
    let mut answer = Vec::new();
    let mut last = None;
    for minor in kernel.names.values() {
        let Some(device) = kernel.devices.get(minor).filter(|device| is_wanted(kernel, device, param)) else {
            continue;
        };
        link(&mut answer, last, 8);
        last = Some(answer.len());
        append(kernel, device, param, &mut answer);
    }
    let size = answer.len();
    if answer.is_empty() {
        // The number 0 means the end, and is not part of the reply.
        answer.resize(8, 0);
    }
    if param.room() < answer.len() {
        param.answer(&answer, answer.len());
    } else {
        param.answer(&answer, size);
    }
}

/// Whether its name and uuid have the requested prefixes (`filter_device`).
fn is_wanted(kernel: &Kernel, device: &Device, param: &Param) -> bool {
    kernel.interface.minor < UUIDS || device.name.starts_with(param.name()) && device.uuid.starts_with(param.uuid())
}

fn append(kernel: &Kernel, device: &Device, param: &Param, answer: &mut Vec<u8>) {
    answer.extend_from_slice(&device.number().to_huge().unwrap_or(0).to_ne_bytes());
    answer.extend_from_slice(&[0; 4]);
    answer.extend_from_slice(&device.name);
    answer.push(0);
    align(answer);
    if kernel.interface.minor < EVENT_NUMBERS {
        return;
    }
    let with_uuids = kernel.interface.minor >= UUIDS && param.has(Flags::UUID);
    let flag = match (with_uuids, device.uuid.is_empty()) {
        (false, _) => 0,
        (true, false) => DM_NAME_LIST_FLAG_HAS_UUID,
        (true, true) => DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID,
    };
    answer.extend_from_slice(&device.event_nr.to_ne_bytes());
    answer.extend_from_slice(&flag.to_ne_bytes());
    if flag == DM_NAME_LIST_FLAG_HAS_UUID {
        answer.extend_from_slice(&device.uuid);
        answer.push(0);
        align(answer);
    }
}

/// As `list_versions`. The kernel reserves more space than it fills.
pub(super) fn versions(param: &mut Param) {
    answer_versions(targets::all(), param);
}

/// As `get_target_version`.
pub(super) fn version(param: &mut Param) -> Result<(), Errno> {
    let kind = std::str::from_utf8(param.name()).ok().and_then(targets::find).ok_or(Errno::EINVAL)?;
    answer_versions(std::iter::once(kind), param);
    Ok(())
}

fn answer_versions(kinds: impl Iterator<Item = &'static TargetType>, param: &mut Param) {
    let mut answer = Vec::new();
    let (mut last, mut needed) = (None, 0_usize);
    for kind in kinds {
        link(&mut answer, last, 0);
        last = Some(answer.len());
        let version = kind.version;
        for word in [0, version.major, version.minor, version.patch] {
            answer.extend_from_slice(&word.to_ne_bytes());
        }
        answer.extend_from_slice(kind.name.as_bytes());
        answer.push(0);
        align(&mut answer);
        needed = needed.saturating_add(16 + 1 + 7).saturating_add(kind.name.len());
    }
    param.answer(&answer, needed);
}

/// Writes the distance from the last entry to the end into the field of that entry at `field`.
fn link(answer: &mut [u8], last: Option<usize>, field: usize) {
    let Some(last) = last else { return };
    let distance = u32::try_from(answer.len().saturating_sub(last)).unwrap_or(u32::MAX);
    if let Some(place) = answer.get_mut(last.saturating_add(field)..).and_then(|rest| rest.get_mut(..4)) {
        place.copy_from_slice(&distance.to_ne_bytes());
    }
}
