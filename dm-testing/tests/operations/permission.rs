//! The reasons why a process may not use the device mapper. Each is given only after checking it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;

use dm_core::{Dm, OpenError, OpenOptions, PermissionReason};
use dm_testing::require;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, mknod};

use crate::child;
use crate::support::with_own_mounts;

/// The number of the control node.
fn control() -> u64 {
    std::os::unix::fs::MetadataExt::rdev(&std::fs::metadata("/dev/mapper/control").unwrap())
}

fn reason(result: Result<Dm, OpenError>) -> PermissionReason {
    match result.unwrap_err() {
        OpenError::Permission { reason, .. } => reason,
        error => unreachable!("{error}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn root_of_a_user_namespace_is_told_that_it_is_not_the_first_one() {
    if child::order().is_some() {
        // Either the node may not be opened, or its commands are refused: the reason is the same.
        return assert_eq!(reason(Dm::open()), PermissionReason::UserNamespace);
    }
    if !require::met(&[require::device_mapper(), require::program("unshare")]) {
        return;
    }
    Dm::open().unwrap();
    assert!(child::command("open", &["unshare", "--user", "--map-root-user"]).status().unwrap().success());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_ordinary_user_is_told_to_run_as_root() {
    if child::order().is_some() {
        let error = Dm::open().unwrap_err();
        assert!(error.to_string().contains("run as root"), "{error}");
        return assert_eq!(reason(Err(error)), PermissionReason::NotRoot);
    }
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    let mut command = child::command("open", &[]);
    match command.uid(65534).gid(65534).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => require::skip(&format!("ordinary users cannot run this program: {error}")),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_node_on_a_file_system_without_devices_is_named_as_such() {
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    Dm::open().unwrap();
    let number = control();
    let folder = tempfile::tempdir().unwrap();
    let reason = with_own_mounts(|| {
        mount(None::<&str>, folder.path(), Some("tmpfs"), MsFlags::MS_NODEV, None::<&str>).unwrap();
        let node = folder.path().join("control");
        mknod(&node, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, number).unwrap();
        std::fs::set_permissions(&node, Permissions::from_mode(0o666)).unwrap();
        reason(Dm::open_with(OpenOptions::new().path(node)))
    });
    assert_eq!(reason, PermissionReason::NoDev);
}

/// Control groups of version 1 can refuse devices without a program.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_cgroup_is_named_as_such() {
    if child::order().is_some() {
        return assert_eq!(reason(Dm::open()), PermissionReason::DeviceCgroup);
    }
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    Dm::open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mounted = mount(None::<&str>, folder.path(), Some("cgroup"), MsFlags::empty(), Some("devices"));
    if mounted.is_err() {
        return require::skip("this kernel has no device cgroup of the first version");
    }
    let group = folder.path().join("dm-testing");
    std::fs::create_dir(&group).unwrap();
    std::fs::write(group.join("devices.deny"), "c 10:236 rwm").unwrap();
    let script = format!("echo $$ >{}/cgroup.procs; exec \"$@\"", group.display());
    let status = child::command("open", &["sh", "-c", &script, "sh"]).status().unwrap();
    std::fs::remove_dir(&group).unwrap();
    nix::mount::umount(folder.path()).unwrap();
    assert!(status.success());
}
