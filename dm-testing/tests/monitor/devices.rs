//! Devices that are created, removed and renamed.

use dm_core::{DmUuidBuf, SetupOptions, TargetLine};
use dm_targets::devices::MonitorOptions;
use dm_testing::MemoryKernel;
use dm_units::{Sectors, Version};

use crate::support::{LENGTH, Scene, name, shown};

const LOST: &str = "Invalid";
const GOOD: &str = "16/2048 16";

impl Scene {
    fn snapshot(&self, name: &str) {
        self.create(name, "snapshot", "{} {} P 8");
        self.status(name, GOOD);
    }

    fn with_uuid(&self, name: &str, uuid: &str) {
        let uuid = DmUuidBuf::new(uuid).unwrap();
        let line = [TargetLine::text(Sectors(0), LENGTH, "zero", "")];
        self.host.create_with(name, line, SetupOptions::new().uuid(&uuid)).unwrap();
    }
}

#[test]
fn a_device_that_is_removed_is_reported_and_a_new_one_of_its_name_is_another() {
    let scene = Scene::new();
    scene.snapshot("snap");
    let mut monitor = scene.quiet_monitor();
    scene.event("snap", LOST);
    assert_eq!(shown(monitor.read().unwrap()), ["snap (snapshot): contents are lost"]);

    // All of this happens between two steps; the new device has the same name and number.
    scene.host.remove("snap").unwrap();
    scene.snapshot("snap");
    assert_eq!(shown(monitor.read().unwrap()), ["snap: was removed", "snap: was added"]);
    scene.event("snap", LOST);
    assert_eq!(shown(monitor.read().unwrap()), ["snap (snapshot): contents are lost"]);

    scene.host.remove("snap").unwrap();
    assert_eq!(shown(monitor.read().unwrap()), ["snap: was removed"]);
    assert_eq!(monitor.followed().count(), 0);
    assert_eq!(monitor.next_timeout(), None);
}

#[test]
fn a_device_that_is_replaced_between_steps_is_compared_with_the_old_one() {
    let scene = Scene::new();
    scene.snapshot("snap");
    scene.status("snap", LOST);
    let mut monitor = scene.monitor(MonitorOptions::new());
    assert_eq!(shown(monitor.read().unwrap()), ["snap (snapshot): contents are lost"]);
    // Without a uuid, with the same number and no event, the list of devices does not change.
    scene.host.remove("snap").unwrap();
    scene.snapshot("snap");
    assert_eq!(shown(monitor.read().unwrap()), [""; 0]);
    assert_eq!(shown(monitor.read_all().unwrap()), ["snap (snapshot): cleared: contents are lost"]);
}

#[test]
fn a_device_is_followed_under_its_present_name() {
    let scene = Scene::new();
    scene.snapshot("one");
    let mut monitor = scene.monitor(MonitorOptions::new().name(name("one")).name(name("two")));
    assert_eq!(monitor.read().unwrap(), []);
    scene.host.rename("one", "two").unwrap();
    scene.snapshot("one");
    scene.event("two", LOST);
    let shown_now = shown(monitor.read().unwrap());
    assert_eq!(shown_now, ["two: was renamed from one", "one: was added", "two (snapshot): contents are lost"]);

    scene.host.rename("two", "three").unwrap();
    assert_eq!(shown(monitor.read().unwrap()), ["three: was renamed from two"]);
    scene.event("three", GOOD);
    assert_eq!(monitor.read().unwrap(), []);
    assert_eq!(monitor.followed().collect::<Vec<_>>(), [&*name("one")]);

    // The device gets a chosen name again, and is reported with its present problem.
    scene.event("three", LOST);
    scene.host.rename("three", "two").unwrap();
    let expected = ["two: was renamed from three", "two (snapshot): contents are lost"];
    assert_eq!(shown(monitor.read().unwrap()), expected);
}

#[test]
fn only_chosen_devices_are_followed() {
    let scene = Scene::new();
    scene.with_uuid("a", "LVM-1");
    scene.with_uuid("b", "CRYPT-1");
    scene.snapshot("c");
    let options = MonitorOptions::new().uuid_prefix(DmUuidBuf::new("LVM-").unwrap()).name(name("c"));
    let mut monitor = scene.monitor(options);
    assert_eq!(monitor.followed().collect::<Vec<_>>(), [&*name("a"), &*name("c")]);
    assert_eq!(monitor.read().unwrap(), []);

    scene.with_uuid("d", "LVM-2");
    scene.with_uuid("e", "mpath-2");
    scene.host.dm().device_create("f").unwrap();
    assert_eq!(shown(monitor.read().unwrap()), ["d: was added"]);
    scene.host.dm().device_set_uuid("f", &DmUuidBuf::new("LVM-3").unwrap()).unwrap();
    assert_eq!(shown(monitor.read().unwrap()), ["f: was added"]);
}

#[test]
fn a_complete_uuid_chooses_one_device() {
    let scene = Scene::new();
    for (name, uuid) in [("a", "LVM-x"), ("b", "LVM-x-tpool"), ("c", "LVM-y")] {
        scene.with_uuid(name, uuid);
    }
    let monitor = scene.monitor(MonitorOptions::new().uuid(DmUuidBuf::new("LVM-x").unwrap()));
    assert_eq!(monitor.followed().collect::<Vec<_>>(), [&*name("a")]);
}

#[test]
fn the_first_table_of_a_device_is_noticed() {
    let scene = Scene::new();
    // Created before the monitor is opened, in which case its first table raises no event.
    scene.host.dm().device_create("old").unwrap();
    let mut monitor = scene.quiet_monitor();
    scene.host.dm().device_create("new").unwrap();
    assert_eq!(shown(monitor.read().unwrap()), ["new: was added"]);
    for name in ["old", "new"] {
        let line = TargetLine::text(
            Sectors(0),
            LENGTH,
            "raid",
            format!("raid0 1 8 1 - {}", scene.memory.disk(LENGTH.to_bytes()).number()),
        );
        scene.host.dm().table_load(name, [line]).unwrap();
        scene.status(name, "raid0 1 D 0/2048 idle 0 0 -");
        scene.host.dm().device_resume(name).unwrap();
    }
    let shown = shown(monitor.read_all().unwrap());
    for name in ["old", "new"] {
        assert!(shown.contains(&format!("{name} (raid): cannot serve requests")), "{shown:?}");
    }
}

#[test]
fn problems_of_a_replaced_line_are_cleared() {
    let scene = Scene::new();
    scene.snapshot("snap");
    scene.status("snap", LOST);
    let mut monitor = scene.monitor(MonitorOptions::new());
    assert_eq!(shown(monitor.read().unwrap()), ["snap (snapshot): contents are lost"]);
    scene.host.reload("snap", [TargetLine::text(Sectors(0), LENGTH, "zero", "")]).unwrap();
    scene.memory.set_status("snap", None);
    assert_eq!(shown(monitor.read_all().unwrap()), ["snap (snapshot): cleared: contents are lost"]);
    assert_eq!(shown(monitor.read_all().unwrap()), [""; 0]);
}

#[test]
fn kernels_that_list_no_uuids_are_supported() {
    let scene = Scene::on(MemoryKernel::with_interface(Version::new(4, 37, 0)));
    scene.with_uuid("a", "LVM-1");
    scene.snapshot("b");
    let mut monitor = scene.monitor(MonitorOptions::new().uuid_prefix(DmUuidBuf::new("LVM-").unwrap()));
    scene.with_uuid("c", "LVM-2");
    assert_eq!(shown(monitor.read().unwrap()), ["c: was added"]);
    assert_eq!(monitor.followed().count(), 2);
}
