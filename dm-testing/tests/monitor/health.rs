//! The alarms for each kind of target.

use std::thread;
use std::time::{Duration, Instant};

use dm_targets::Concern;
use dm_targets::devices::{AlarmKind, LegState, Monitor, MonitorOptions, Space, VerityDev, VerityFormat, VerityVolume};
use dm_units::{Bytes, Sectors};

use crate::support::{LENGTH, Scene, shown};

/// The alarms of a device whose status changes to each of these in turn, with an event.
fn reports(scene: &Scene, monitor: &mut Monitor, name: &str, statuses: &[&str]) -> Vec<Vec<String>> {
    let report = |status: &&str| {
        scene.event(name, status);
        let first = shown(monitor.read().unwrap());
        scene.memory.raise_event(name);
        // The second read reports nothing new.
        assert_eq!(shown(monitor.read().unwrap()), [""; 0], "{status}");
        first
    };
    statuses.iter().map(report).collect()
}

fn assert_reports(target_type: &str, params: &str, good: &str, expected: &[(&str, &[&str])]) {
    let scene = Scene::new();
    scene.create("dev", target_type, params);
    scene.status("dev", good);
    let mut monitor = scene.quiet_monitor();
    let statuses: Vec<_> = expected.iter().map(|(status, _)| *status).collect();
    let reported = reports(&scene, &mut monitor, "dev", &statuses);
    for ((status, sentences), reported) in expected.iter().zip(reported) {
        let sentences: Vec<_> = sentences.iter().map(|text| format!("dev ({target_type}): {text}")).collect();
        assert_eq!(reported, sentences, "{status}");
    }
}

fn pool(used: u32, total: u32, mode: &str, check: &str) -> String {
    format!("0 1/1024 {used}/{total} - {mode} discard_passdown queue_if_no_space {check} 24 ")
}

#[test]
fn a_pool_that_fills_is_reported_at_each_step_and_when_it_has_grown() {
    let pools = [
        pool(79, 100, "rw", "-"),
        pool(80, 100, "rw", "-"),
        pool(90, 100, "rw", "-"),
        pool(100, 100, "out_of_data_space", "-"),
        pool(100, 200, "rw", "-"),
        pool(100, 200, "ro", "needs_check"),
    ];
    let [below, at_80, at_low_water, full, grown, broken] = &pools;
    let expected: [(&str, &[&str]); 7] = [
        (below, &[]),
        (at_80, &["data space is 80% used"]),
        (at_low_water, &["10 data blocks are free, at most the low water mark of 10", "data space is 90% used"]),
        (full, &["out of data space", "data space is 100% used"]),
        (
            grown,
            &[
                "cleared: out of data space",
                "more data blocks are free than the low water mark",
                "data space is less than 80% used",
            ],
        ),
        (broken, &["writes fail", "metadata must be checked"]),
        ("Fail", &["cleared: writes fail", "cleared: metadata must be checked", "cannot serve requests"]),
    ];
    assert_reports("thin-pool", "{} {} 128 10", &pool(1, 100, "rw", "-"), &expected);
}

#[test]
fn a_pool_that_has_not_grown_enough_is_below_its_low_water_mark_again() {
    let pools = [pool(95, 100, "rw", "-"), pool(96, 100, "rw", "-"), pool(97, 104, "rw", "-")];
    let [below, same, grown] = &pools;
    let expected: [(&str, &[&str]); 3] = [
        (below, &["5 data blocks are free, at most the low water mark of 10", "data space is 95% used"]),
        (same, &[]),
        (grown, &["7 data blocks are free, at most the low water mark of 10", "data space is 90% used"]),
    ];
    assert_reports("thin-pool", "{} {} 128 10", &pool(1, 100, "rw", "-"), &expected);
}

#[test]
fn levels_of_0_and_above_100_percent_are_not_reported() {
    let scene = Scene::new();
    scene.pool("pool");
    let mut monitor = scene.monitor(MonitorOptions::new().levels([0, 101, 255]));
    assert_eq!(shown(monitor.read().unwrap()), [""; 0]);
    scene.event("pool", &pool(89, 100, "rw", "-"));
    assert_eq!(shown(monitor.read().unwrap()), [""; 0]);
}

#[test]
fn a_snapshot_is_reported_at_each_level_and_when_it_is_lost() {
    let expected: [(&str, &[&str]); 3] = [
        ("1750/2048 16", &["data space is 85% used"]),
        ("2040/2048 16", &["data space is 95% used"]),
        ("Invalid", &["contents are lost"]),
    ];
    assert_reports("snapshot", "{} {} P 8", "16/2048 16", &expected);
}

