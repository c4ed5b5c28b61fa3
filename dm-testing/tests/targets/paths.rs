//! `switch` and `multipath`: several paths to data.

use dm_targets::multipath::{
    GroupState, HardwareHandler, MultipathMessage, MultipathStatus, MultipathTable, PathGroup, PathState, QueueMode,
    ThroughputPath,
};
use dm_targets::switch::{RegionMapping, SwitchMessage, SwitchPath, SwitchTable};
use dm_targets::{Multipath, Switch, WordBuf};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};

use crate::scsi::ScsiDisks;
use crate::support::{Mapped, SOON, disk, map, map_changed};

const LENGTH: Sectors = Sectors(1024);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_switch_maps_regions_as_its_messages_say() {
    let Some(scratch) = Scratch::new(&[require::target("switch")]) else { return };
    let [one, two] = [1, 2].map(|_| disk(&scratch, 1));
    Pattern::new(1).write(one.path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(2).write(two.path(), Sectors(8), LENGTH).unwrap();
    let paths = [SwitchPath::new(one.number(), Sectors(0)), SwitchPath::new(two.number(), Sectors(8))];
    let switch = map::<Switch>(&scratch, "switch", LENGTH, SwitchTable::new(128, paths));
    let path_of = |region: u64| {
        let start = Sectors(region * 128);
        let on = |pattern: Pattern| pattern.verify(&switch.device().path(), start, Sectors(128)).is_ok();
        if on(Pattern::new(1)) {
            0
        } else if on(Pattern::new(2).moved(Sectors(8), Sectors(0))) {
            1
        } else {
            panic!("region {region} is nowhere")
        }
    };
    let mappings = vec![
        RegionMapping::Region { region: 0, path: 1 },
        RegionMapping::Next { path: 0 },
        RegionMapping::Repeat { cycle: 2, count: 4 },
    ];
    switch.send(&SwitchMessage::SetRegionMappings(mappings));
    assert_eq!((0..6).map(path_of).collect::<Vec<_>>(), [1, 0, 1, 0, 1, 0]);
}

/// A table that works on any device. Before version 1.15, the target printed in this mode that it retains handlers.
fn bio(scratch: &Scratch, groups: impl IntoIterator<Item = PathGroup>) -> MultipathTable {
    let table = MultipathTable::new(groups).queue_mode(QueueMode::Bio);
    let version = scratch.dm().target_version("multipath").unwrap();
    if (version.major, version.minor) < (1, 15) { table.retain_attached_hw_handler() } else { table }
}

fn states(status: &MultipathStatus) -> Vec<PathState> {
    status.groups.iter().flat_map(|group| &group.paths).map(|path| path.state.clone()).collect()
}

/// Switches to the second group, which takes effect with the next I/O, a read of a pattern.
///
/// A simultaneous read by another process, such as udev, can switch back to the first group (`choose_pgpath` in
/// drivers/md/dm-mpath.c).
fn switch_to_second_group(multipath: &Mapped<'_, Multipath>) {
    wait_until("the second group", SOON, || {
        multipath.send(&MultipathMessage::SwitchGroup(2));
        Pattern::new(1).verify(&multipath.device().path(), Sectors(0), LENGTH).unwrap();
        multipath.status().group == 2
    })
    .unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn messages_fail_and_reinstate_paths_and_groups() {
    let Some(scratch) = Scratch::new(&[require::target("multipath")]) else { return };
    let disk = disk(&scratch, 1);
    let [one, two, three]: [DeviceNumber; 3] = [1, 2, 3].map(|_| {
        scratch
            .keep(dm_testing::LoopDevice::over(disk.backing_file(), dm_testing::LoopOptions::new()).unwrap())
            .number()
    });
    let groups = [PathGroup::round_robin([one, two]), PathGroup::round_robin([three])];
    let table = bio(&scratch, groups).queue_if_no_path();
    let multipath = map::<Multipath>(&scratch, "multipath", LENGTH, table.clone());
    assert_eq!(states(&multipath.status()), [PathState::Active, PathState::Active, PathState::Active]);
    Pattern::new(1).write(&multipath.device().path(), Sectors(0), LENGTH).unwrap();

    multipath.send(&MultipathMessage::FailPath(one.into()));
    let status = multipath.status();
    assert_eq!(states(&status), [PathState::Failed, PathState::Active, PathState::Active]);
    assert_eq!(status.groups[0].paths[0].fail_count, 1);
    multipath.send(&MultipathMessage::ReinstatePath(one.into()));
    assert_eq!(states(&multipath.status()), [PathState::Active, PathState::Active, PathState::Active]);
    multipath.send(&MultipathMessage::DisableGroup(1));
    assert_eq!(multipath.status().groups[0].state, GroupState::Disabled);
    multipath.send(&MultipathMessage::EnableGroup(1));
    assert_ne!(multipath.status().groups[0].state, GroupState::Disabled);
    switch_to_second_group(&multipath);
    multipath.send(&MultipathMessage::FailIfNoPath);
    let table_now = multipath.table();
    assert!(!table_now.features.queue_if_no_path && table.features.queue_if_no_path);
    for path in [one, two, three] {
        multipath.send(&MultipathMessage::FailPath(path.into()));
    }
    assert_eq!(states(&multipath.status()), [PathState::Failed, PathState::Failed, PathState::Failed]);
    Pattern::new(1).verify(&multipath.device().path(), Sectors(0), LENGTH).unwrap_err();
    multipath.send(&MultipathMessage::QueueIfNoPath);
    assert!(multipath.table().features.queue_if_no_path);
    multipath.send(&MultipathMessage::ReinstatePath(two.into()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn paths_fail_by_themselves() {
    let Some(scratch) = Scratch::new(&["multipath", "error"].map(require::target)) else { return };
    let disk = disk(&scratch, 1);
    let paths = ["one", "two"].map(|name| FaultyDisk::over(&scratch, name, disk.number(), disk.size()).unwrap());
    let table = bio(&scratch, paths.iter().map(|path| PathGroup::round_robin([path.number()])));
    let multipath = map::<Multipath>(&scratch, "multipath", LENGTH, table);
    let path = multipath.device().path();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    paths[0].set(&Fault::Errors).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), LENGTH).unwrap();
    let status = multipath.status();
    assert_eq!(states(&status), [PathState::Failed, PathState::Active]);
    assert_eq!(status.group, 2);
    assert_eq!([&status.groups[0].state, &status.groups[1].state], [&GroupState::Enabled, &GroupState::Active]);

    paths[1].set(&Fault::Errors).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), LENGTH).unwrap_err();
    assert_eq!(states(&multipath.status()), [PathState::Failed, PathState::Failed]);
    paths[0].set(&Fault::None).unwrap();
    multipath.send(&MultipathMessage::ReinstatePath(paths[0].number().into()));
    Pattern::new(1).verify(&path, Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_path_selector_is_printed_as_loaded() {
    let Some(scratch) = Scratch::new(&[require::target("multipath")]) else { return };
    let [one, two] = [1, 2].map(|_| disk(&scratch, 1).number());
    map::<Multipath>(&scratch, "queue-length", LENGTH, bio(&scratch, [PathGroup::queue_length([one, two])]));
    let paths = [ThroughputPath::new(one, 7), ThroughputPath::new(two, 0)];
    map::<Multipath>(&scratch, "service-time", LENGTH, bio(&scratch, [PathGroup::service_time(paths)]));
    // A table without paths.
    map::<Multipath>(&scratch, "empty", LENGTH, bio(&scratch, []));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_delay_of_path_initialisation_is_printed_as_loaded() {
    // Linux 5.10 overwrites the delay with the default.
    let Some(scratch) = Scratch::new(&[require::target("multipath"), require::interface(45)]) else { return };
    let group = PathGroup::round_robin([disk(&scratch, 1).number()]);
    let table = bio(&scratch, [group]).pg_init_retries(5).pg_init_delay_msecs(100);
    map::<Multipath>(&scratch, "features", LENGTH, table);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_attached_hardware_handler_is_kept() {
    let modules = ["scsi_debug", "scsi_dh_alua"].map(require::module);
    if !require::met(&modules) || !require::met(&[require::throw_away_kernel()]) {
        return;
    }
    let disks = ScsiDisks::new();
    let Some(scratch) = Scratch::new(&[require::target("multipath")]) else { return };
    let groups = || disks.0.map(|disk| PathGroup::round_robin([disk]));
    let alua = WordBuf::new("alua").unwrap();
    let table = MultipathTable::new(groups()).handler(HardwareHandler::new(alua.clone()));
    let multipath = map::<Multipath>(&scratch, "multipath", LENGTH, table);
    let path = multipath.device().path();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    switch_to_second_group(&multipath);

    // An already attached handler is kept, and is printed.
    let retaining = MultipathTable::new(groups()).retain_attached_hw_handler();
    let multipath = map_changed::<Multipath>(&scratch, "retaining", LENGTH, retaining);
    assert_eq!(multipath.table().handler.map(|handler| handler.name), Some(alua));
}
