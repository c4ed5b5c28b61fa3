//! Mirrors whose legs are replaced, added, removed or lost.

use dm_core::StatusOptions;
use dm_targets::devices::{DevError, MirrorDev};
use dm_targets::mirror::{LogSync, MirrorHealth, MirrorLeg, MirrorLog, MirrorTable};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use super::{MOMENT, SHORT, first_byte, linear, one, wait};

on_both_kernels! { ["mirror", "linear", "error"];
    legs_are_replaced_added_and_removed,
    a_lost_leg_is_replaced_and_waiting_writes_complete,
    a_mirror_is_rebuilt_from_the_leg_that_the_caller_names,
    a_leg_that_may_be_the_only_copy_is_kept,
}

const REGION: Sectors = Sectors(64);

fn disk(kernel: &dyn TestKernel) -> DeviceNumber {
    kernel.disk(Bytes(1 << 20))
}

fn leg(device: DeviceNumber) -> MirrorLeg {
    MirrorLeg::new(device, Sectors(0))
}

/// A mirror of these disks, all of them in sync.
fn mirror(kernel: &dyn TestKernel, log: MirrorLog, disks: &[DeviceNumber]) -> MirrorDev {
    let table = MirrorTable::new(log, disks.iter().copied().map(leg)).handle_errors();
    let mirror = MirrorDev::create(&kernel.host(), kernel.name("mirror"), &one(SHORT, table)).unwrap();
    wait(mirror.progress(&kernel.host(), MOMENT));
    mirror
}

fn legs_are_replaced_added_and_removed(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let [log, one, two, three, four] = [(); 5].map(|()| disk(kernel));
    let mirror = mirror(kernel, MirrorLog::disk(log, REGION), &[one, two]);
    let number = mirror.number(&host).unwrap();
    let _in_use = kernel.open(number).unwrap();
    kernel.write(number, Sectors(0), &[7; 4096]).unwrap();
    let legs = || -> Vec<MirrorLeg> { mirror.table(&host).unwrap().lines()[0].params.legs.clone() };

    wait(mirror.replace_leg(&host, 0, leg(three), MOMENT).unwrap());
    assert_eq!((legs(), first_byte(kernel, three, 0)), (vec![leg(two), leg(three)], 7));
    let assumed = || match &mirror.table(&host).unwrap().lines()[0].params.log {
        MirrorLog::Disk { sync, .. } => sync.clone(),
        other => unreachable!("{other:?}"),
    };
    assert_eq!(assumed(), Some(LogSync::Sync));
    mirror.settle(&host).unwrap();
    assert_eq!(assumed(), None);
    wait(mirror.progress(&host, MOMENT));
    let status = mirror.status(&host).unwrap();
    assert_eq!(status.in_sync, status.regions);

    wait(mirror.add_leg(&host, leg(four), MOMENT).unwrap());
    assert_eq!((legs(), first_byte(kernel, four, 0)), (vec![leg(two), leg(three), leg(four)], 7));
    mirror.settle(&host).unwrap();
    wait(mirror.remove_leg(&host, 0, MOMENT).unwrap());
    assert_eq!(legs(), [leg(three), leg(four)]);
    let error = mirror.remove_leg(&host, 0, MOMENT).unwrap_err();
    assert!(matches!(error, DevError::Table { .. }), "{error}");
    let error = mirror.replace_leg(&host, 2, leg(one), MOMENT).unwrap_err();
    assert!(matches!(error, DevError::NoLeg { leg: 2, .. }), "{error}");

    let home = mirror.keep_leg(&host, 1).unwrap();
    assert_eq!(home.table(&host).unwrap(), linear(four, SHORT));
    assert_eq!(first_byte(kernel, number, 0), 7);
}

/// A disk that can be made to fail.
fn faulty(kernel: &dyn TestKernel, suffix: &str) -> (dm_targets::devices::LinearDev, DeviceNumber) {
    let table = linear(disk(kernel), SHORT);
    let faulty = dm_targets::devices::LinearDev::create(&kernel.host(), kernel.name(suffix), &table).unwrap();
    let number = faulty.number(&kernel.host()).unwrap();
    (faulty, number)
}

