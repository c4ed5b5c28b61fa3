//! The files for the guest's scripts: shell assignments, the scripts and the jobs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use super::job::{Job, assignment};
use super::protocol::Mark;

/// The first script, in the initramfs.
pub(super) const INIT: &str = include_str!("init.sh");
/// Continues in the guest's final tree.
pub(super) const BOOT: &str = include_str!("boot.sh");
/// Runs the jobs.
pub(super) const JOBS: &str = include_str!("jobs.sh");

/// Folders of system programs, which a user's search path may not contain.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables for the scripts.
pub(super) struct Settings(Vec<u8>);

impl Settings {
    /// The variables that `jobs.sh` needs.
    pub(super) fn new(mark: &Mark, scratch: &Path, throw_away: bool) -> Self {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":");
        path.push(SYSTEM_PATH);
        let mut settings = Self(Vec::new());
        settings.set("mark", mark.to_string());
        settings.set("scratch", scratch);
        settings.set("throw_away", yes_or_no(throw_away));
        settings.set("interactive", yes_or_no(false));
        settings.set("PATH", path);
        settings
    }

    /// Sets a variable, and overrides an earlier value.
    pub(super) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.0.extend(assignment(OsStr::new(name), value.as_ref()));
    }

    /// The files in the folder for `jobs.sh`, by name.
    pub(super) fn files(&self, jobs: &[Job]) -> Vec<(String, Vec<u8>)> {
        let scripts = jobs.iter().enumerate().map(|(index, job)| (format!("jobs/{index:03}"), job.script()));
        let own = [("settings".to_owned(), self.0.clone()), ("jobs.sh".to_owned(), JOBS.into())];
        own.into_iter().chain(scripts).collect()
    }
}

/// The rows and columns of the terminal. Without unsafe code, only `stty` reports them.
pub(super) fn terminal_size() -> (String, String) {
    let output = Command::new("stty").arg("size").stdin(Stdio::inherit()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    match text.trim().split_once(' ') {
        Some((rows, columns)) if rows != "0" && columns != "0" => (rows.to_owned(), columns.to_owned()),
        _ => ("24".to_owned(), "80".to_owned()),
    }
}

/// A boolean as the scripts expect it.
pub(super) fn yes_or_no(value: bool) -> OsString {
    if value { "yes".into() } else { "no".into() }
}
