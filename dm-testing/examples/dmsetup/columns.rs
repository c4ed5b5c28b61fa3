//! `info -c` and `splitname`: the fields of devices and of their names.

use std::rc::Rc;

use dm_core::{DeviceInfo, DeviceTree, DmName, Host, InfoOptions, LvmParts, TreeNode, TreeOrder};
use dm_units::DeviceNumber;

use crate::Result;
use crate::devices::human;
use crate::options::Options;
use crate::report::{self, Column, Group, number, text};
use crate::show::{chosen, node_name, read_ahead, slot};

/// A row of `info -c`: a device, and a snapshot of all devices.
struct Device {
    host: Host,
    info: DeviceInfo,
    tree: Rc<DeviceTree>,
}

impl Device {
    fn node(&self) -> Option<&TreeNode> {
        self.tree.get(self.info.number())
    }

    fn used(&self) -> Vec<DeviceNumber> {
        self.tree.children(self.info.number(), TreeOrder::Number)
    }

    fn users(&self) -> Vec<DeviceNumber> {
        self.node().map(|node| node.used_by.iter().copied().collect()).unwrap_or_default()
    }

    /// The names of the mapped devices among these.
    fn names(&self, devices: Vec<DeviceNumber>) -> String {
        let name = |number| Some(human(&self.host, Some(self.tree.get(number)?.name.as_deref()?)));
        devices.into_iter().filter_map(name).collect::<Vec<_>>().join(",")
    }

    fn uuid(&self) -> String {
        self.info.uuid().map(|uuid| self.host.naming().human_uuid(uuid).to_string()).unwrap_or_default()
    }

    /// The program that made the device, according to the prefix of its uuid.
    fn subsystem(&self) -> String {
        self.uuid().split_once('-').map(|(start, _)| start.to_owned()).unwrap_or_default()
    }

    fn parts(&self) -> LvmParts {
        self.info.name().filter(|_| self.subsystem() == "LVM").map(DmName::lvm_parts).unwrap_or_default()
    }
}

