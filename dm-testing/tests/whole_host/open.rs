//! `Dm::open` and `Dm::open_with`.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dm_core::{Dm, OpenError, OpenOptions};
use dm_testing::{require, wait_until};
use dm_units::DeviceNumber;
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{Uid, geteuid, seteuid};

use crate::alone;

const CONTROL: &str = "/dev/mapper/control";

fn open_at(path: &Path) -> Result<Dm, OpenError> {
    Dm::open_with(OpenOptions::new().path(path))
}

/// The number of the control node according to the kernel; `None` without a device mapper.
fn control_number() -> Option<DeviceNumber> {
    let text = fs::read_to_string("/proc/misc").unwrap();
    let line = text.lines().find_map(|line| line.strip_suffix(" device-mapper"))?;
    Some(DeviceNumber::new(10, line.trim().parse().unwrap()))
}

fn number_of(path: &Path) -> DeviceNumber {
    DeviceNumber::from_dev_t(fs::metadata(path).unwrap().rdev())
}

fn make_node(path: &Path, number: DeviceNumber) {
    mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, number.to_dev_t()).unwrap();
}

fn remove_if_there(path: &str) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => unreachable!("{error}"),
        _ => {}
    }
}

/// Unloads the device mapper and all targets. Returns whether that succeeded.
fn unload() -> bool {
    let loaded = || {
        let text = fs::read_to_string("/proc/modules").unwrap();
        let names = text.lines().filter_map(|line| line.split(' ').next()).filter(|name| name.starts_with("dm_"));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    if !loaded().iter().any(|name| name == "dm_mod") {
        return false;
    }
    // Modules that others use are unloaded in a later round.
    let unloaded = || {
        let modules = loaded();
        modules.iter().for_each(|module| drop(Command::new("rmmod").arg(module).output().unwrap()));
        modules.is_empty()
    };
    // So are those that udev's programs still use, which may take long.
    wait_until("the modules to be unloaded", Duration::from_secs(30), unloaded).is_ok() && control_number().is_none()
}

/// Whether the tests that unload the device mapper can run.
fn may_unload() -> bool {
    if !require::met(&[require::device_mapper(), require::throw_away_kernel(), require::program("rmmod")]) {
        return false;
    }
    let unloaded = unload();
    if !unloaded {
        require::skip("the device mapper is no module that can be unloaded");
    }
    unloaded
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_node_is_made_again() {
    let _alone = alone();
    if !require::met(&[require::device_mapper(), require::throw_away_kernel()]) {
        return;
    }
    fs::remove_file(CONTROL).unwrap();
    let dm = Dm::open().unwrap();
    assert_eq!(number_of(Path::new(CONTROL)), control_number().unwrap());
    assert_eq!(fs::metadata(CONTROL).unwrap().mode() & 0o777, 0o600);
    assert_eq!(dm.version().unwrap().major, 4);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_module_is_loaded_by_a_node_that_is_made() {
    let _alone = alone();
    if !may_unload() {
        return;
    }
    remove_if_there(CONTROL);
    Dm::open().unwrap();
    assert_eq!(number_of(Path::new(CONTROL)), control_number().unwrap());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_module_is_loaded_by_a_node_that_exists() {
    let _alone = alone();
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    let number = control_number().unwrap();
    if !may_unload() {
        return;
    }
    if !Path::new(CONTROL).exists() {
        make_node(Path::new(CONTROL), number);
    }
    Dm::open().unwrap();
    assert_eq!(control_number(), Some(number));
}

/// Disables the program with which the kernel loads modules, until this is dropped.
struct NoModules(String);

impl NoModules {
    const SETTING: &str = "/proc/sys/kernel/modprobe";

    fn new() -> Self {
        let loader = fs::read_to_string(Self::SETTING).unwrap();
        fs::write(Self::SETTING, "/there/is/none").unwrap();
        Self(loader)
    }
}

impl Drop for NoModules {
    fn drop(&mut self) {
        fs::write(Self::SETTING, &self.0).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_kernel_without_device_mapper_is_named() {
    let _alone = alone();
    if !may_unload() {
        return;
    }
    remove_if_there(CONTROL);
    {
        let _no_modules = NoModules::new();
        let error = Dm::open().unwrap_err();
        assert!(error.is_no_device_mapper(), "{error}");
        assert!(!Path::new(CONTROL).exists(), "a node of a missing driver was left");
    }
    Dm::open().unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_node_can_be_at_any_path() {
    let _alone = alone();
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (made, missing) = (folder.path().join("made"), folder.path().join("new/folder/missing"));
    make_node(&made, control_number().unwrap());
    for path in [made, missing] {
        let dm = open_at(&path).unwrap();
        assert_eq!(dm.version().unwrap(), Dm::open().unwrap().version().unwrap());
        assert_eq!(number_of(&path), control_number().unwrap());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn another_node_is_refused_and_left_alone() {
    let _alone = alone();
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [null, file] = ["null", "file"].map(|name| folder.path().join(name));
    make_node(&null, DeviceNumber::new(1, 3));
    fs::write(&file, "a file").unwrap();
    let found = |path: &PathBuf| match open_at(path) {
        Err(OpenError::NotControlNode { found, expected, .. }) => {
            assert_eq!(expected, control_number().unwrap());
            found
        }
        other => unreachable!("{other:?}"),
    };
    assert!(found(&null).contains("1:3"));
    assert!(!found(&file).contains(':'));
    assert_eq!(number_of(&null), DeviceNumber::new(1, 3));
    assert_eq!(fs::read_to_string(&file).unwrap(), "a file");
}

/// Makes the process that of an ordinary user, until this is dropped.
struct OrdinaryUser;

impl OrdinaryUser {
    fn new() -> Self {
        seteuid(Uid::from_raw(65534)).unwrap();
        Self
    }
}

impl Drop for OrdinaryUser {
    fn drop(&mut self) {
        seteuid(Uid::from_raw(0)).unwrap();
        assert!(geteuid().is_root());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_ordinary_user_is_refused() {
    let _alone = alone();
    if !require::met(&[require::device_mapper()]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let open_to_all = folder.path().join("control");
    make_node(&open_to_all, control_number().unwrap());
    for path in [folder.path(), &open_to_all] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
    let dm = Dm::open().unwrap();

    let user = OrdinaryUser::new();
    // The node is accessible only to root; a node for all users, a new node and a descriptor that root has opened do
    // not help.
    let errors: [dm_core::Error; 4] = [
        Dm::open().unwrap_err().into(),
        open_at(&open_to_all).unwrap_err().into(),
        open_at(&folder.path().join("missing")).unwrap_err().into(),
        dm.version().unwrap_err(),
    ];
    drop(user);
    for error in errors {
        assert!(error.is_permission_denied(), "{error}");
        assert!(!error.is_no_device_mapper() && !error.is_not_found());
    }
    assert!(!folder.path().join("missing").exists());
    dm.version().unwrap();
}
