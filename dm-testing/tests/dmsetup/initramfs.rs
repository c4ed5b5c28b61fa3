//! udev with rules that run the example, while libdevmapper and all programs that use it are hidden, as in an
//! initramfs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dm_core::paths::{is_device, mapper_path};
use dm_core::udev::cookies;
use dm_core::{DmName, ResumeOptions, UdevCookie, UdevFlags};
use dm_testing::{Scratch, require};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::daemon::Gone;
use crate::original::ORIGINAL;
use crate::support::{PATIENTLY, run, zero};
use crate::twin::example;

/// A file that cannot be executed or loaded until this is dropped.
struct Hidden(PathBuf);

impl Hidden {
    fn new(path: &Path) -> Self {
        mount(Some("/dev/null"), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        Self(path.to_owned())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).unwrap();
    }
}

/// The library, in all folders of the loader.
fn libraries() -> Vec<PathBuf> {
    let folders = fs::read_dir("/usr/lib").unwrap().filter_map(|folder| fs::read_dir(folder.unwrap().path()).ok());
    let files = folders.flatten().map(|file| file.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains("/libdevmapper.so.") && path.is_file()).collect()
}

/// Rules that replace those of Debian until this is dropped: the same ones, but they run the example.
struct Rules;

const OWN: &str = "/run/udev/rules.d";

/// The rules that read the flags of a cookie and name devices, and the one that completes a cookie.
const RULES: [&str; 2] = ["55-dm.rules", "95-dm-notify.rules"];

impl Rules {
    fn new() -> Self {
        let rules = Self;
        // The daemon reads them when it starts. It can ignore `udevadm control --reload`, which then succeeds all the
        // same: a message that is sent before the daemon accepts the connection has no sender.
        let _gone = Gone::new();
        fs::create_dir_all(OWN).unwrap();
        for name in RULES {
            let original = fs::read_to_string(Path::new("/usr/lib/udev/rules.d").join(name)).unwrap();
            assert!(original.contains("/sbin/dmsetup"), "{original}");
            let example = example();
            fs::write(Path::new(OWN).join(name), original.replace("/sbin/dmsetup", example.to_str().unwrap())).unwrap();
        }
        rules
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _gone = Gone::new();
        for name in RULES {
            let _ = fs::remove_file(Path::new(OWN).join(name));
        }
    }
}

/// The output of the example.
fn ours(arguments: &[&str]) -> String {
    let output = Command::new(example()).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn udev_completes_every_cookie_with_the_example_instead_of_dmsetup() {
    let needs = [require::target("zero"), require::udev(), require::program(ORIGINAL), require::throw_away_kernel()];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let host = scratch.host();
    let [ours_name, renamed, theirs, private] = ["a", "renamed", "b", "private"].map(|it| scratch.name(it).unwrap());
    let shown = |name: &DmName| ours(&["info", "-c", "--noheadings", "-o", "name,attr", &name.to_string()]);
    let _rules = Rules::new();
    let _hidden: Vec<_> =
        libraries().iter().chain([&fs::canonicalize(ORIGINAL).unwrap()]).map(|path| Hidden::new(path)).collect();
    assert!(!Command::new(ORIGINAL).arg("version").output().is_ok_and(|output| output.status.success()));

    // Each operation returns when udev has finished, and fails if udev has not.
    let number = host.create(&ours_name, [zero()]).unwrap().number();
    assert!(is_device(&mapper_path(&ours_name), number));
    host.rename(&ours_name, &renamed).unwrap();
    assert!(is_device(&mapper_path(&renamed), number) && mapper_path(&ours_name).symlink_metadata().is_err());

    // Several processes use one cookie, for which the last one waits.
    let cookie = ours(&["udevcreatecookie"]);
    let cookie = cookie.trim();
    ours(&["--udevcookie", cookie, "create", &theirs.to_string(), "--table", "0 64 zero"]);
    ours(&["--udevcookie", cookie, "remove", "--retry", &renamed.to_string()]);
    ours(&["udevreleasecookie", cookie]);
    assert_eq!(shown(&theirs), format!("{theirs}:L--w\n"));
    let info = host.info(&theirs).unwrap();
    assert!(is_device(&mapper_path(&theirs), info.number()) && mapper_path(&renamed).symlink_metadata().is_err());

    // The rules have read the flags, too.
    let properties = |number: dm_units::DeviceNumber| {
        let device = format!("--name=/dev/dm-{}", number.minor);
        let output = Command::new("udevadm").args(["info", "--query=property", &device]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let known = properties(info.number());
    assert!(known.contains("DM_UDEV_PRIMARY_SOURCE_FLAG=1") && known.contains("DM_ACTIVATION=1"), "{known}");
    scratch.dm().device_create(&private).unwrap();
    scratch.dm().table_load(&private, [zero()]).unwrap();
    let hidden = UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE | UdevFlags::DISABLE_OTHER_RULES);
    let number = scratch.dm().device_resume_with(&private, ResumeOptions::new().cookie(hidden)).unwrap().number();
    run("udevadm", &["settle"]);
    assert!(properties(number).contains("DM_UDEV_DISABLE_OTHER_RULES_FLAG=1"), "{}", properties(number));

    for name in [&theirs, &private] {
        host.remove_with(name, PATIENTLY).unwrap();
    }
    assert!(cookies().unwrap().is_empty());
}
