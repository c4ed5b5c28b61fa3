//! Nodes of existing devices, without udev; and an inherited descriptor.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use dm_core::paths::{is_device, majors};
use dm_core::udev::{NodeMode, Strategy, Udev};
use dm_core::{Dm, Host};
use dm_testing::{Scratch, require};
use nix::sys::stat::{Mode, SFlag, mknod};

use crate::support::{PATIENTLY, zero};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn missing_nodes_are_made_and_stale_ones_removed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let dev = tempfile::tempdir().unwrap();
    let mapper = dev.path().join("mapper");
    fs::create_dir(&mapper).unwrap();
    let udev = Udev::new(Strategy::MakeNodes).dev_dir(dev.path()).node_mode(NodeMode::node(0, 6, 0o640));
    let host = Host::new(scratch.dm().clone()).with_udev(udev);
    let [plain, odd, empty] = ["plain", r"od\x20d", "empty"].map(|suffix| scratch.name(suffix).unwrap());
    let numbers = [&plain, &odd].map(|name| scratch.host().create(name, [zero()]).unwrap().number());
    scratch.dm().device_create(&empty).unwrap();
    // A node that an earlier device with this number has left under another name, and a link and a file of another
    // program.
    let stale = mapper.join("stale");
    mknod(&stale, SFlag::S_IFBLK, Mode::S_IRUSR, numbers[0].to_dev_t()).unwrap();
    let gone = mapper.join("gone");
    symlink("../dm-70000", &gone).unwrap();
    symlink("../sda", mapper.join("foreign")).unwrap();
    let wrong = mapper.join(plain.to_string());
    mknod(&wrong, SFlag::S_IFBLK, Mode::S_IRUSR, numbers[1].to_dev_t()).unwrap();

    let changes = host.make_nodes().unwrap();
    let made = [&plain, &odd].map(|name| mapper.join(name.to_string()));
    assert!(made.iter().all(|path| changes.made.contains(path)), "{changes:?}");
    assert!([&stale, &gone].iter().all(|path| changes.removed.contains(path)), "{changes:?}");
    for (path, number) in made.iter().zip(numbers) {
        assert!(is_device(path, number), "{}", path.display());
        let node = fs::symlink_metadata(path).unwrap();
        assert_eq!((node.mode() & 0o7777, node.uid(), node.gid()), (0o640, 0, 6));
    }
    assert!(mapper.join("foreign").is_symlink() && !mapper.join(empty.to_string()).exists());
    let again = host.make_nodes().unwrap();
    assert!(again.made.is_empty() && again.removed.is_empty(), "{again:?}");

    fs::remove_file(&made[0]).unwrap();
    assert_eq!(host.make_node(&plain).unwrap().made, made[..1]);
    scratch.host().remove_with(&plain, PATIENTLY).unwrap();
    assert_eq!(host.make_node(&plain).unwrap().removed, made[..1]);
    assert!(!majors().unwrap().is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_handle_is_made_of_an_inherited_descriptor() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let file = fs::File::options().read(true).write(true).open("/dev/mapper/control").unwrap();
    let dm = Dm::from_fd(file.into()).unwrap();
    let device = scratch.map("device", [zero()]).unwrap();
    assert_eq!(dm.device_info(device.name()).unwrap().number(), device.number());
    // It opens the same node again.
    assert!(dm.reopen().unwrap().device_info(device.name()).is_ok());
    // Errors have the kernel's reason, as with any handle.
    let refused = dm.table_load(
        device.name(),
        [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "nonsense", "")],
    );
    assert!(refused.unwrap_err().is_invalid());
    let other = fs::File::open("/dev/mapper").unwrap();
    assert!(matches!(Dm::from_fd(other.into()), Err(dm_core::OpenError::NotControlNode { .. })));
}
