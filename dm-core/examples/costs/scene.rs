//! The devices that calls need.

use std::fs;
use std::process::Command;

use dm_core::{CreateOptions, Dm, DmUuid, Message, TargetLine, TargetParams};
use dm_units::{DeviceNumber, Sectors};

use crate::calls::{BELOW, DEPS, LOAD, TABLE};
use crate::operations::{self, LOW, POOL, RELOAD, THIN, TOP};
use crate::tables;

/// Makes devices when a call needs them, and keeps them until all are removed.
pub(crate) struct Scene {
    dm: Dm,
    below: DeviceNumber,
    /// The names in the order of creation.
    devices: Vec<String>,
    /// The numbers of the devices that only make lists and dependencies longer.
    crowd: Vec<DeviceNumber>,
}

/// Long enough for every table.
const BELOW_LENGTH: Sectors = Sectors(1 << 30);
/// The parts of a disk that a pool uses, and its block size.
const METADATA: Sectors = Sectors(8192);
const DATA: Sectors = Sectors(16384);
const BLOCK: Sectors = Sectors(128);

impl Scene {
    pub(crate) fn new() -> Self {
        let dm = Dm::open().expect("the device mapper");
        let is_alone = dm.list_devices().expect("a list").is_empty();
        assert!(is_alone, "this needs a kernel for itself, without mapped devices");
        let mut scene = Self { dm, below: DeviceNumber::new(0, 0), devices: Vec::new(), crowd: Vec::new() };
        scene.below = scene.create(BELOW, None);
        scene.map(BELOW, [TargetLine::text(Sectors(0), BELOW_LENGTH, "zero", "")]);
        for device in [TABLE, LOAD] {
            scene.create(device, None);
        }
        scene
    }

    /// Makes the devices that a call needs, unless they exist.
    pub(crate) fn prepare(&mut self, call: &str, size: usize) {
        match call.trim_start_matches("first_") {
            "list_devices" | "list_devices_uuids" => self.fill_up(size),
            "table_deps" => self.make_deps(size),
            "create_remove" | "create_remove_node" => {}
            "reload" => self.once(RELOAD, |scene| {
                scene.create(RELOAD, None);
                scene.map(RELOAD, tables::typed(scene.below, size));
            }),
            "remove_open" | "suspend_resume_stack" | "uses" | "setup_existing" => {
                self.once(LOW, Self::make_stack);
                self.fill_up(size);
            }
            "remove_stack" | "leftovers" | "poller_open" | "poller_step" => self.fill_up(size),
            "thin_snapshot" => self.once(THIN, Self::make_thin),
            _ => self.map(TABLE, tables::typed(self.below, size)),
        }
    }

    fn once(&mut self, device: &str, make: impl FnOnce(&mut Self)) {
        if !self.devices.iter().any(|known| known == device) {
            make(self);
        }
    }

    /// Makes devices until there are `size`.
    fn fill_up(&mut self, size: usize) {
        self.gather(size.saturating_sub(self.devices.len()));
    }

    /// Makes more devices, each with a table, as the devices of a host have.
    fn gather(&mut self, more: usize) {
        for _ in 0..more {
            let (index, name) = (self.crowd.len(), crowd_name(self.crowd.len()));
            let number = self.create(&name, Some(&format!("LVM-{index:064}")));
            self.map(&name, [TargetLine::text(Sectors(0), Sectors(1), "zero", "")]);
            self.crowd.push(number);
        }
    }

    fn make_deps(&mut self, size: usize) {
        self.gather(size.saturating_sub(self.crowd.len()));
        self.once(DEPS, |scene| {
            let lines: Vec<_> = (scene.crowd.iter().take(size).zip(0..))
                .map(|(number, index)| TargetLine::text(Sectors(index), Sectors(1), "linear", format!("{number} 0")))
                .collect();
            scene.create(DEPS, None);
            scene.map(DEPS, lines);
        });
    }

    fn make_stack(&mut self) {
        operations::create_stack(&operations::host(&self.dm, false), TOP, LOW);
        self.devices.extend([LOW, TOP].map(str::to_owned));
    }

    /// Makes a thin device in a pool on a disk in memory.
    fn make_thin(&mut self) {
        let loaded = Command::new("modprobe").args(["brd", "rd_nr=1", "rd_size=65536"]).status();
        assert!(loaded.is_ok_and(|status| status.success()), "the kernel has disks in memory");
        let disk = fs::read_to_string("/sys/block/ram0/dev").expect("a disk").trim().parse().expect("its number");
        let metadata = self.create("costs-metadata", None);
        self.map("costs-metadata", [operations::linear(disk, Sectors(0), METADATA)]);
        let data = self.create("costs-data", None);
        self.map("costs-data", [operations::linear(disk, METADATA, DATA)]);
        self.create(POOL, None);
        let pool = format!("{metadata} {data} {} 0", BLOCK.0);
        self.map(POOL, [TargetLine::text(Sectors(0), DATA, "thin-pool", pool)]);
        operations::host(&self.dm, false).message(POOL, Message::new("create_thin 0")).expect("a thin device");
        self.create(THIN, None);
        self.map(THIN, [operations::thin(&operations::thin_line(&self.dm, 0))]);
    }

    fn create(&mut self, device: &str, uuid: Option<&str>) -> DeviceNumber {
        let uuid = uuid.map(|uuid| DmUuid::new(uuid).expect("a good uuid"));
        let options = uuid.map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        let info = self.dm.device_create_with(device, options).expect("a device");
        self.devices.push(device.to_owned());
        info.number()
    }

    fn map<P: TargetParams>(&self, device: &str, lines: impl IntoIterator<Item = TargetLine<P>>) {
        self.dm.table_load(device, lines).expect("a table");
        self.dm.device_resume(device).expect("a device with a table");
    }

    pub(crate) fn remove(self) {
        for device in self.devices.iter().rev() {
            self.dm.device_remove(device).expect("a device to remove");
        }
    }
}

fn crowd_name(index: usize) -> String {
    format!("vg-volume{index:05}")
}
