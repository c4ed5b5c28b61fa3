//! The calls that are measured in the guest, and their limits.

/// A call and its limits.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// Its name in the programs.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    /// The number of entries of its table or list, or of devices.
    pub(super) size: u32,
    /// The number of times it is repeated: enough to make the cost of reading the clock negligible.
    pub(super) count: u32,
    pub(super) limit: Limit,
    /// The maximum number of ioctls.
    pub(super) ioctls: u64,
}

/// The maximum number of instructions of a call.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// No limit: the figure is only shown.
    None,
    /// In thousandths of the minimum.
    Ratio(u64),
    /// As an absolute number.
    Instructions(u64),
}

impl Limit {
    /// Whether the figures are within the limit.
    pub(super) fn allows(self, instructions: u64, ratio: u64) -> bool {
        match self {
            Self::None => true,
            Self::Ratio(most) => ratio <= most,
            Self::Instructions(most) => instructions <= most,
        }
    }
}

/// A single command.
const fn call(name: &'static str, summary: &'static str, size: u32, count: u32, limit: u64) -> Call {
    Call { name, summary, size, count, limit: Limit::Ratio(limit), ioctls: 1 }
}

/// An operation of several ioctls.
const fn operation(
    name: &'static str,
    summary: &'static str,
    size: u32,
    count: u32,
    ioctls: u64,
    limit: Limit,
) -> Call {
    Call { name, summary, size, count, limit, ioctls }
}

/// The order matters: lists get longer, and devices are kept.
///
/// A limit is the expected cost of a call. Where a call costs more, the limit is its present cost, and a comment gives
/// the reason. Each path that is checked costs 5 000 instructions here, since the root of the guest is on a file system
/// of the host.
pub(super) const CALLS: [Call; 39] = [
    call("first_table_text", "table text, 1 line, a handle's first call", 1, 1, 2000),
    call("open", "open", 1, 100, 1300),
    call("open_version", "open, version", 1, 100, 1300),
    call("version", "version", 1, 1000, 1200),
    call("device_info", "device_info", 1, 1000, 1200),
    call("list_versions", "list_versions", 1, 200, 1200),
    call("table_text", "table text, 100 lines", 100, 20, 1050),
    call("table_status", "table_status, 100 lines", 100, 50, 1050),
    call("table_text", "table text, 10 000 lines", 10_000, 1, 1050),
    call("table_status", "table_status, 10 000 lines", 10_000, 1, 1050),
    call("table_load_typed", "table_load, 1 typed line", 1, 100, 1050),
    call("table_load_typed", "table_load, 100 typed lines", 100, 5, 1050),
    call("table_load_typed", "table_load, 1000 typed lines", 1000, 3, 1050),
    call("table_load_text", "table_load, 100 lines of text", 100, 5, 1020),
    call("table_load_text", "table_load, 1000 lines of text", 1000, 3, 1020),
    operation("create_remove", "create, remove", 1, 10, 4, Limit::Ratio(1030)),
    // The minimum makes the link without checks, as libdm does. To ensure that no link leads to another device and that
    // no other user can place one there, dm-core checks the control socket of udev, sysfs, the folder, the kernel's
    // node and the present file, before it makes a link and again before it removes one.
    operation("create_remove_node", "create, remove, with its node", 1, 10, 5, Limit::Ratio(1240)),
    // Should be 1.03. It reads the old table first, so that it can be restored: 0.04. It records the end of the
    // kernel's log before the load and before the resume, so that an error has the kernel's reason: 0.03.
    operation("reload", "reload of one line", 1, 20, 4, Limit::Ratio(1140)),
    operation("setup_existing", "setup of an existing device", 1, 100, 2, Limit::Instructions(30_000)),
    Call { limit: Limit::None, ..call("list_devices", "list_devices, 10 devices", 10, 200, 0) },
    call("list_devices", "list_devices, 100 devices", 100, 20, 1050),
    call("table_deps", "table_deps, 100 devices", 100, 300, 1200),
    call("first_table_deps", "table_deps, 100, a handle's first call", 100, 1, 1500),
    call("list_devices", "list_devices, 1000 devices", 1000, 2, 1050),
    call("list_devices_uuids", "list_devices with uuids, 1000 devices", 1000, 2, 1050),
    // Should be 1.01. The end of the kernel's log is recorded before three of the commands: 0.008.
    operation("life", "create, load, resume, remove", 1, 10, 4, Limit::Ratio(1020)),
    operation("uses", "dependencies of a stack of two", 1000, 100, 2, Limit::Instructions(16_000)),
    // Should be 60 000. The minimum knows the devices; dm-core finds each of them with a command, which costs 6 000 for
    // two, and records the end of the kernel's log before each resume.
    operation("suspend_resume_stack", "suspend, resume of a stack of two", 1000, 20, 6, Limit::Instructions(70_000)),
    operation("remove_stack", "removal of a stack of two", 1000, 1, 4, Limit::Ratio(1050)),
    operation("remove_open", "refused removal of an open device", 1000, 50, 1, Limit::Instructions(15_000)),
    operation("setup_existing", "setup of an existing device, 1000 devices", 1000, 100, 2, Limit::Instructions(30_000)),
    operation("leftovers", "leftovers of an unused prefix", 1000, 10, 1, Limit::Ratio(1050)),
    operation("poller_open", "open a poller, 1000 devices", 1000, 2, 3, Limit::Ratio(1200)),
    operation("poller_step", "a step of the poller, 1000 devices", 1000, 2, 2, Limit::Ratio(1100)),
    // One command more than the minimum: it reads whether the caller has already suspended the origin.
    operation("thin_snapshot", "snapshot and delete of a thin device", 1000, 5, 9, Limit::Ratio(1050)),
    call("list_devices", "list_devices, 4000 devices", 4000, 1, 1050),
    call("list_devices_uuids", "list_devices with uuids, 4000 devices", 4000, 1, 1050),
    operation("first_list_devices", "list_devices, 4000, a handle's first call", 4000, 1, 1, Limit::Ratio(1300)),
    operation("first_list_devices_uuids", "the same with uuids", 4000, 1, 1, Limit::Ratio(1400)),
];
