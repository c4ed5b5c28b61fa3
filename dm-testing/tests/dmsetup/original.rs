//! Debian's dmsetup.

use std::process::Command;

use dm_testing::{Scratch, require};

/// The path at which udev's rules and the scripts run it.
pub(crate) const ORIGINAL: &str = "/usr/sbin/dmsetup";

/// Runs it, and returns its output if it succeeds.
pub(crate) fn dmsetup(arguments: &[&str]) -> Option<String> {
    let output = Command::new("dmsetup").args(arguments).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// A scratch for a test that needs dmsetup and udev.
pub(crate) fn scratch() -> Option<Scratch> {
    Scratch::new(&[require::target("zero"), require::udev(), require::program("dmsetup")])
}
