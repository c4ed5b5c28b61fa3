//! A process that outlives this one just long enough to end a guest that would be left running.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Waits for a word on its standard input. The end of the input instead means that this program is gone, however that
/// came about: then the guest's process group is killed and its folder removed.
const SCRIPT: &str = r#"read -r word; [ "$word" = done ] || { kill -s KILL -- "-$1"; sleep 0.1; rm -rf -- "$2"; }"#;

/// Guards one process group.
pub(super) struct Reaper(Child);

impl Reaper {
    /// Starts guarding; `prefix` runs the guard with the rights that killing takes.
    ///
    /// # Errors
    /// When the guard cannot be started.
    pub(super) fn start(prefix: &[String], group: u32, folder: &Path) -> Result<Self> {
        let mut words = prefix.iter().map(String::as_str).chain(["sh", "-c", SCRIPT, "reaper"]);
        let mut command = Command::new(words.next().unwrap_or("sh"));
        command.args(words).arg(group.to_string()).arg(folder);
        // In a group of its own, or Ctrl-C would end the guard too.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).spawn();
        Ok(Self(child.context("cannot run sh")?))
    }

    /// Stops guarding: the guest has ended by itself.
    pub(super) fn dismiss(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            let _ = input.write_all(b"done\n");
        }
        let _ = self.0.wait();
    }

    /// Kills the group now.
    pub(super) fn fire(mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
