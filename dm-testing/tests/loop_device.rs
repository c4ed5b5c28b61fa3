//! Loop devices over new and existing files, and their detachment.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::panic;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dm_testing::{Error, LoopDevice, LoopOptions, Pattern, require, wait_until};
use dm_units::{Bytes, Sectors};

const SIZE: Sectors = Sectors(64);

/// Whether the kernel has attached a file to any loop device.
fn is_attached(file: &Path) -> bool {
    let devices = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path().join("loop/backing_file"));
    devices.filter_map(|path| fs::read_to_string(path).ok()).any(|shown| shown.starts_with(file.to_str().unwrap()))
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_sparse_device_is_zeros_and_can_be_written() {
    if !require::met(&[require::root()]) {
        return;
    }
    let device = LoopDevice::sparse(SIZE.to_bytes()).unwrap();
    assert_eq!(device.size(), SIZE);
    assert!(is_attached(device.backing_file()));
    Pattern::zeros().verify(device.path(), Sectors(0), SIZE).unwrap();
    Pattern::new(1).write(device.path(), Sectors(0), SIZE).unwrap();
    Pattern::new(1).verify(device.backing_file(), Sectors(0), SIZE).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn detaching_releases_the_file() {
    if !require::met(&[require::root()]) {
        return;
    }
    let device = LoopDevice::sparse(SIZE.to_bytes()).unwrap();
    let file = device.backing_file().to_owned();
    device.detach().unwrap();
    assert!(!is_attached(&file));
    assert!(!file.exists());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_panic_detaches_the_device() {
    if !require::met(&[require::root()]) {
        return;
    }
    let device = LoopDevice::sparse(SIZE.to_bytes()).unwrap();
    let file = device.backing_file().to_owned();
    let caught = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let _device = device;
        panic::resume_unwind(Box::new("the test failed"));
    }));
    assert!(caught.is_err());
    assert!(!is_attached(&file));
    assert!(!file.exists());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_can_be_a_part_of_a_file() {
    if !require::met(&[require::root()]) {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(32 * 512).unwrap();
    Pattern::new(1).write(file.path(), Sectors(0), Sectors(32)).unwrap();
    let options = LoopOptions::new().offset(Sectors(8).to_bytes()).size_limit(Sectors(16).to_bytes());
    let device = LoopDevice::over(file.path(), options).unwrap();
    assert_eq!(device.size(), Sectors(16));
    let shown = Pattern::new(1).moved(Sectors(8), Sectors(0));
    shown.verify(device.path(), Sectors(0), Sectors(16)).unwrap();
    device.detach().unwrap();
    assert!(file.path().exists(), "a file that was given is not removed");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_read_only_device_refuses_writes() {
    if !require::met(&[require::root()]) {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8192).unwrap();
    let device = LoopDevice::over(file.path(), LoopOptions::new().read_only(true)).unwrap();
    match Pattern::new(1).write(device.path(), Sectors(0), Sectors(8)).unwrap_err() {
        Error::Io { source, .. } => assert_eq!(source.kind(), ErrorKind::PermissionDenied),
        other => unreachable!("{other}"),
    }
    Pattern::zeros().verify(device.path(), Sectors(0), Sectors(8)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_sector_size_can_be_chosen() {
    if !require::met(&[require::root(), require::program("losetup")]) {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let device = LoopDevice::over(file.path(), LoopOptions::new().sector_size(4096)).unwrap();
    let shown = format!("/sys/dev/block/{}/queue/logical_block_size", device.number());
    assert_eq!(fs::read_to_string(shown).unwrap(), "4096\n");
    Pattern::new(1).write(device.path(), Sectors(8), Sectors(16)).unwrap();
    Pattern::new(1).verify(device.path(), Sectors(8), Sectors(16)).unwrap();

    let error = LoopDevice::over(file.path(), LoopOptions::new().sector_size(1000)).unwrap_err();
    assert!(error.to_string().contains("sector size"), "{error}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn threads_do_not_take_each_others_devices() {
    if !require::met(&[require::root()]) {
        return;
    }
    let work = |thread: u64| {
        for round in 0..8 {
            let device = LoopDevice::sparse(Bytes(8192)).unwrap();
            let pattern = Pattern::new(thread * 100 + round);
            pattern.write(device.path(), Sectors(0), Sectors(16)).unwrap();
            pattern.verify(device.backing_file(), Sectors(0), Sectors(16)).unwrap();
        }
    };
    thread::scope(|scope| (0..4).for_each(|thread| drop(scope.spawn(move || work(thread)))));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_in_use_is_reported() {
    if !require::met(&[require::root()]) {
        return;
    }
    let device = LoopDevice::sparse(SIZE.to_bytes()).unwrap();
    let file = device.backing_file().to_owned();
    let user = File::open(device.path()).unwrap();
    assert!(matches!(device.detach_within(Duration::from_millis(50)), Err(Error::TimedOut { .. })));
    drop(user);
    wait_until("the last close", Duration::from_secs(5), || !is_attached(&file)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_devices_over_a_file_are_found_by_any_path_and_taken_over() {
    if !require::met(&[require::root()]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [file, link, other] = ["a file", "link", "other"].map(|name| folder.path().join(name));
    for file in [&file, &other] {
        File::create(file).unwrap().set_len(1 << 20).unwrap();
    }
    fs::hard_link(&file, &link).unwrap();
    assert_eq!(LoopDevice::find(&file).unwrap(), []);
    let _other = LoopDevice::over(&other, LoopOptions::new()).unwrap();
    let whole = LoopDevice::over(&file, LoopOptions::new()).unwrap();
    let part = LoopOptions::new().offset(Bytes(4096)).size_limit(Bytes(8192));
    let part = LoopDevice::over(&link, part).unwrap();
    for path in [&file, &link] {
        let mut found = LoopDevice::find(path).unwrap();
        found.sort_by_key(|found| found.offset);
        let numbers: Vec<_> = found.iter().map(|found| found.number).collect();
        assert_eq!(numbers, [whole.number(), part.number()]);
        let last = found.pop().unwrap();
        assert_eq!((last.offset, last.size_limit), (Bytes(4096), Bytes(8192)));
        assert_eq!((last.path.as_path(), last.autoclear), (part.path(), false));
    }

    // As after a restart of the program that attached it.
    part.leave();
    let found = LoopDevice::find(&file).unwrap().into_iter().find(|found| found.offset != Bytes(0)).unwrap();
    let taken = found.take_over().unwrap();
    assert_eq!((taken.size(), taken.number()), (Sectors(16), found.number));
    taken.detach().unwrap();
    assert_eq!(LoopDevice::find(&file).unwrap().len(), 1);
    assert!(matches!(found.take_over(), Err(Error::Io { .. })), "it is detached");
    assert!(file.exists());

    // A file that replaces another one of the same name has no device.
    fs::remove_file(&link).unwrap();
    fs::remove_file(&file).unwrap();
    File::create(&file).unwrap();
    assert_eq!(LoopDevice::find(&file).unwrap(), []);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_follows_a_file_that_grew() {
    if !require::met(&[require::root()]) {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(SIZE.0 * 512).unwrap();
    let mut device = LoopDevice::over(file.path(), LoopOptions::new()).unwrap();
    Pattern::new(1).write(device.path(), Sectors(0), SIZE).unwrap();
    file.as_file().set_len(2 * SIZE.0 * 512).unwrap();
    assert_eq!(device.size(), SIZE);
    assert_eq!(device.follow_file().unwrap(), Sectors(2 * SIZE.0));
    assert_eq!(device.size(), Sectors(2 * SIZE.0));
    Pattern::new(1).verify(device.path(), Sectors(0), SIZE).unwrap();
    Pattern::new(2).write(device.path(), SIZE, SIZE).unwrap();
    Pattern::new(2).verify(file.path(), SIZE, SIZE).unwrap();
}