fn fail(kernel: &dyn TestKernel, faulty: &dm_targets::devices::LinearDev) {
    let line = dm_core::TargetLine::text(Sectors(0), SHORT, "error", "");
    let options = dm_core::SuspendPolicy::new().noflush(true).skip_lockfs(true);
    kernel.host().reload_with(faulty, [line], dm_core::ReloadOptions::new().suspend(options)).unwrap();
}

fn a_lost_leg_is_replaced_and_waiting_writes_complete(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (lost, bad) = faulty(kernel, "bad");
    let [good, spare] = [(); 2].map(|()| disk(kernel));
    let mirror = mirror(kernel, MirrorLog::core(REGION), &[good, bad]);
    let number = mirror.number(&host).unwrap();
    kernel.write(number, Sectors(0), &[1; 4096]).unwrap();
    fail(kernel, &lost);
    std::thread::scope(|scope| {
        let write = scope.spawn(|| kernel.write(number, Sectors(64), &[2; 4096]));
        let health = || mirror.status_with(&host, StatusOptions::new().noflush(true)).unwrap().legs[1].health.clone();
        crate::support::wait_until("the leg to fail", || health() == MirrorHealth::WriteFailed);
        assert!(!write.is_finished());
        assert_eq!(mirror.leg_in_sync(&host).unwrap(), Some(0));
        wait(mirror.replace_leg(&host, 1, leg(spare), MOMENT).unwrap());
        write.join().unwrap().unwrap();
    });
    for device in [number, good, spare] {
        assert_eq!([0, 64].map(|start| first_byte(kernel, device, start)), [1, 2], "{device}");
    }
}

fn a_mirror_is_rebuilt_from_the_leg_that_the_caller_names(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (lost, bad) = faulty(kernel, "bad");
    let [good, spare] = [(); 2].map(|()| disk(kernel));
    let table = MirrorTable::new(MirrorLog::core(REGION), [bad, good].map(leg)).handle_errors().keep_log();
    let mirror = MirrorDev::create(&host, kernel.name("mirror"), &one(SHORT, table)).unwrap();
    wait(mirror.progress(&host, MOMENT));
    let number = mirror.number(&host).unwrap();
    fail(kernel, &lost);
    kernel.write(number, Sectors(0), &[3; 4096]).unwrap();

    // The status is that of a mirror whose first leg failed before the second one was in sync.
    assert_eq!(mirror.leg_in_sync(&host).unwrap(), None);
    let error = mirror.replace_leg(&host, 0, leg(spare), MOMENT).unwrap_err();
    assert!(matches!(error, DevError::NoSource { .. }), "{error}");
    let error = mirror.keep_leg(&host, 1).unwrap_err();
    assert!(matches!(error, DevError::NoSource { .. }), "{error}");
    wait(mirror.rebuild_from(&host, 1, [leg(spare)], MOMENT).unwrap());
    for device in [number, good, spare] {
        assert_eq!(first_byte(kernel, device, 0), 3, "{device}");
    }
}

fn a_leg_that_may_be_the_only_copy_is_kept(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (lost, bad) = faulty(kernel, "bad");
    fail(kernel, &lost);
    let good = disk(kernel);
    kernel.write(good, Sectors(0), &[4; 4096]).unwrap();
    let mirror = mirror(kernel, MirrorLog::core(REGION), &[good, bad]);
    // The progress ends, since nothing can be copied.
    let error = mirror.settle(&host).unwrap_err();
    assert!(matches!(error, DevError::NotCopied { .. }), "{error}");
    for leg in [1, 2] {
        let error = mirror.keep_leg(&host, leg).unwrap_err();
        assert!(matches!(error, DevError::NoSource { .. } | DevError::NoLeg { leg: 2, .. }), "{error}");
    }
    let home = mirror.keep_leg(&host, 0).unwrap();
    assert_eq!(home.table(&host).unwrap(), linear(good, SHORT));
    assert_eq!(first_byte(kernel, home.number(&host).unwrap(), 0), 4);
}
