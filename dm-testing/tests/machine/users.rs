//! Every kind of user of a device.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use dm_core::users::{ProcessUse, holders, mounts};
use dm_core::{Users, describe};
use dm_testing::{LoopDevice, LoopOptions, Scratch, require};
use dm_units::Bytes;
use nix::mount::{MntFlags, umount2};

use crate::support::{Mount, Running, elsewhere, formatted, linear, run, users};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_that_is_not_used_has_no_users() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (_, device) = linear(&scratch, Bytes(1 << 20));
    let users = users(device.number());
    assert!(users.is_empty() && users.complete, "{users}");
    assert_eq!(users.to_string(), "no user of it is visible to this process");
    // Without time, processes are not searched.
    assert!(!Users::of(device.number(), Duration::ZERO).complete);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn devices_on_top_are_named() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (disk, device) = linear(&scratch, Bytes(1 << 20));
    let over = LoopDevice::over(&device.path(), LoopOptions::new()).unwrap();
    let found: Vec<String> = holders(device.number()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, [over.path().file_name().unwrap().to_str().unwrap()]);
    assert!(users(device.number()).to_string().contains(&format!("used by {}", found[0])));
    over.detach().unwrap();
    assert!(holders(device.number()).unwrap().is_empty());

    let found = holders(disk.number()).unwrap();
    assert_eq!(found[0].dm_name.as_deref(), Some(device.name()));
    assert_eq!((found.len(), found[0].number), (1, Some(device.number())));
    let described = describe(device.number()).to_string();
    assert_eq!(described, format!("{} ({device}, {})", device.path().display(), device.number()));
    assert_eq!(describe(disk.number()).to_string(), format!("{} ({})", disk.path().display(), disk.number()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn users_of_its_file_system_are_named() {
    let needs = ["mkfs.ext4", "sleep"].map(require::program);
    let Some(scratch) = Scratch::new(&[&[require::target("linear")], needs.as_slice()].concat()) else { return };
    let device = formatted(&scratch);
    let folder = tempfile::tempdir().unwrap();
    let point = folder.path().join("a place");
    let mounted = Mount::new(&device.path(), &point);
    let image = point.join("image");
    File::create(&image).unwrap().set_len(1 << 20).unwrap();
    let over = LoopDevice::over(&image, LoopOptions::new()).unwrap();
    fs::write(point.join("file"), "").unwrap();
    let reader = Running::sleep(File::open(point.join("file")).unwrap());
    let shell = std::process::Command::new("sleep").arg("600").current_dir(&point).spawn().unwrap();
    let shell = Running::new(shell);

    let found = users(device.number());
    assert_eq!(found.mounts, mounts(device.number()).unwrap());
    assert_eq!((found.mounts[0].point.as_path(), found.mounts[0].namespace_of), (point.as_path(), None));
    assert_eq!(found.holders[0].backing_file.as_ref().map(|file| file.as_path()), Some(image.as_path()));
    let kind = |pid| found.processes.iter().find(|process| process.pid == pid).map(|process| process.kind);
    assert_eq!(kind(reader.pid()), Some(ProcessUse::OpenFile), "{found}");
    assert_eq!(kind(shell.pid()), Some(ProcessUse::WorkingDirectory), "{found}");
    assert!(found.complete && found.unmounted_file_system.is_none(), "{found}");
    drop((reader, shell));
    over.detach().unwrap();
    drop(mounted);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_mount_in_another_namespace_is_named_with_a_process() {
    let needs = ["mkfs.ext4", "sleep"].map(require::program);
    let Some(scratch) = Scratch::new(&[&[require::target("linear")], needs.as_slice()].concat()) else { return };
    let device = formatted(&scratch);
    let folder = tempfile::tempdir().unwrap();
    let point = folder.path().join("hidden");
    let user = elsewhere(|| {
        let mounted = Mount::new(&device.path(), &point);
        let user = Running::sleep(File::open("/dev/null").unwrap());
        // The process keeps the namespace, and the namespace keeps the mount.
        std::mem::forget(mounted);
        user
    });
    let found = users(device.number());
    assert_eq!((found.mounts.len(), found.processes.len()), (1, 0), "{found}");
    assert_eq!(found.mounts[0].namespace_of, Some(user.pid()));
    let text = format!("mounted on \"{}\" in the mount namespace of process {}", point.display(), user.pid());
    assert_eq!(found.to_string(), text);
    assert!(mounts(device.number()).unwrap().is_empty());
    drop(user);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_file_system_that_was_unmounted_in_use_is_named() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::program("mkfs.ext4")]) else { return };
    let device = formatted(&scratch);
    let folder = tempfile::tempdir().unwrap();
    let mounted = Mount::new(&device.path(), folder.path());
    let file = File::create(folder.path().join("file")).unwrap();
    umount2(folder.path(), MntFlags::MNT_DETACH).unwrap();
    std::mem::forget(mounted);
    let found = users(device.number());
    assert_eq!(found.unmounted_file_system.as_deref(), Some("ext4"), "{found}");
    assert!(found.mounts.is_empty() && found.processes.is_empty(), "{found}");
    drop(file);
    assert!(users(device.number()).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn swap_is_named() {
    let needs = ["mkswap", "swapon", "swapoff"].map(require::program);
    let Some(scratch) = Scratch::new(&[&[require::target("linear")], needs.as_slice()].concat()) else { return };
    let (_, device) = linear(&scratch, Bytes(4 << 20));
    if !Path::new("/proc/swaps").exists() {
        return require::skip("this kernel cannot swap");
    }
    let path = device.path();
    let path = path.to_str().unwrap();
    run("mkswap", &[path]);
    run("swapon", &[path]);
    let found = users(device.number());
    run("swapoff", &[path]);
    assert!(found.is_swap, "{found}");
    assert_eq!(found.to_string(), "used for swap");
}
