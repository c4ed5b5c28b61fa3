//! Loads and clears tables, and lists the devices that they use.

use std::mem::offset_of;
use std::sync::Arc;

use dm_core::Flags;
use dm_sys::{DM_MAX_TYPE_NAME, dm_ioctl, dm_target_spec};

use super::{fill, find};
use crate::memory::errno::Errno;
use crate::memory::kernel::table::{RawLine, Table};
use crate::memory::kernel::{Kernel, Pause};
use crate::memory::wire::{Param, nul_terminated, u32_at, u64_at};

/// As `table_load`.
pub(super) fn load(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    if param.target_count() == 0 {
        kernel.log("ioctl", "populate_table: no targets specified");
        return Err(Errno::EINVAL.into());
    }
    let lines = lines(param.payload().unwrap_or_default(), param.target_count());
    let table = Table::build(kernel, minor, lines.into_iter(), param.has(Flags::READONLY))?;
    if let Err(errno) = accept(kernel, minor, &table) {
        table.destroy(kernel);
        return Err(errno.into());
    }
    let old = kernel.device_mut(minor)?.inactive.replace(Arc::new(table));
    param.set(Flags::INACTIVE_PRESENT, true);
    fill(kernel, minor, param)?;
    kernel.drop_table(old);
    Ok(())
}

/// Checks that the table can replace the ones that the device had.
fn accept(kernel: &mut Kernel, minor: u32, table: &Table) -> Result<(), Errno> {
    let device = kernel.device(minor)?;
    let immutable = device.active.as_ref().and_then(|active| active.immutable);
    if let Some(immutable) = immutable {
        let is_same = table.immutable.is_some_and(|other| other.name == immutable.name);
        if !is_same && !table.is_wildcard() {
            kernel.log("ioctl", &format!("can't replace immutable target type {}", immutable.name));
            return Err(Errno::EINVAL);
        }
    }
    match device.queue {
        None => {
            table.check_areas(kernel, minor)?;
            table.set_limits(kernel, minor)?;
            kernel.device_mut(minor)?.queue = Some(table.queue());
        }
        Some(queue) if queue != table.queue() => {
            kernel.log("ioctl", "can't change device type after initial table load.");
            return Err(Errno::EINVAL);
        }
        Some(_) => {}
    }
    Ok(())
}

/// Reads the lines of a table in a request as `populate_table` does.
fn lines(payload: &[u8], count: u32) -> Vec<Result<RawLine<'_>, Errno>> {
    let mut lines = Vec::new();
    let mut at = 0_usize;
    // The first one must not overlap the header, and each later one not the one before it.
    let mut shortest = 0;
    for _ in 0..count {
        let Some((line, next, len)) = line_at(payload, at, shortest) else {
            lines.push(Err(Errno::EINVAL));
            break;
        };
        lines.push(Ok(line));
        shortest = at.saturating_add(len);
        at = at.saturating_add(next);
    }
    lines
}

/// Returns the line at an offset, the distance to the next one, and the line's length with its params.
fn line_at(payload: &[u8], at: usize, shortest: usize) -> Option<(RawLine<'_>, usize, usize)> {
    if at < shortest || at.checked_rem(align_of::<dm_target_spec>()) != Some(0) {
        return None;
    }
    let bytes = payload.get(at..)?;
    let kind = bytes.get(offset_of!(dm_target_spec, target_type)..)?.get(..DM_MAX_TYPE_NAME)?;
    let params = nul_terminated(bytes.get(size_of::<dm_target_spec>()..)?)?;
    let line = RawLine {
        start: u64_at(bytes, offset_of!(dm_target_spec, sector_start))?,
        length: u64_at(bytes, offset_of!(dm_target_spec, length))?,
        target: nul_terminated(kind).unwrap_or(kind),
        params,
    };
    let next = u32_at(bytes, offset_of!(dm_target_spec, next))? as usize;
    Some((line, next, size_of::<dm_target_spec>().checked_add(params.len())?.checked_add(1)?))
}

const _: () = assert!(size_of::<dm_ioctl>() % align_of::<dm_target_spec>() == 0);

/// As `table_clear`.
pub(super) fn clear(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    let old = kernel.device_mut(minor)?.inactive.take();
    param.set(Flags::INACTIVE_PRESENT, false);
    fill(kernel, minor, param)?;
    kernel.drop_table(old);
    Ok(())
}

/// As `table_deps`.
pub(super) fn deps(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    fill(kernel, minor, param)?;
    let device = kernel.device(minor)?;
    let table = if param.has(Flags::QUERY_INACTIVE_TABLE) { &device.inactive } else { &device.active };
    let Some(table) = table else { return Ok(()) };
    let mut answer = u32::try_from(table.uses.len()).unwrap_or(u32::MAX).to_ne_bytes().to_vec();
    answer.extend_from_slice(&[0; 4]);
    for used in &table.uses {
        answer.extend_from_slice(&used.number.to_huge().unwrap_or(0).to_ne_bytes());
    }
    param.answer(&answer, answer.len());
    Ok(())
}
