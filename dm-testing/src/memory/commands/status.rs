//! Statuses of targets, and waiting for events (`table_status`, `dev_wait`).

use dm_core::Flags;
use dm_sys::DM_MAX_TYPE_NAME;

use super::{Waiting, fill, fill_from, find};
use crate::memory::errno::Errno;
use crate::memory::kernel::device::Device;
use crate::memory::kernel::table::{Line, Table};
use crate::memory::kernel::{Kernel, Pause};
use crate::memory::wire::{Param, align};

/// As `table_status`.
pub(super) fn status(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    fill(kernel, minor, param)?;
    let device = kernel.device(minor)?.clone();
    retrieve(kernel, &device, param);
    Ok(())
}

/// As `dev_wait`. For a device that is removed meanwhile, the reply has its last state.
pub(super) fn wait(kernel: &mut Kernel, param: &mut Param, waiting: &mut Waiting) -> Result<(), Pause> {
    let Some(serial) = waiting.serial else {
        let minor = find(kernel, param)?;
        let event_nr = param.event_nr();
        let device = kernel.device_mut(minor)?;
        if device.event_nr == event_nr {
            device.waiters = device.waiters.saturating_add(1);
            waiting.serial = Some(device.serial);
            return Err(Pause::Wait);
        }
        fill(kernel, minor, param)?;
        let device = kernel.device(minor)?.clone();
        retrieve(kernel, &device, param);
        return Ok(());
    };
    let device = kernel.devices.values().find(|device| device.serial == serial).or_else(|| kernel.gone.get(&serial));
    let device = device.ok_or(Errno::ENXIO)?.clone();
    let exists = kernel.devices.contains_key(&device.minor) && !kernel.gone.contains_key(&serial);
    if exists && device.event_nr == param.event_nr() {
        return Err(Pause::Wait);
    }
    param.set_name(&device.name);
    param.set_uuid(&device.uuid);
    fill_from(&device, if exists { kernel.open_count(device.minor) } else { 0 }, param);
    retrieve(kernel, &device, param);
    stop_waiting(kernel, serial);
    Ok(())
}

/// Ends a command's wait for events of a device.
pub(crate) fn stop_waiting(kernel: &mut Kernel, serial: u64) {
    let device = kernel.devices.values_mut().find(|device| device.serial == serial);
    match device.or_else(|| kernel.gone.get_mut(&serial)) {
        Some(device) if device.waiters > 1 => device.waiters = device.waiters.saturating_sub(1),
        Some(device) => {
            device.waiters = 0;
            kernel.gone.remove(&serial);
        }
        None => {}
    }
}

/// As `retrieve_status`.
fn retrieve(kernel: &mut Kernel, device: &Device, param: &mut Param) {
    let table = if param.has(Flags::QUERY_INACTIVE_TABLE) { &device.inactive } else { &device.active };
    let Some(table) = table else { return };
    let (answer, is_whole) = texts(kernel, device, table, param);
    param.answer_part(&answer, is_whole);
    param.set_target_count(table.lines.len());
}

/// Returns the lines that fit, and whether these are all lines.
fn texts(kernel: &mut Kernel, device: &Device, table: &Table, param: &Param) -> (Vec<u8>, bool) {
    let room = param.room();
    let mut answer = Vec::new();
    for line in &table.lines {
        let at = answer.len();
        let text = text(kernel, device, line, param);
        answer.extend_from_slice(&line.start.to_ne_bytes());
        answer.extend_from_slice(&line.length.to_ne_bytes());
        answer.extend_from_slice(&[0; 8]);
        answer.extend((0..DM_MAX_TYPE_NAME).map(|at| line.kind.name.as_bytes().get(at).copied().unwrap_or(0)));
        answer.extend_from_slice(text.as_bytes());
        answer.push(0);
        let end = answer.len();
        align(&mut answer);
        // A text that fills the whole buffer is treated as truncated.
        if end >= room || answer.len() > room {
            answer.truncate(at);
            return (answer, false);
        }
        let next = u32::try_from(answer.len()).unwrap_or(u32::MAX);
        if let Some(field) = answer.get_mut(at.saturating_add(20)..).and_then(|rest| rest.get_mut(..4)) {
            field.copy_from_slice(&next.to_ne_bytes());
        }
        let is_last = table.lines.last().is_some_and(|last| std::ptr::eq(last, line));
        if is_last {
            answer.truncate(end);
        }
    }
    (answer, true)
}

fn text(kernel: &mut Kernel, device: &Device, line: &Line, param: &Param) -> String {
    if param.has(Flags::STATUS_TABLE) {
        return line.with(|target| target.table(kernel));
    }
    if param.has(Flags::IMA_MEASUREMENT) {
        return String::new();
    }
    let status = match &device.status {
        Some(status) => status.clone(),
        None => line.with(|target| target.status(kernel, param.has(Flags::NOFLUSH))),
    };
    if !param.has(Flags::QUERY_INACTIVE_TABLE) && !device.holds_io() {
        // A program that waits for background work to finish reads the status repeatedly.
        line.with(|target| target.work(kernel));
    }
    status
}