#[test]
fn a_leg_of_a_mirror_is_lost_and_back() {
    let expected: [(&str, &[&str]); 4] = [
        // A letter of a later kernel.
        ("2 7:0 7:1 4/4 1 AX 1 core", &["devices have failed", "unknown state", "leg 1 (7:1) is in an unknown state"]),
        ("2 7:0 7:1 4/4 1 AD 1 core", &["cleared: unknown state", "leg 1 (7:1) has failed"]),
        ("2 7:0 7:1 4/4 1 DD 1 core", &["cannot serve requests", "leg 0 (7:0) has failed"]),
        (
            "2 7:0 7:1 4/4 1 AA 1 core",
            &[
                "cleared: cannot serve requests",
                "cleared: devices have failed",
                "leg 0 (7:0) works",
                "leg 1 (7:1) works",
            ],
        ),
    ];
    assert_reports("mirror", "core 2 1024 nosync 2 {} 0 {} 0", "2 7:0 7:1 4/4 1 AA 1 core", &expected);
}

#[test]
fn a_leg_of_an_array_is_lost_rebuilt_and_back() {
    let expected: [(&str, &[&str]); 3] = [
        ("raid1 2 AD 2048/2048 idle 0 0 -", &["devices have failed", "leg 1 has failed"]),
        (
            "raid1 2 Aa 8/2048 recover 0 0 -",
            &["cleared: devices have failed", "not in sync", "recovery has started", "leg 1 is being rebuilt"],
        ),
        ("raid1 2 AA 2048/2048 idle 0 0 -", &["cleared: not in sync", "recovery has ended", "leg 1 works"]),
    ];
    assert_reports("raid", "raid1 1 0 2 {} {} {} {}", "raid1 2 AA 2048/2048 idle 0 0 -", &expected);
}

#[test]
fn a_path_fails_and_comes_back() {
    let status = |states: [char; 2]| {
        let [one, other] = states;
        format!("2 0 0 0 2 1 A 0 1 0 7:0 {one} 1 E 0 1 0 7:1 {other} 1 ")
    };
    let (lost, back) = (status(['A', 'F']), status(['A', 'A']));
    let expected: [(&str, &[&str]); 2] = [
        (&lost, &["devices have failed", "leg 1 (7:1) has failed"]),
        (&back, &["cleared: devices have failed", "leg 1 (7:1) works"]),
    ];
    let params = "0 0 2 1 round-robin 0 1 0 {} round-robin 0 1 0 {}";
    assert_reports("multipath", params, &back, &expected);
}

#[test]
fn a_cache_fails_and_a_stripe_too() {
    let cache = "8 27/2048 128 0/64 0 0 0 0 0 0 0 1 writethrough 2 migration_threshold 2048 smq 0 rw - ";
    let params = "{} {} {} 128 1 writethrough default 0";
    assert_reports("cache", params, cache, &[("Fail", &["cannot serve requests"])]);
    let expected: [(&str, &[&str]); 1] = [("2 7:0 7:1 1 AD", &["devices have failed", "leg 1 (7:1) has failed"])];
    assert_reports("striped", "2 128 {} 0 {} 0", "2 7:0 7:1 1 AA", &expected);
}

#[test]
fn problems_that_cannot_be_read_again_are_kept() {
    let sick = pool(1, 100, "rw", "needs_check");
    let expected: [(&str, &[&str]); 5] = [
        (&sick, &["metadata must be checked"]),
        ("Error", &["figures could not be read"]),
        (&sick, &["cleared: figures could not be read"]),
        (
            "nonsense",
            &["the status cannot be read: thin-pool status: word 1, transaction id, must be a decimal number"],
        ),
        (&sick, &["the status can be read again"]),
    ];
    assert_reports("thin-pool", "{} {} 128 10", &pool(1, 100, "rw", "-"), &expected);
}

#[test]
fn a_concern_that_exists_at_the_start_is_reported_once() {
    let scene = Scene::new();
    scene.create("snap", "snapshot", "{} {} P 8");
    scene.status("snap", "Invalid");
    let mut monitor = scene.monitor(MonitorOptions::new());
    assert_eq!(monitor.next_timeout(), Some(Duration::ZERO));
    assert_eq!(shown(monitor.read().unwrap()), ["snap (snapshot): contents are lost"]);
    assert_eq!(shown(monitor.read_all().unwrap()), [""; 0]);
}

