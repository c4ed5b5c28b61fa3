//! A separate process that kills the guest if this program ends without doing so, for example because it is killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Waits for a word on its standard input. If the input ends first, because this program has ended or calls
/// [`fire`](Reaper::fire), it kills the guest's process group and removes the folder of the run.
const SCRIPT: &str = r#"read -r word; [ "$word" = done ] || { kill -s KILL -- "-$1"; sleep 0.1; rm -rf -- "$2"; }"#;

/// Watches one process group.
pub(super) struct Reaper(Child);

impl Reaper {
    /// Starts watching; `prefix` runs the watcher with the privileges to kill the group.
    ///
    /// # Errors
    /// When the watcher cannot be started.
    pub(super) fn start(prefix: &[String], group: u32, folder: &Path) -> Result<Self> {
        let mut words = prefix.iter().map(String::as_str).chain(["sh", "-c", SCRIPT, "reaper"]);
        let mut command = Command::new(words.next().unwrap_or("sh"));
        command.args(words).arg(group.to_string()).arg(folder);
        // In a separate process group, since Ctrl-C would otherwise end the watcher too.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).spawn();
        Ok(Self(child.context("cannot run sh")?))
    }

    /// Stops watching after the guest has ended.
    pub(super) fn dismiss(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            let _ = input.write_all(b"done\n");
        }
        let _ = self.0.wait();
    }

    /// Kills the group now, and waits until the folder of the run was removed.
    pub(super) fn fire(mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
