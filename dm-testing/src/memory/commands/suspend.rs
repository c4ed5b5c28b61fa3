//! Suspends and resumes devices, which makes a new table active (`do_suspend`, `do_resume`).

use std::sync::Arc;

use dm_core::Flags;

use super::{Waiting, fill, find};
use crate::memory::errno::Errno;
use crate::memory::faults::ResumeFault;
use crate::memory::kernel::table::Table;
use crate::memory::kernel::{Kernel, Pause};
use crate::memory::wire::Param;

/// As `dev_suspend`, which the two commands share.
pub(super) fn suspend_or_resume(kernel: &mut Kernel, param: &mut Param, waiting: &mut Waiting) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    if param.has(Flags::SUSPEND) {
        if !kernel.device(minor)?.suspended {
            suspend(kernel, minor, param.has(Flags::NOFLUSH))?;
        }
    } else {
        resume(kernel, minor, param, waiting)?;
    }
    Ok(fill(kernel, minor, param)?)
}

/// As `dm_suspend`. It waits for I/O that has reached the targets, unless they return it.
fn suspend(kernel: &mut Kernel, minor: u32, noflush: bool) -> Result<(), Pause> {
    let device = kernel.device(minor)?;
    if device.internal_suspensions > 0 || device.in_flight > 0 && !noflush {
        return Err(Pause::Wait);
    }
    let table = device.active.clone();
    if let Some(table) = &table {
        table.each(|_, target| target.presuspend(kernel, noflush));
    }
    kernel.device_mut(minor)?.suspended = true;
    if let Some(table) = &table {
        table.each(|_, target| target.postsuspend(kernel));
    }
    Ok(())
}

/// As `do_resume`.
fn resume(kernel: &mut Kernel, minor: u32, param: &mut Param, waiting: &mut Waiting) -> Result<(), Pause> {
    let device = kernel.device(minor)?;
    if device.inactive.is_some() && !waiting.is_resuming {
        if !device.suspended {
            suspend(kernel, minor, param.has(Flags::NOFLUSH))?;
        }
        waiting.replaced = swap(kernel, minor)?;
    }
    param.set(Flags::INACTIVE_PRESENT, false);
    let device = kernel.device(minor)?;
    let is_suspended = device.suspended;
    if is_suspended && device.internal_suspensions > 0 {
        waiting.is_resuming = true;
        return Err(Pause::Wait);
    }
    // After the wait, `dm_resume` refuses a device that another command has resumed meanwhile.
    let mut resumed = if waiting.is_resuming { Err(Errno::EINVAL) } else { Ok(()) };
    if is_suspended {
        resumed = resume_targets(kernel, minor);
        if resumed.is_ok() {
            let is_sent = kernel.uevent(minor, param.event_nr());
            param.set(Flags::UEVENT_GENERATED, is_sent);
        }
    }
    // Not earlier, since a target of the new table may take over state of the old one.
    kernel.drop_table(waiting.replaced.take());
    Ok(resumed?)
}

/// Makes the inactive table active and returns the old one. If the new table is refused it is destroyed, and the device
/// stays suspended.
fn swap(kernel: &mut Kernel, minor: u32) -> Result<Option<Arc<Table>>, Errno> {
    let Some(new) = kernel.device_mut(minor)?.inactive.take() else { return Ok(None) };
    let fault = kernel.resume_fault.take_if(|fault| *fault == ResumeFault::Swap);
    let refused = if fault.is_some() { Err(Errno::EINVAL) } else { new.check_areas(kernel, minor) };
    if let Err(errno) = refused {
        kernel.drop_table(Some(new));
        return Err(errno);
    }
    new.set_limits(kernel, minor)?;
    let device = kernel.device_mut(minor)?;
    device.read_only = new.read_only;
    let old = device.active.replace(new);
    kernel.global_event();
    Ok(old)
}

/// As `dm_resume`.
fn resume_targets(kernel: &mut Kernel, minor: u32) -> Result<(), Errno> {
    let device = kernel.device(minor)?;
    let (number, table) = (device.number(), device.active.clone());
    let table = table.filter(|table: &Arc<Table>| table.sectors() > 0).ok_or(Errno::EINVAL)?;
    if kernel.resume_fault.take().is_some() {
        return Err(Errno::EINVAL);
    }
    table.try_each(|line, target| {
        target.preresume(kernel).inspect_err(|errno| {
            let text = format!("{number}: {}: preresume failed, error = -{}", line.kind.name, errno.0);
            kernel.log("table", &text);
        })
    })?;
    table.each(|_, target| target.resume(kernel));
    kernel.device_mut(minor)?.suspended = false;
    Ok(())
}
