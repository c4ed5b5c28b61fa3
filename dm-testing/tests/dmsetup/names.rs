//! Unmangled names lead to the same devices in dmsetup and in the library.

use std::fs;
use std::process::Command;

use dm_core::paths::is_device;
use dm_core::udev::{Strategy, Udev};
use dm_core::{DmName, Host, Naming};
use dm_testing::Scratch;

use crate::daemon::Gone;
use crate::original::{dmsetup, scratch};
use crate::support::{PATIENTLY, exists, zero};

const NAMES: [&str; 5] = ["plain", "od d", r"a\x20b", "диск", "x'\"$(;"];

const TABLE: &str = "0 64 zero";

/// The unmangled name, and the kernel's.
fn known(scratch: &Scratch, suffix: &str) -> (String, dm_core::DmNameBuf) {
    let human = format!("{}{suffix}", scratch.prefix());
    let kernel = Naming::Auto.kernel_name(DmName::new(&human).unwrap()).unwrap().into_owned();
    (human, kernel)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn dmsetup_finds_our_devices_by_the_same_name() {
    let Some(scratch) = scratch() else { return };
    let host = scratch.host();
    for suffix in NAMES {
        let (human, kernel) = known(&scratch, suffix);
        let number = host.create(&human, [zero()]).unwrap().number();
        let shown = dmsetup(&["info", "-c", "--noheadings", "-o", "mangled_name", &human]).unwrap();
        assert_eq!(shown.trim_end(), kernel.to_string());
        let path = host.path(&human).unwrap();
        assert!(path.ends_with(format!("mapper/{kernel}")) && is_device(&path, number), "{}", path.display());
        dmsetup(&["remove", "--retry", &human]).unwrap();
        assert!(host.info(&human).unwrap_err().is_not_found() && path.symlink_metadata().is_err());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn we_find_the_devices_of_dmsetup_by_the_same_name() {
    let Some(scratch) = scratch() else { return };
    let host = scratch.host();
    for suffix in NAMES {
        let (human, kernel) = known(&scratch, suffix);
        dmsetup(&["create", &human, "--table", TABLE]).unwrap();
        let info = host.info(&human).unwrap();
        assert_eq!(info.name(), Some(&*kernel));
        assert!(is_device(&host.path(&human).unwrap(), info.number()));
        let (renamed, _) = known(&scratch, &format!("new {}", suffix.replace(r"\x20", " ")));
        host.rename(&human, &renamed).unwrap();
        host.suspend(&renamed).unwrap();
        dmsetup(&["resume", &renamed]).unwrap();
        host.remove_with(&renamed, PATIENTLY).unwrap();
        assert!(dmsetup(&["info", &renamed]).is_none());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_mode_finds_its_own_devices_and_dmsetups_in_the_same_mode() {
    let Some(scratch) = scratch() else { return };
    for (naming, mode) in [(Naming::Hex, "hex"), (Naming::None, "none")] {
        let host = scratch.host().clone().with_naming(naming);
        for suffix in NAMES {
            let human = format!("{}{mode} {suffix}", scratch.prefix());
            host.create(&human, [zero()]).unwrap();
            assert!(dmsetup(&["--manglename", mode, "info", &human]).is_some(), "{mode} {suffix}");
            host.remove_with(&human, PATIENTLY).unwrap();
            dmsetup(&["--manglename", mode, "create", &human, "--table", TABLE]).unwrap();
            let info = host.info(&human).unwrap();
            assert!(is_device(&host.path(&human).unwrap(), info.number()), "{mode} {suffix}");
            host.remove_with(&human, PATIENTLY).unwrap();
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_name_of_the_kernels_is_never_translated() {
    let Some(scratch) = scratch() else { return };
    let (host, raw) = (scratch.host(), scratch.name("od d").unwrap());
    let (human, mangled) = known(&scratch, "od d");
    let number = host.create(&raw, [zero()]).unwrap().number();
    assert_eq!(host.info(&raw).unwrap().name(), Some(&*raw));
    assert!(host.info(&human).unwrap_err().is_not_found() && !exists(&scratch, &mangled));
    assert_eq!(scratch.dm().device_info(human.as_str()).unwrap().number(), number);
    let refused = host.create(format!(r"{human}\x20"), [zero()]).unwrap_err();
    assert!(refused.is_undone() && refused.to_string().contains("arguments"), "{refused}");
}

/// The files of a scratch in `/dev/mapper`.
fn nodes(scratch: &Scratch) -> Vec<String> {
    let files = fs::read_dir("/dev/mapper").unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(scratch.prefix())).collect()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_udev_no_node_that_dmsetup_made_outlives_its_device() {
    let Some(scratch) = scratch() else { return };
    let _gone = Gone::new();
    let host = scratch.host();
    for suffix in NAMES {
        for mode in ["auto", "hex", "none"] {
            for is_renamed_first in [false, true] {
                let (human, _) = known(&scratch, suffix);
                let without_udev = |arguments: &[&str]| {
                    let mut program = Command::new("dmsetup");
                    program.args(["--manglename", mode]).args(arguments).env("DM_DISABLE_UDEV", "1");
                    assert!(program.output().unwrap().status.success(), "{mode} {suffix:?}");
                };
                without_udev(&["create", &human, "--table", TABLE]);
                assert_eq!(nodes(&scratch).len(), 1, "{mode} {suffix:?}");
                let list = scratch.dm().list_devices().unwrap();
                let is_ours = |name: &&DmName| name.as_bytes().starts_with(scratch.prefix().as_bytes());
                let device = list.iter().map(|device| device.unwrap().name).find(is_ours).unwrap();
                if is_renamed_first {
                    let new = scratch.name("new").unwrap();
                    host.rename(device, &new).unwrap();
                    assert_eq!(nodes(&scratch), [new.to_string()], "{mode} {suffix:?}");
                    host.remove_with(&new, PATIENTLY).unwrap();
                } else {
                    host.remove_with(device, PATIENTLY).unwrap();
                }
                assert_eq!(nodes(&scratch), [""; 0], "{mode} {suffix:?}");
            }
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_made_here_have_the_names_that_libdm_gives_them() {
    let Some(scratch) = scratch() else { return };
    let dev = tempfile::tempdir().unwrap();
    for (naming, file) in [(Naming::Auto, r"od\x20d"), (Naming::Hex, r"od\x20d"), (Naming::None, "od d")] {
        let udev = Udev::new(Strategy::MakeNodes).dev_dir(dev.path());
        let host = Host::new(scratch.dm().clone()).with_udev(udev).with_naming(naming);
        let (human, _) = known(&scratch, "od d");
        let number = host.create(&human, [zero()]).unwrap().number();
        let node = dev.path().join("mapper").join(format!("{}{file}", scratch.prefix()));
        assert!(is_device(&node, number), "{naming:?}: {}", node.display());
        assert_eq!(host.path(&human).unwrap(), node);
        host.remove_with(&human, PATIENTLY).unwrap();
        assert_eq!(fs::read_dir(dev.path().join("mapper")).unwrap().count(), 0);
    }
}
