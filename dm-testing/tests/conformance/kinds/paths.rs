//! Multipath devices: paths that fail, are reinstated and probed, groups, and takeover.

use dm_core::{Difference, OpError, OpErrorKind, SetupOptions, TakeOver, TargetLine};
use dm_targets::devices::{DevError, MultipathDev, MultipathPath};
use dm_targets::multipath::{GroupState, MultipathTable, PathGroup, PathState, QueueMode};
use dm_testing::{MemoryKernel, TestKernel};
use dm_units::{Bytes, DeviceNumber, Sectors, Version};

use super::{SHORT, one};
use crate::support::Devices as _;

on_both_kernels! { ["multipath", "linear", "error"];
    a_failed_path_is_not_used_until_it_is_reinstated,
    groups_are_switched_disabled_and_enabled,
    requests_fail_or_wait_when_no_path_is_left,
    a_device_in_use_is_taken_over_by_its_layout_after_a_failover,
    paths_are_probed_since_linux_6_16,
    probing_fails_unreadable_paths_of_the_group_in_use,
}

#[test]
fn paths_are_probed_on_a_kernel_in_memory_with_the_interface_of_linux_6_16() {
    for test in [paths_are_probed_since_linux_6_16, probing_fails_unreadable_paths_of_the_group_in_use] {
        test(&MemoryKernel::with_interface(PROBES_SINCE));
    }
}

/// The interface of Linux 6.16, the first one with `DM_MPATH_PROBE_PATHS`.
const PROBES_SINCE: Version = Version::new(4, 50, 0);

/// A device with a path in each of two groups.
fn device(kernel: &dyn TestKernel) -> ([DeviceNumber; 2], MultipathDev) {
    let disks = [(); 2].map(|()| kernel.disk(Bytes(1 << 20)));
    let table = MultipathTable::new(disks.map(|disk| PathGroup::queue_length([disk]))).queue_mode(QueueMode::Bio);
    (disks, MultipathDev::create(&kernel.host(), kernel.name("lun"), &one(SHORT, table)).unwrap())
}

fn states(paths: &[MultipathPath]) -> Vec<(DeviceNumber, u32, PathState, u32)> {
    paths.iter().map(|path| (path.device, path.group, path.state.clone(), path.fail_count)).collect()
}

fn a_failed_path_is_not_used_until_it_is_reinstated(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([one, two], lun) = device(kernel);
    let number = lun.number(&host).unwrap();
    lun.fail_path(&host, one).unwrap();
    let expected = |state, failures| [(one, 1, state, failures), (two, 2, PathState::Active, 0)];
    assert_eq!(states(&lun.paths(&host).unwrap()), expected(PathState::Failed, 1));
    kernel.write(number, Sectors(0), &[7; 512]).unwrap();
    assert_eq!([one, two].map(|disk| super::first_byte(kernel, disk, 0)), [0, 7]);
    lun.reinstate_path(&host, one).unwrap();
    assert_eq!(states(&lun.paths(&host).unwrap()), expected(PathState::Active, 1));
    assert!(lun.fail_path(&host, DeviceNumber::new(1, 1)).is_err());
    lun.suspend(&host).unwrap();
    assert!(lun.fail_path(&host, one).unwrap_err().is_busy());
    assert_eq!(lun.paths(&host).unwrap().len(), 2);
    lun.resume(&host).unwrap();
}

fn groups_are_switched_disabled_and_enabled(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([one, two], lun) = device(kernel);
    let number = lun.number(&host).unwrap();
    let write = |byte| kernel.write(number, Sectors(0), &[byte; 512]).unwrap();
    let written = || [one, two].map(|disk| super::first_byte(kernel, disk, 0));
    let groups = || lun.paths(&host).unwrap().into_iter().map(|path| path.group_state).collect::<Vec<_>>();
    lun.switch_group(&host, 2).unwrap();
    write(1);
    assert_eq!((written(), groups()), ([0, 1], vec![GroupState::Enabled, GroupState::Active]));
    lun.disable_group(&host, 2).unwrap();
    write(2);
    assert_eq!((written(), groups()), ([2, 1], vec![GroupState::Active, GroupState::Disabled]));
    lun.enable_group(&host, 2).unwrap();
    assert_eq!(groups().last(), Some(&GroupState::Enabled));
    for error in [0, 3].map(|group| lun.switch_group(&host, group).unwrap_err()) {
        assert!(error.is_invalid(), "{error}");
    }
}

