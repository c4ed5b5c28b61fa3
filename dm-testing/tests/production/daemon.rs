//! Faults of the udev daemon and the system, which end with the test.

use std::fs;
use std::path::Path;
use std::process::Command;

use dm_testing::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{SOON, run, settle};

/// The daemon's process; its children have another name.
fn daemon() -> Pid {
    let is_daemon = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "systemd-udevd")
    };
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let mut pids = names.filter_map(|name| name.to_str()?.parse().ok());
    Pid::from_raw(pids.find(is_daemon).unwrap())
}

/// Stops the daemon until this is dropped.
pub(crate) struct Stopped(Pid);

impl Stopped {
    pub(crate) fn new() -> Self {
        settle();
        let daemon = daemon();
        kill(daemon, Signal::SIGSTOP).unwrap();
        let stopped = Self(daemon);
        let stat = format!("/proc/{daemon}/stat");
        let is_stopped = || fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T "));
        wait_until("udev to stop", SOON, is_stopped).unwrap();
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGCONT).unwrap();
    }
}

/// Ends the daemon until this is dropped.
pub(crate) struct Gone;

impl Gone {
    pub(crate) fn new() -> Self {
        settle();
        let daemon = daemon();
        kill(daemon, Signal::SIGKILL).unwrap();
        let gone = Self;
        wait_until("udev to end", SOON, || !Path::new(&format!("/proc/{daemon}")).exists()).unwrap();
        gone
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        run("/lib/systemd/systemd-udevd", &["--daemon"]);
        let answers = || Command::new("udevadm").args(["control", "--ping"]).status().unwrap().success();
        wait_until("udev to answer", SOON, answers).unwrap();
    }
}

/// Lets no process create semaphores until this is dropped.
pub(crate) struct FewSemaphores(String);

const LIMITS: &str = "/proc/sys/kernel/sem";

impl FewSemaphores {
    pub(crate) fn new() -> Self {
        let limits = fs::read_to_string(LIMITS).unwrap();
        // The last of the four numbers is the maximum number of sets.
        let words: Vec<_> = limits.split_whitespace().take(3).chain(["0"]).collect();
        fs::write(LIMITS, words.join(" ")).unwrap();
        Self(limits)
    }
}

impl Drop for FewSemaphores {
    fn drop(&mut self) {
        fs::write(LIMITS, &self.0).unwrap();
    }
}
