//! The commands, each named after its function in drivers/md/dm-ioctl.c.

mod lifecycle;
mod lists;
mod message;
mod stats;
mod status;
mod suspend;
mod table;

pub(super) use self::status::stop_waiting;

use std::sync::Arc;

use dm_core::{Command, Flags};
use dm_units::DeviceNumber;

use super::errno::Errno;
use super::kernel::device::Device;
use super::kernel::table::Table;
use super::kernel::{Kernel, MAPPED_MAJOR, Pause};
use super::wire::{Param, SHORTEST, put_version};

/// The state that a command keeps while it waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// The serial number of the device whose events it waits for.
    pub(crate) serial: Option<u64>,
    /// Whether a resume waits in `dm_resume`, where a new table is active already.
    pub(crate) is_resuming: bool,
    /// The table that the resume has replaced, and destroys at its end.
    pub(crate) replaced: Option<Arc<Table>>,
}

/// Executes a request and overwrites it with the reply, as `ctl_ioctl` does.
pub(crate) fn carry_out(
    kernel: &mut Kernel,
    command: Command,
    request: &mut [u8],
    waiting: &mut Waiting,
) -> Result<(), Pause> {
    let wanted = Param::copy(request, SHORTEST).version();
    put_version(request, kernel.interface);
    let is_known = wanted.major == kernel.interface.major && wanted.minor <= kernel.interface.minor;
    if !is_known {
        let text = format!("ioctl interface mismatch: kernel({}), user({wanted}), cmd({command})", kernel.interface);
        kernel.log("ioctl", &text);
        return Err(Errno::EINVAL.into());
    }
    if command == Command::Version {
        return Ok(());
    }
    if kernel.interface.minor < since(command) {
        return Err(Errno::ENOTTY.into());
    }
    let len = if has_payload(command) { request.len() } else { SHORTEST };
    let mut param = Param::copy(request, len);
    let ignored: Flags = later_flags(kernel.interface.minor).filter(|flag| param.has(*flag)).collect();
    param.set(ignored, false);
    let is_secret = param.has(Flags::SECURE_DATA);
    let answered = validate(kernel, command, &mut param).and_then(|()| {
        param.set_data_size(SHORTEST);
        run(kernel, command, &mut param, waiting)
    });
    if is_secret && answered != Err(Pause::Wait) {
        request.fill(0);
        put_version(request, kernel.interface);
    }
    answered?;
    if is_global_event(command) {
        kernel.global_event();
    }
    param.set(ignored, true);
    param.copy_out(request);
    Ok(())
}

/// The interface version that introduced a command.
const fn since(command: Command) -> u32 {
    match command {
        Command::ListVersions => 1,
        Command::TargetMsg => 2,
        Command::SetGeometry => 6,
        Command::ArmPoll => 36,
        Command::TargetVersion => 41,
        _ => 0,
    }
}

/// The flags that were added after an interface version; a kernel of that version ignores them, and returns them as they
/// were sent.
fn later_flags(interface: u32) -> impl Iterator<Item = Flags> {
    const SINCE: [(u32, Flags); 6] = [
        (12, Flags::NOFLUSH),
        (16, Flags::QUERY_INACTIVE_TABLE),
        (19, Flags::UUID),
        (20, Flags::SECURE_DATA),
        (27, Flags::DEFERRED_REMOVE),
        (45, Flags::IMA_MEASUREMENT),
    ];
    SINCE.into_iter().filter(move |(since, _)| interface < *since).map(|(_, flag)| flag)
}

/// All commands except those with `IOCTL_FLAGS_NO_PARAMS`.
const fn has_payload(command: Command) -> bool {
    !matches!(
        command,
        Command::RemoveAll
            | Command::DeviceCreate
            | Command::DeviceRemove
            | Command::DeviceSuspend
            | Command::DeviceResume
            | Command::DeviceInfo
            | Command::TableClear
            | Command::ArmPoll
    )
}

/// The commands with `IOCTL_FLAGS_ISSUE_GLOBAL_EVENT`.
const fn is_global_event(command: Command) -> bool {
    matches!(command, Command::RemoveAll | Command::DeviceCreate | Command::DeviceRemove | Command::DeviceRename)
}

