//! Scripts that the original and the example execute one after the other, with the same results.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dm_core::udev::cookies;
use dm_core::{Dm, DmName, StatusOptions};
use dm_testing::{Scratch, require, wait_until};
use dm_units::DeviceNumber;

use crate::daemon::Gone;
use crate::original::ORIGINAL;
use crate::support::SOON;

/// The output and the status of a command, and the devices and nodes afterwards.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    printed: String,
    code: Option<i32>,
    devices: Vec<String>,
    nodes: BTreeMap<String, Node>,
    cookies: usize,
}

/// The commands of a script, one per line, in which `dmsetup` is the original or the example.
fn commands(script: &str) -> impl Iterator<Item = &str> {
    script.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Runs a script with the original or the example.
fn run(dm: &Dm, program: &Path, script: &str, variables: &[(&str, &str)]) -> Vec<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let script = format!("dmsetup() {{ \"$DMSETUP\" \"$@\"; }}\n{line}\n");
        let mut shell = Command::new("sh");
        let output = shell
            .args(["-c", &script])
            .env("DMSETUP", program)
            .envs(variables.iter().copied())
            .current_dir(folder.path())
            .output()
            .unwrap();
        let (devices, nodes) = (devices(dm), nodes());
        let printed = without_cookies(&String::from_utf8_lossy(&output.stdout));
        Outcome { printed, code: output.status.code(), devices, nodes, cookies: cookies().unwrap().len() }
    };
    let outcomes = commands(script).map(run).collect();
    // Numbers become free a moment after the names.
    let is_free =
        || fs::read_dir("/sys/block").unwrap().all(|entry| !is_mapped(&entry.unwrap().file_name().to_string_lossy()));
    wait_until("all devices to be gone", SOON, is_free).unwrap();
    outcomes
}

fn is_mapped(name: &str) -> bool {
    name.starts_with("dm-")
}

/// Removes the numbers of cookies, which are random.
fn without_cookies(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| match word.get(..5) {
        Some("0x0D4" | "0xd4d") => "COOKIE\n",
        _ => word,
    });
    words.collect()
}

/// The devices with their numbers, flags and tables.
fn devices(dm: &Dm) -> Vec<String> {
    let list = dm.list_devices().unwrap();
    let describe = |name: &DmName| {
        let table = dm.table_status_with(name, StatusOptions::table()).unwrap();
        let info = table.info();
        let lines: Vec<_> = table.iter().map(|line| line.unwrap().to_string()).collect();
        let (number, uuid, flags) = (info.number(), info.uuid(), info.flags());
        format!("{name:?} {number} {uuid:?} {flags:?} {lines:?}")
    };
    list.iter().map(|device| describe(device.unwrap().name)).collect()
}

/// A file in `/dev/mapper`: the device that the node or the link leads to, and its kind, mode, owner and group.
type Node = (Option<DeviceNumber>, u32, u32, u32);

fn nodes() -> BTreeMap<String, Node> {
    let entries = fs::read_dir("/dev/mapper").unwrap().map(|entry| entry.unwrap());
    let entries = entries.map(|entry| {
        let number = fs::metadata(entry.path()).ok().map(|metadata| DeviceNumber::from_dev_t(metadata.rdev()));
        let own = fs::symlink_metadata(entry.path()).unwrap();
        (entry.file_name().to_string_lossy().into_owned(), (number, own.mode(), own.uid(), own.gid()))
    });
    entries.filter(|(name, _)| name != "control" && name != WITHOUT_TABLE).collect()
}

/// The example, which cargo builds in the folder of the tests.
pub(crate) fn example() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/dmsetup")
}

/// The device without a table: libdm sometimes makes a node for it, which cannot be opened and is not removed with the
/// device.
const WITHOUT_TABLE: &str = "pd";

/// The devices that a failed script leaves behind.
const NAMES: [&str; 15] =
    ["pa", "pb", "pc", "pd", "pe", "pf", "pg", "ph", "pi", "pk", "pz", r"od\x20d", r"a\x20b", "od d", "vg-lv--x"];

fn compare(scratch: &Scratch, script: &str, variables: &[(&str, &str)]) {
    for name in NAMES {
        let _ = fs::remove_file(Path::new("/dev/mapper").join(name));
    }
    for name in NAMES {
        scratch.track(DmName::new(name).unwrap());
    }
    let original = run(scratch.dm(), Path::new(ORIGINAL), script, variables);
    let ours = run(scratch.dm(), &example(), script, variables);
    let mut differences = String::new();
    for ((line, original), ours) in commands(script).zip(&original).zip(&ours) {
        if original != ours {
            differences += &format!("{line}\n  dmsetup: {original:#?}\n  example: {ours:#?}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

fn scratch() -> Option<Scratch> {
    let targets = ["zero", "error", "linear"].map(require::target);
    // Earlier interfaces list devices in no order, and make the block device of one without a table.
    let others = [require::interface(45), require::udev(), require::program(ORIGINAL), require::throw_away_kernel()];
    Scratch::new(&targets.into_iter().chain(others).collect::<Vec<_>>())
}

fn compare_with_udev(script: &str) {
    let Some(scratch) = scratch() else { return };
    compare(&scratch, script, &[]);
}

fn compare_without_udev(script: &str) {
    let Some(scratch) = scratch() else { return };
    let _gone = Gone::new();
    // Without this variable, libdm leaves nodes to udev even if udev does not run.
    compare(&scratch, script, &[("DM_DISABLE_UDEV", "1")]);
}

/// One test for each script and variant, so that each test is short.
macro_rules! tests {
    ($($name:ident: $compare:ident($script:literal);)+) => {$(
        #[test]
        #[ignore = "needs root and device mapper: cargo xtask test-root"]
        fn $name() {
            $compare(include_str!($script));
        }
    )+};
}

tests! {
    it_makes_the_same_devices: compare_with_udev("scripts/create.sh");
    it_makes_the_same_devices_without_udev: compare_without_udev("scripts/create.sh");
    it_prints_the_same_of_devices: compare_with_udev("scripts/show.sh");
    it_prints_the_same_of_tables: compare_with_udev("scripts/tables.sh");
    it_prints_the_same_reports: compare_with_udev("scripts/reports.sh");
    it_prints_the_same_reports_without_udev: compare_without_udev("scripts/reports.sh");
    it_takes_the_same_options: compare_with_udev("scripts/options.sh");
    it_mangles_the_same_names: compare_with_udev("scripts/mangle.sh");
    it_mangles_the_same_names_without_udev: compare_without_udev("scripts/mangle.sh");
    it_keeps_the_same_statistics: compare_with_udev("scripts/stats.sh");
    it_changes_devices_alike: compare_with_udev("scripts/change.sh");
    it_changes_devices_alike_without_udev: compare_without_udev("scripts/change.sh");
    it_removes_devices_alike: compare_with_udev("scripts/remove.sh");
    it_removes_devices_alike_without_udev: compare_without_udev("scripts/remove.sh");
    it_counts_cookies_alike: compare_with_udev("scripts/cookies.sh");
}
