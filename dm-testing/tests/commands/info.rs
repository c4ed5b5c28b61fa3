//! `device_info`, and `version`.

use std::process::Command;

use dm_testing::{Scratch, require};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_version_is_what_dmsetup_says() {
    let Some(scratch) = Scratch::new(&[require::program("dmsetup")]) else { return };
    let output = Command::new("dmsetup").arg("version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let driver = text.lines().find_map(|line| line.strip_prefix("Driver version:")).unwrap();
    assert_eq!(scratch.dm().version().unwrap().to_string(), driver.trim());
}
