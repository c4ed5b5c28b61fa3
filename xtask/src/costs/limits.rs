//! The calls that are made in the guest, and what each may take.

/// A call and what it may take.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// Its name to the programs.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    /// How many entries its table or list has, or how many devices there are.
    pub(super) size: u32,
    /// How often it is made in a row: so often that the reading of the clock does not count.
    pub(super) count: u32,
    pub(super) limit: Limit,
    /// How many ioctls it may take.
    pub(super) ioctls: u64,
}

/// The most instructions of a call.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// It is just shown.
    None,
    /// In thousandths of the least.
    Ratio(u64),
    /// By themselves.
    Instructions(u64),
}

impl Limit {
    /// Whether what a call took is not more.
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

/// What takes several ioctls.
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

/// In this order: devices are made as lists get longer, and stay.
///
/// A limit is what a call should take. Where it takes more, the limit is what it takes, and the reason stands beside it. Each
/// path that is looked at costs 5 000 instructions here, since the root of the guest is a file system of the host's.
pub(super) const CALLS: [Call; 39] = [
    call("first_table_text", "table text, 1 line, a handle's first call", 1, 1, 2000),
    // Should be 1.3. It looks whether the node is the control node and asks for the version of the interface, so that no other
    // driver and no other interface gets a command; the look alone is 0.15, which the C library makes by a path.
    call("open", "open", 1, 100, 1360),
    call("open_version", "open, version", 1, 100, 1340),
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
    // The least makes the link and looks at nothing, as libdm does. That no link leads to another device, and that no other user
    // can put one there, takes looks at the control socket of udev, at sysfs, at the folder, at the kernel's node and at
    // what is in the place, before one is made and again before it is removed.
    operation("create_remove_node", "the same, with its node", 1, 10, 5, Limit::Ratio(1240)),
    // Should be 1.03. It reads the old table first, to put it back if the new one cannot take its place: that alone is 0.04.
    // The end of the kernel's log is noted before the load and before the resume, so that a refusal has its reason: 0.03.
    operation("reload", "reload of one line", 1, 20, 4, Limit::Ratio(1140)),
    operation("setup_existing", "setup of what exists", 1, 100, 2, Limit::Instructions(30_000)),
    Call { limit: Limit::None, ..call("list_devices", "list_devices, 10 devices", 10, 200, 0) },
    call("list_devices", "list_devices, 100 devices", 100, 20, 1050),
    call("table_deps", "table_deps, 100 devices", 100, 300, 1200),
    call("first_table_deps", "the same, a handle's first call", 100, 1, 1500),
    call("list_devices", "list_devices, 1000 devices", 1000, 2, 1050),
    call("list_devices_uuids", "the same, with uuids", 1000, 2, 1050),
    // Should be 1.01. The end of the kernel's log is noted before three of the commands, which is 0.008.
    operation("life", "create, load, resume, remove", 1, 10, 4, Limit::Ratio(1020)),
    operation("uses", "what the top of a stack of two uses", 1000, 100, 2, Limit::Instructions(16_000)),
    // Should be 60 000. By hand the devices are known; here each is found by a command, which takes 6 000 for two, and the end
    // of the kernel's log is noted before each resume.
    operation("suspend_resume_stack", "suspend, resume of a stack of two", 1000, 20, 6, Limit::Instructions(70_000)),
    operation("remove_stack", "removal of a stack of two", 1000, 1, 4, Limit::Ratio(1050)),
    operation("remove_open", "refused removal of an open device", 1000, 50, 1, Limit::Instructions(15_000)),
    operation("setup_existing", "setup of what exists, 1000 devices", 1000, 100, 2, Limit::Instructions(30_000)),
    operation("leftovers", "leftovers of a prefix that none has", 1000, 10, 1, Limit::Ratio(1050)),
    operation("poller_open", "beginning to poll 1000 devices", 1000, 2, 3, Limit::Ratio(1200)),
    operation("poller_step", "a step of the poller, 1000 devices", 1000, 2, 2, Limit::Ratio(1100)),
    // One command more than the least: whether the caller has suspended the origin is read before it is suspended here.
    operation("thin_snapshot", "snapshot and delete of a thin device", 1000, 5, 9, Limit::Ratio(1050)),
    call("list_devices", "list_devices, 4000 devices", 4000, 1, 1050),
    call("list_devices_uuids", "the same, with uuids", 4000, 1, 1050),
    operation("first_list_devices", "4000 devices, a handle's first call", 4000, 1, 1, Limit::Ratio(1300)),
    operation("first_list_devices_uuids", "the same, with uuids", 4000, 1, 1, Limit::Ratio(1400)),
];