fn requests_fail_or_wait_when_no_path_is_left(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disks, lun) = device(kernel);
    let number = lun.number(&host).unwrap();
    disks.iter().for_each(|disk| lun.fail_path(&host, *disk).unwrap());
    kernel.read(number, Sectors(0), &mut [0; 512]).unwrap_err();
    lun.set_queueing(&host, true).unwrap();
    std::thread::scope(|scope| {
        let read = scope.spawn(|| kernel.read(number, Sectors(0), &mut [0; 512]));
        std::thread::sleep(crate::support::A_WHILE);
        assert!(!read.is_finished());
        lun.set_queueing(&host, false).unwrap();
        read.join().unwrap().unwrap_err();
    });
}

/// In the table that the kernel prints, the number of the first group is that of the group in use, so the table differs
/// from the requested one.
fn a_device_in_use_is_taken_over_by_its_layout_after_a_failover(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([one, _], lun) = device(kernel);
    let table = lun.table(&host).unwrap();
    let number = lun.number(&host).unwrap();
    lun.fail_path(&host, one).unwrap();
    kernel.write(number, Sectors(0), &[7; 512]).unwrap();
    let setup =
        |take_over| MultipathDev::setup_with(&host, lun.name(), &table, SetupOptions::new().take_over(take_over));

    let error = setup(TakeOver::SameTable).unwrap_err();
    let reason = error.operation().map(OpError::kind);
    assert!(matches!(reason, Some(OpErrorKind::Differs(Difference::Line(0, "first group")))), "{error}");
    assert_eq!(setup(TakeOver::SameLayout).unwrap(), lun);
    let states: Vec<_> = lun.paths(&host).unwrap().into_iter().map(|path| (path.group_state, path.state)).collect();
    assert_eq!(states, [(GroupState::Enabled, PathState::Failed), (GroupState::Active, PathState::Active)]);

    // The new table starts with its first group, and none of its paths has failed.
    assert_eq!(setup(TakeOver::Update).unwrap(), lun);
    assert_eq!(lun.table(&host).unwrap(), table);
    kernel.write(number, Sectors(0), &[9; 512]).unwrap();
    assert_eq!(super::first_byte(kernel, one, 0), 9);
}

fn paths_are_probed_since_linux_6_16(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([one, _], lun) = device(kernel);
    let probed = lun.probe_paths(&host);
    if host.dm().version().unwrap() >= PROBES_SINCE {
        probed.unwrap();
        assert!(lun.paths(&host).unwrap().iter().all(|path| path.device != one || path.fail_count == 0));
        return;
    }
    let error = probed.unwrap_err();
    assert!(matches!(error, DevError::Unsupported { .. }) && error.is_unsupported(), "{error}");
    assert!(error.to_string().contains(&lun.name().to_string()), "{error}");
}

fn probing_fails_unreadable_paths_of_the_group_in_use(kernel: &dyn TestKernel) {
    let host = kernel.host();
    if host.dm().version().unwrap() < PROBES_SINCE {
        return;
    }
    let [good, spare] = [(); 2].map(|()| kernel.disk(Bytes(1 << 20)));
    let line = |target, params| TargetLine::text(Sectors(0), SHORT, target, params);
    let bad = kernel.map("bad", [line("linear", format!("{} 0", kernel.disk(Bytes(1 << 20))))]);
    let groups = [PathGroup::queue_length([bad.number(), good]), PathGroup::queue_length([spare])];
    let table = MultipathTable::new(groups).queue_mode(QueueMode::Bio);
    let lun = MultipathDev::create(&host, kernel.name("lun"), &one(SHORT, table)).unwrap();
    kernel.read(lun.number(&host).unwrap(), Sectors(0), &mut [0; 512]).unwrap();
    lun.probe_paths(&host).unwrap();
    assert!(lun.paths(&host).unwrap().iter().all(|path| path.state == PathState::Active));

    kernel.swap(&bad, [line("error", String::new())]);
    lun.probe_paths(&host).unwrap();
    let failures = || lun.paths(&host).unwrap().iter().map(|path| path.fail_count).collect::<Vec<_>>();
    assert_eq!(failures(), [1, 0, 0]);
    // Failed paths and the paths of other groups are not probed.
    lun.fail_path(&host, good).unwrap();
    lun.probe_paths(&host).unwrap();
    assert_eq!(failures(), [1, 1, 0]);
    lun.fail_path(&host, spare).unwrap();
    assert_eq!(lun.probe_paths(&host).unwrap_err().errno(), Some(nix::libc::ENOTCONN));
    lun.suspend(&host).unwrap();
    assert_eq!(lun.probe_paths(&host).unwrap_err().errno(), Some(nix::libc::EAGAIN));
    lun.resume(&host).unwrap();
}