#[test]
fn a_corrupted_verity_device_is_noticed_without_an_event() {
    let scene = Scene::new();
    let digest = "0123456789abcdef".repeat(4);
    scene.create("image", "verity", &format!("1 {{}} {{}} 4096 4096 256 1 sha256 {digest} -"));
    scene.status("image", "V");
    let interval = Duration::from_millis(20);
    let mut monitor = scene.monitor(MonitorOptions::new().status_interval(Some(interval)));
    assert_eq!(shown(monitor.read().unwrap()), [""; 0]);
    assert!(monitor.next_timeout().unwrap() <= interval);

    scene.status("image", "C");
    let alarms = monitor.wait(Some(Duration::from_secs(60))).unwrap();
    let [alarm] = alarms.as_slice() else { unreachable!("{alarms:?}") };
    assert_eq!(alarm.kind, AlarmKind::Raised(Concern::Corrupted));
    assert_eq!(&*alarm.line.as_ref().unwrap().target_type, "verity");

    // It stays corrupted, which is not reported again.
    let begin = Instant::now();
    assert_eq!(monitor.wait(Some(4 * interval)).unwrap(), []);
    assert!(begin.elapsed() >= 4 * interval);
}

#[test]
fn a_flipped_bit_is_noticed_once_it_was_read() {
    let scene = Scene::new();
    let [data, hash] = [LENGTH.to_bytes(), Bytes(1 << 20)].map(|size| scene.memory.disk(size));
    let volume = VerityVolume::new(data.number(), hash.number());
    let root = volume.format(&scene.host, &VerityFormat::new()).unwrap().root_hash;
    let table = volume.table(&scene.host, &root).unwrap();
    let image = VerityDev::activate(&scene.host, "image", table).unwrap();
    let mut monitor = scene.quiet_monitor();
    data.write(Sectors(8), &[1; 512]).unwrap();
    assert_eq!(shown(monitor.read_all().unwrap()), [""; 0]);
    scene.memory.read("image", Sectors(8), &mut [0; 4096]).unwrap_err();
    assert_eq!(shown(monitor.read_all().unwrap()), ["image (verity): data is corrupted"]);
    assert_eq!(shown(monitor.read_all().unwrap()), [""; 0]);
    assert!(image.is_corrupted(&scene.host).unwrap());

    // After a load, no corruption has been detected yet.
    data.write(Sectors(8), &[0; 512]).unwrap();
    image.change(&scene.host, |_| ()).unwrap();
    monitor.read_all().unwrap();
    scene.memory.read("image", Sectors(8), &mut [0; 4096]).unwrap();
    assert_eq!(shown(monitor.read_all().unwrap()), [""; 0]);
}

#[test]
fn without_an_interval_only_events_and_the_caller_make_it_look() {
    let scene = Scene::new();
    scene.pool("pool");
    let mut monitor = scene.monitor(MonitorOptions::new().status_interval(None).levels([50]));
    monitor.read().unwrap();
    assert_eq!(monitor.next_timeout(), None);
    scene.pool_status("pool", 60, "rw", "-");
    assert_eq!(monitor.wait(Some(Duration::from_millis(1))).unwrap(), []);
    let alarms = monitor.read_all().unwrap();
    assert!(matches!(alarms[0].kind, AlarmKind::LevelReached { space: Space::Data, level: 50, .. }), "{alarms:?}");
}

#[test]
fn a_waiting_monitor_is_woken_by_an_event() {
    let scene = Scene::new();
    scene.create("mirror", "mirror", "core 2 1024 nosync 2 {} 0 {} 0");
    scene.status("mirror", "2 7:0 7:1 4/4 1 AA 1 core");
    let mut monitor = scene.quiet_monitor();
    let alarms = thread::scope(|scope| {
        let waiting = scope.spawn(|| monitor.wait(None).unwrap());
        scene.event("mirror", "2 7:0 7:1 4/4 1 DA 1 core");
        waiting.join().unwrap()
    });
    assert!(
        alarms.iter().any(|alarm| matches!(
            alarm.kind,
            AlarmKind::Leg { index: 0, device: Some(_), state: LegState::Failed, .. }
        ))
    );
}

#[test]
fn the_status_of_a_suspended_era_device_is_read_after_its_resume() {
    let scene = Scene::new();
    scene.create("era", "era", "{} {} 128");
    scene.create("snap", "snapshot", "{} {} P 8");
    scene.status("era", "8 6/512 3 -");
    let mut monitor = scene.quiet_monitor();
    for name in ["era", "snap"] {
        scene.host.suspend(name).unwrap();
        scene.event(name, if name == "era" { "Error" } else { "Invalid" });
    }
    // On a real kernel, the request to the era device would block.
    assert_eq!(shown(monitor.read_all().unwrap()), ["snap (snapshot): contents are lost"]);
    assert!(monitor.next_timeout().is_some());
    scene.host.resume("era").unwrap();
    assert_eq!(shown(monitor.read_all().unwrap()).len(), 1);
}