fn numbers(devices: Vec<DeviceNumber>) -> String {
    devices.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

const COLUMNS: [Column<Device>; 29] = [
    text("name", "Name", 16, |it| human(&it.host, it.info.name())),
    text("mangled_name", "MangledName", 16, |it| it.info.name().map(ToString::to_string).unwrap_or_default()),
    text("unmangled_name", "UnmangledName", 16, |it| human(&it.host, it.info.name())),
    text("uuid", "UUID", 32, Device::uuid),
    text("mangled_uuid", "MangledUUID", 32, |it| it.info.uuid().map(ToString::to_string).unwrap_or_default()),
    text("unmangled_uuid", "UnmangledUUID", 32, Device::uuid),
    number("read_ahead", "RAhead", 6, |it| read_ahead(&it.host, &it.info).unwrap_or_default().to_string()),
    text("blkdevname", "BlkDevName", 16, |it| {
        node_name(it.info.number()).filter(|_| it.info.has_active_table()).unwrap_or_default()
    }),
    text("attr", "Stat", 4, |it| {
        let flag = |is, letter| if is { letter } else { '-' };
        let access = if it.info.is_read_only() { 'r' } else { 'w' };
        let tables = [flag(it.info.has_active_table(), 'L'), flag(it.info.has_inactive_table(), 'I')];
        tables.into_iter().chain([flag(it.info.is_suspended(), 's'), access]).collect()
    }),
    text("tables_loaded", "Tables", 6, |it| {
        match (it.info.has_active_table(), it.info.has_inactive_table()) {
            (true, true) => "Both",
            (true, false) => "Live",
            (false, true) => "Inactive",
            (false, false) => "None",
        }
        .to_owned()
    }),
    text("suspended", "Suspended", 9, |it| if it.info.is_suspended() { "Suspended" } else { "Active" }.to_owned()),
    text("readonly", "Read-only", 9, |it| if it.info.is_read_only() { "Read-only" } else { "Writeable" }.to_owned()),
    text("devno", "DevNo", 5, |it| it.info.number().to_string()),
    number("major", "Maj", 3, |it| it.info.number().major.to_string()),
    number("minor", "Min", 3, |it| it.info.number().minor.to_string()),
    number("open", "Open", 4, |it| it.info.open_count().to_string()),
    number("segments", "Targ", 4, |it| it.info.target_count().to_string()),
    number("events", "Event", 6, |it| it.info.event_nr().to_string()),
    number("device_count", "#Devs", 5, |it| it.used().len().to_string()),
    text("devs_used", "DevNamesUsed", 16, |it| it.names(it.used())),
    text("devnos_used", "DevNosUsed", 16, |it| numbers(it.used())),
    text("blkdevs_used", "BlkDevNamesUsed", 16, |it| {
        it.used().into_iter().filter_map(node_name).collect::<Vec<_>>().join(",")
    }),
    number("device_ref_count", "#Refs", 5, |it| it.users().len().to_string()),
    text("names_using_dev", "RefNames", 8, |it| it.names(it.users())),
    text("devnos_using_dev", "RefDevNos", 9, |it| numbers(it.users())),
    text("subsystem", "Subsys", 6, Device::subsystem),
    text("vg_name", "VG", 4, |it| it.parts().vg),
    text("lv_name", "LV", 4, |it| it.parts().lv),
    text("lv_layer", "LVLayer", 7, |it| it.parts().layer),
];

const GROUPS: [Group; 4] = [
    ("name_all", "name,mangled_name,unmangled_name,uuid,mangled_uuid,unmangled_uuid,read_ahead"),
    ("info_all", "blkdevname,attr,tables_loaded,suspended,readonly,devno,major,minor,open,segments,events"),
    ("deps_all", "device_count,devnos_used,blkdevs_used"),
    SPLIT_NAME,
];

const SPLIT_NAME: Group = ("splitname_all", "subsystem,vg_name,lv_name,lv_layer");

/// Prints the report `--count` times, every `--interval` seconds.
pub(crate) fn info(host: &Host, options: &Options) -> Result<()> {
    let seconds = options.value("interval").map_or(Ok(1), str::parse)?;
    let default = if options.has("interval") { 0 } else { 1 };
    let count: u64 = options.value("count").map_or(Ok(default), str::parse)?;
    for round in 1.. {
        info_once(host, options)?;
        if round == count {
            break;
        }
        println!();
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }
    Ok(())
}

/// Prints the report once. If a device is not found, those before it are shown nevertheless.
fn info_once(host: &Host, options: &Options) -> Result<()> {
    let tree = Rc::new(host.dm().device_tree()?);
    let (mut rows, mut failed) = (Vec::new(), Ok(()));
    for device in chosen(host, options)? {
        match host.dm().device_info_with(&device, InfoOptions::new().slot(slot(options))) {
            Ok(info) => rows.push(Device { host: host.clone(), info, tree: Rc::clone(&tree) }),
            Err(error) => {
                failed = Err(error.into());
                break;
            }
        }
    }
    report::print((&COLUMNS, &GROUPS), "name,major,minor,attr,open,segments,events,uuid", "name", rows, options)?;
    failed
}

pub(crate) fn split_name(options: &Options) -> Result<()> {
    const COLUMNS: [Column<LvmParts>; 4] = [
        text("subsystem", "Subsys", 6, |_| "LVM".to_owned()),
        text("vg_name", "VG", 4, |it| it.vg.clone()),
        text("lv_name", "LV", 4, |it| it.lv.clone()),
        text("lv_layer", "LVLayer", 7, |it| it.layer.clone()),
    ];
    // Only the names of LVM2 have parts.
    let is_lvm = options.words().get(1).is_none_or(|subsystem| subsystem == "LVM");
    let name = Some(options.word(0)?).filter(|name| is_lvm && !name.is_empty());
    let parts = vec![name.map(DmName::new).transpose()?.map(DmName::lvm_parts).unwrap_or_default()];
    report::print((&COLUMNS, &[SPLIT_NAME]), "vg_name,lv_name,lv_layer", "vg_name", parts, options)
}