/// As `validate_params`.
fn validate(kernel: &mut Kernel, command: Command, param: &mut Param) -> Result<(), Pause> {
    for flag in [Flags::BUFFER_FULL, Flags::UEVENT_GENERATED, Flags::SECURE_DATA, Flags::DATA_OUT] {
        param.set(flag, false);
    }
    let refusal = match command {
        Command::RemoveAll | Command::ListDevices | Command::ListVersions => None,
        Command::DeviceCreate => param.name().is_empty().then_some("name not supplied when creating device"),
        _ => (!param.name().is_empty() && !param.uuid().is_empty()).then_some("only supply one of name or uuid"),
    };
    match refusal {
        None => Ok(()),
        Some(text) => {
            kernel.log("ioctl", text);
            Err(Errno::EINVAL.into())
        }
    }
}

fn run(kernel: &mut Kernel, command: Command, param: &mut Param, waiting: &mut Waiting) -> Result<(), Pause> {
    match command {
        Command::RemoveAll => lifecycle::remove_all(kernel, param),
        Command::ListDevices => lists::devices(kernel, param),
        Command::DeviceCreate => lifecycle::create(kernel, param)?,
        Command::DeviceRemove => lifecycle::remove(kernel, param)?,
        Command::DeviceRename => lifecycle::rename(kernel, param)?,
        Command::DeviceSuspend | Command::DeviceResume => suspend::suspend_or_resume(kernel, param, waiting)?,
        Command::DeviceInfo => {
            let minor = find(kernel, param)?;
            fill(kernel, minor, param)?;
        }
        Command::DeviceWait => status::wait(kernel, param, waiting)?,
        Command::TableLoad => table::load(kernel, param)?,
        Command::TableClear => table::clear(kernel, param)?,
        Command::TableDeps => table::deps(kernel, param)?,
        Command::TableStatus => status::status(kernel, param)?,
        Command::ListVersions => lists::versions(param),
        Command::TargetVersion => lists::version(param)?,
        Command::TargetMsg => message::send(kernel, param)?,
        Command::SetGeometry => message::set_geometry(kernel, param)?,
        // The open file handles this command.
        Command::ArmPoll => {}
        _ => return Err(Errno::ENOTTY.into()),
    }
    Ok(())
}

/// Looks up the device of a request, and fills in its name and uuid (`__find_device_hash_cell`).
fn find(kernel: &mut Kernel, param: &mut Param) -> Result<u32, Errno> {
    let (name, uuid, dev) = (param.name(), param.uuid(), param.dev());
    let has_two = !uuid.is_empty() && (!name.is_empty() || dev != 0) || !name.is_empty() && dev != 0;
    if has_two {
        kernel.log("ioctl", "Invalid ioctl structure");
        return Err(Errno::ENXIO);
    }
    let minor = if !uuid.is_empty() {
        kernel.uuids.get(uuid).copied()
    } else if !name.is_empty() {
        kernel.names.get(name).copied()
    } else {
        let number = DeviceNumber::from_huge(dev).filter(|number| number.major == MAPPED_MAJOR);
        number.map(|number| number.minor).filter(|_| dev != 0)
    };
    let device = kernel.device(minor.ok_or(Errno::ENXIO)?)?;
    param.set_name(&device.name);
    param.set_uuid(&device.uuid);
    param.set(Flags::INACTIVE_PRESENT, device.inactive.is_some());
    Ok(device.minor)
}

/// Writes the state of a device into a reply (`__dev_status`).
fn fill(kernel: &Kernel, minor: u32, param: &mut Param) -> Result<(), Errno> {
    let device = kernel.device(minor)?;
    fill_from(device, kernel.open_count(minor), param);
    Ok(())
}

fn fill_from(device: &Device, open_count: usize, param: &mut Param) {
    let of_inactive = param.has(Flags::QUERY_INACTIVE_TABLE);
    let table = if of_inactive { &device.inactive } else { &device.active };
    let read_only = if of_inactive { table.as_ref().is_some_and(|table| table.read_only) } else { device.read_only };
    param.set(Flags::SUSPEND, device.suspended);
    param.set(Flags::INTERNAL_SUSPEND, device.internal_suspensions > 0);
    if device.deferred_remove {
        param.set(Flags::DEFERRED_REMOVE, true);
    }
    param.set(Flags::READONLY, table.is_some() && read_only);
    param.set(Flags::ACTIVE_PRESENT, device.active.is_some());
    param.set_dev(device.number());
    param.set_open_count(open_count);
    param.set_event_nr(device.event_nr);
    param.set_target_count(table.as_ref().map_or(0, |table| table.lines.len()));
}
