//! udev's links exist when an operation returns and are kept; private devices have none.

use std::path::{Path, PathBuf};
use std::process::Command as Program;

use dm_core::paths::{is_device, kernel_path, mapper_path};
use dm_core::udev::{Strategy, Visibility};
use dm_core::{DmName, Host, ResumeOptions, SetupOptions};
use dm_testing::{Scratch, require};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::support::{PATIENTLY, SOON, host, run, settle};

const UUID: &str = "6b1a6a6e-91b1-4c5b-9f8e-0a8c0a3c7d11";
const LENGTH: Sectors = Sectors(8 << 11);

fn by_uuid() -> PathBuf {
    Path::new("/dev/disk/by-uuid").join(UUID)
}

/// A disk with a file system of a known uuid, which udev does not read itself.
fn formatted(scratch: &Scratch) -> DeviceNumber {
    let disk = scratch.loop_device(Bytes(8 << 20)).unwrap();
    run("mkfs.ext4", &["-q", "-U", UUID, disk.path().to_str().unwrap()]);
    settle();
    disk.number()
}

fn line(disk: DeviceNumber) -> [dm_core::TargetLine<dm_core::LineText<'static, String>>; 1] {
    [dm_core::TargetLine::text(Sectors(0), LENGTH, "linear", format!("{disk} 0"))]
}

/// udev's properties of a device.
fn properties(number: DeviceNumber) -> String {
    let path = kernel_path(number);
    let output = Program::new("udevadm").args(["info", "--query=all", "--name"]).arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn needs() -> [require::Requirement; 3] {
    [require::target("linear"), require::udev(), require::program("mkfs.ext4")]
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_link_by_uuid_is_there_when_an_operation_returns() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let (disk, host) = (formatted(&scratch), scratch.host());
    let name = scratch.name("device").unwrap();
    for _ in 0..5 {
        let number = host.setup(&name, line(disk)).unwrap().number();
        assert!(is_device(&by_uuid(), number), "after a set up");
        host.reload(&name, line(disk)).unwrap();
        assert!(is_device(&by_uuid(), number), "after a reload");
        host.suspend(&name).unwrap();
        host.resume(&name).unwrap();
        assert!(is_device(&by_uuid(), number), "after a resume");
        // No program of udev has it open any more.
        host.remove(&name).unwrap();
        assert!(!is_device(&by_uuid(), number), "after a removal");
    }
}

/// The commands of a device's life, with a host that may not wait for cookies.
fn set_up(host: &Host, name: &DmName, disk: DeviceNumber) -> DeviceNumber {
    host.create(name, line(disk)).unwrap().number()
}

/// The raw commands, as programs use them that do not cooperate with udev.
fn set_up_by_commands(host: &Host, name: &DmName, disk: DeviceNumber) -> DeviceNumber {
    let number = host.dm().device_create(name).unwrap().number();
    host.dm().table_load(name, line(disk)).unwrap();
    host.dm().device_resume_with(name, ResumeOptions::new()).unwrap();
    number
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn links_stay_when_udev_looks_again_whichever_way_was_waited() {
    type SetUp = fn(&Host, &DmName, DeviceNumber) -> DeviceNumber;
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let disk = formatted(&scratch);
    let ways: [(Strategy, SetUp); 5] = [
        (Strategy::Auto, set_up),
        (Strategy::WaitForNodes, set_up),
        (Strategy::None, set_up),
        (Strategy::MakeNodes, set_up),
        (Strategy::None, set_up_by_commands),
    ];
    for (at, (strategy, set_up)) in ways.into_iter().enumerate() {
        let name = scratch.name(format!("device-{at}")).unwrap();
        let host = host(&scratch, strategy);
        let number = set_up(&host, &name, disk);
        settle();
        let node = kernel_path(number);
        run("udevadm", &["trigger", "--action=add", node.to_str().unwrap()]);
        settle();
        let known = properties(number);
        assert!(is_device(&mapper_path(&name), number), "{strategy:?} {at}: {known}");
        assert!(is_device(&by_uuid(), number), "{strategy:?} {at}: {known}");
        assert!(!known.contains("SYSTEMD_READY=0"), "{strategy:?} {at}: {known}");
        assert!(!known.contains("DM_UDEV_DISABLE_OTHER_RULES_FLAG=1"), "{strategy:?} {at}: {known}");
        scratch.host().remove_with(&name, PATIENTLY).unwrap();
        settle();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn private_devices_have_only_their_own_link() {
    let Some(scratch) = Scratch::new(&needs()) else { return };
    let (disk, host) = (formatted(&scratch), scratch.host());
    let name = scratch.name("private").unwrap();
    let options = SetupOptions::new().visibility(Visibility::Private);
    let number = host.setup_with(&name, line(disk), options).unwrap().number();
    let reload = dm_core::ReloadOptions::new().visibility(Visibility::Private);
    host.reload_with(&name, line(disk), reload).unwrap();
    for _ in 0..2 {
        let known = properties(number);
        assert!(is_device(&mapper_path(&name), number), "{known}");
        assert!(!is_device(&by_uuid(), number), "{known}");
        assert!(!known.contains("disk/by-uuid") && !known.contains("disk/by-id"), "{known}");
        assert!(!known.contains("ID_FS_"), "blkid has looked at it: {known}");
        // udev processes the device again.
        run("udevadm", &["trigger", "--action=change", kernel_path(number).to_str().unwrap()]);
        settle();
    }
    host.remove_with(&name, PATIENTLY).unwrap();
    dm_testing::wait_until("the link", SOON, || mapper_path(&name).symlink_metadata().is_err()).unwrap();
}
