//! `list_versions` and `target_version`.

use std::process::Command;

use dm_testing::{Scratch, require, wait_until};
use dm_units::Version;

use crate::support::SOON;

/// A target that no other test uses, so that its module can be unloaded.
const UNUSED: &str = "switch";

/// The version of a target among those that are loaded.
fn listed(scratch: &Scratch, target_type: &str) -> Option<Version> {
    let list = scratch.dm().list_versions().unwrap();
    let mut targets = list.iter().map(Result::unwrap);
    targets.find(|target| target.target_type == target_type).map(|target| target.version)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_loaded_target_is_listed_as_dmsetup_does() {
    let Some(scratch) = Scratch::new(&[require::program("dmsetup"), require::target("zero")]) else { return };
    let ours = || {
        let list = scratch.dm().list_versions().unwrap();
        let targets = list.iter().map(Result::unwrap);
        targets.map(|target| format!("{} v{}", target.target_type, target.version)).collect::<Vec<_>>()
    };
    let theirs = || {
        let output = Command::new("dmsetup").arg("targets").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    // Another test may load a target meanwhile.
    wait_until("the same list twice", SOON, || ours() == theirs()).unwrap();
    let found = ours();
    assert!(found.len() >= 4, "{found:?}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn asking_for_a_target_loads_it() {
    let needs = [require::interface(41), require::program("modprobe"), require::target(UNUSED)];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let unloaded = Command::new("modprobe").args(["-r", &format!("dm-{UNUSED}")]).output().unwrap();
    if !unloaded.status.success() {
        return require::skip(&format!("dm-{UNUSED} is not a module that can be unloaded"));
    }
    assert_eq!(listed(&scratch, UNUSED), None);
    let version = scratch.dm().target_version(UNUSED).unwrap();
    assert_eq!(listed(&scratch, UNUSED), Some(version));
}
