//! Devices that cannot be removed because they are in use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::users::Process;
use dm_core::{Command, Host, Remains, Removal, RemovePolicy, Retry, TargetLine, Users};
use dm_testing::{MappedDevice, Pattern, Scratch, require, wait_until};
use dm_units::{Bytes, Sectors};

use crate::support::{LENGTH, PATIENTLY, SOON, before, exists, info, linear, run, settle, table, zero};

const START: Sectors = Sectors(0);

/// The time of retries that cannot succeed.
const PATIENCE: Duration = Duration::from_millis(150);

/// The users in the error of a device's removal, once udev is not one of them.
fn users(scratch: &Scratch, device: &MappedDevice) -> (Users, String) {
    settle();
    let begun = Instant::now();
    // On a slow machine the search needs longer than by default.
    let policy = RemovePolicy::new().retry(Retry::within(PATIENCE)).users(SOON);
    let error = scratch.host().remove_with(device.name(), policy).unwrap_err();
    assert!(error.is_busy() && error.is_undone(), "{error}");
    assert!((PATIENCE..SOON).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    (error.users().unwrap().clone(), error.to_string())
}

/// A process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_removal_waits_for_the_last_close() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let user = File::open(device.path()).unwrap();
    let begun = Instant::now();
    let closer = thread::spawn(move || {
        thread::sleep(PATIENCE);
        drop(user);
    });
    scratch.host().remove_with(&device, PATIENTLY).unwrap();
    // The longest pause is a tenth of a second, and the machine may be slow.
    assert!((PATIENCE..SOON / 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(!exists(&scratch, device.name()));
    closer.join().unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn processes_that_have_it_open_are_named() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::program("sleep")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let own = File::open(device.path()).unwrap();
    let sleeper = Program::new("sleep").arg("600").stdin(File::open(device.path()).unwrap()).spawn().unwrap();
    let sleeper = Running(sleeper);
    let (found, error) = users(&scratch, &device);
    let pids: Vec<u32> = found.processes.iter().map(|process| process.pid).collect();
    let mut expected = [std::process::id(), sleeper.0.id()];
    expected.sort_unstable();
    assert!(pids.len() == 2 && expected.iter().all(|pid| pids.contains(pid)), "{error}");
    assert!(found.processes.iter().any(|Process { name, .. }| name == "sleep"), "{error}");
    assert!(found.holders.is_empty() && found.mounts.is_empty() && !found.is_swap, "{error}");
    assert!(error.contains(&format!("open in process {} (\"sleep\")", sleeper.0.id())), "{error}");
    drop(own);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn mapped_devices_that_use_it_are_named() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero()]).unwrap();
    let upper = scratch.map("my upper", [linear(lower.number())]).unwrap();
    let (found, error) = users(&scratch, &lower);
    let holder = format!("dm-{} ({}my\\x20upper)", upper.number().minor, scratch.prefix());
    assert_eq!(found.holders.iter().map(ToString::to_string).collect::<Vec<_>>(), [holder.as_str()]);
    assert!(error.contains(&format!("used by {holder}")) && found.processes.is_empty(), "{error}");

    // An inactive table uses it as well.
    scratch.host().remove_with(&upper, PATIENTLY).unwrap();
    let prepared = scratch.create("prepared").unwrap();
    scratch.dm().table_load(&prepared, [linear(lower.number())]).unwrap();
    let (found, error) = users(&scratch, &lower);
    let holder = format!("dm-{} ({prepared})", prepared.number().minor);
    assert_eq!(found.holders.iter().map(ToString::to_string).collect::<Vec<_>>(), [holder], "{error}");
}

/// Makes a file system on a device. It may fail while udev reads the device.
fn format(device: &MappedDevice) {
    run("mkfs.ext4", &["-q", device.path().to_str().unwrap()]);
    run("udevadm", &["settle"]);
}

/// A mount that is unmounted on drop.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.0.to_str().unwrap()]);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn mount_points_are_named() {
    let needs = [require::target("linear"), require::program("mkfs.ext4"), require::program("unshare")];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let disk = scratch.loop_device(Bytes(8 << 20)).unwrap();
    let line = TargetLine::text(START, disk.size(), "linear", format!("{} 0", disk.number()));
    let device = scratch.map("device", [line]).unwrap();
    format(&device);
    let folder = tempfile::tempdir().unwrap();
    let point = folder.path().join("a place");
    fs::create_dir(&point).unwrap();
    run("mount", &[device.path().to_str().unwrap(), point.to_str().unwrap()]);
    let mounted = Mount(point.clone());
    let (found, error) = users(&scratch, &device);
    assert!(matches!(&found.mounts[..], [mount] if mount.point == *point && mount.namespace_of.is_none()), "{error}");
    assert!(error.contains(&format!("mounted on {point:?}")), "{error}");
    drop(mounted);

    // Visible only to processes in another mount namespace.
    let hidden = folder.path().join("hidden");
    fs::create_dir(&hidden).unwrap();
    let script = format!("mount {} {} && echo mounted && exec sleep 600", device.path().display(), hidden.display());
    let mut words = Program::new("unshare");
    words.args(["--mount", "sh", "-c", &script]).stdout(Stdio::piped());
    let mut other = Running(words.spawn().unwrap());
    let mut said = [0; 8];
    std::io::Read::read_exact(&mut other.0.stdout.take().unwrap(), &mut said).unwrap();
    let (found, error) = users(&scratch, &device);
    let pid = Some(other.0.id());
    assert!(matches!(&found.mounts[..], [mount] if mount.point == *hidden && mount.namespace_of == pid), "{error}");
}

/// A swap area in use, which is disabled on drop.
struct Swap(PathBuf);

impl Drop for Swap {
    fn drop(&mut self) {
        run("swapoff", &[self.0.to_str().unwrap()]);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_swap_area_is_named() {
    let needs = [require::target("linear"), require::program("mkswap"), require::program("swapon")];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let disk = scratch.loop_device(Bytes(4 << 20)).unwrap();
    let line = TargetLine::text(START, disk.size(), "linear", format!("{} 0", disk.number()));
    let device = scratch.map("device", [line]).unwrap();
    let path = device.path();
    run("mkswap", &[path.to_str().unwrap()]);
    if !Path::new("/proc/swaps").exists() {
        return require::skip("this kernel cannot swap");
    }
    run("swapon", &[path.to_str().unwrap()]);
    let swapping = Swap(path);
    let (found, error) = users(&scratch, &device);
    drop(swapping);
    assert!(found.is_swap && error.contains("used for swap"), "{error}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_a_retry_a_removal_is_tried_once() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let user = File::open(device.path()).unwrap();
    let (tell, told) = mpsc::channel();
    let host = Host::new(before(move |command| {
        tell.send(command).unwrap();
        Ok(())
    }));
    const ONCE: [Command; 2] = [Command::DeviceInfo, Command::DeviceRemove];
    let error = host.remove(&device).unwrap_err();
    assert!(error.is_busy() && error.users().is_none(), "{error}");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ONCE);

    // A deferred removal is never busy, so it is not retried.
    assert_eq!(host.remove_with(&device, PATIENTLY.deferred(true)).unwrap(), Removal::Deferred);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ONCE);
    drop(user);
    wait_until("the removal", SOON, || !exists(&scratch, device.name())).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn force_replaces_the_table_of_an_open_device_by_errors() {
    let Some(scratch) = Scratch::new(&["linear", "error"].map(require::target)) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("device", [linear(disk.number())]).unwrap();
    let user = File::open(device.path()).unwrap();
    let error = scratch.host().remove_with(device.name(), RemovePolicy::new().force(true)).unwrap_err();
    assert!(error.is_busy() && error.remains() == [Remains::ErrorTable], "{error}");
    assert_eq!(table(&scratch, device.number()), ["0 64 error "]);
    assert!(!info(&scratch, device.number()).is_suspended());
    Pattern::new(1).write(&device.path(), START, LENGTH).unwrap_err();
    // The disk below is free.
    let holders = fs::read_dir(format!("/sys/dev/block/{}/holders", disk.number())).unwrap();
    assert_eq!(holders.count(), 0);
    let closer = thread::spawn(move || {
        thread::sleep(PATIENCE);
        drop(user);
    });
    scratch.host().remove_with(device.name(), PATIENTLY.force(true)).unwrap();
    assert!(!exists(&scratch, device.name()));
    closer.join().unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn force_fails_io_that_waits() {
    let Some(scratch) = Scratch::new(&["linear", "error"].map(require::target)) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("device", [linear(disk.number())]).unwrap();
    scratch.dm().device_suspend(&device).unwrap();
    let path = device.path();
    let writer = thread::spawn(move || Pattern::new(1).write(&path, START, LENGTH));
    wait_until("the writer", SOON, || info(&scratch, device.number()).open_count() > 0).unwrap();
    thread::sleep(PATIENCE);
    assert!(!writer.is_finished());
    scratch.host().remove_with(&device, PATIENTLY.force(true)).unwrap();
    writer.join().unwrap().unwrap_err();
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn force_needs_no_table() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let [none, inactive] = ["none", "inactive"].map(|suffix| scratch.create(suffix).unwrap());
    scratch.dm().table_load(&inactive, [zero()]).unwrap();
    for device in [none, inactive] {
        scratch.host().remove_with(&device, PATIENTLY.force(true)).unwrap();
        assert!(!exists(&scratch, device.name()));
    }
}
