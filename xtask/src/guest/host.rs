//! The machine's own kernel, for those who ask for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

/// The words that make a command run as root.
pub(super) fn privilege() -> Vec<String> {
    if geteuid().is_root() { Vec::new() } else { vec!["sudo".to_owned()] }
}

/// Lets sudo ask for the password now: later it runs out of the terminal's sight.
fn authorise() -> Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    let status =
        Command::new("sudo").arg("--validate").status().context("cannot run sudo: install it or run as root")?;
    if !status.success() {
        bail!("sudo gives no root here");
    }
    Ok(())
}

/// The command that runs the jobs here, as root.
///
/// # Errors
/// When the job files cannot be written.
pub(super) fn command(files: &[(String, Vec<u8>)], folder: &Path) -> Result<Command> {
    authorise()?;
    fs::create_dir_all(folder.join("jobs"))?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut words = privilege().into_iter().chain(["sh".to_owned()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).arg(folder.join("jobs.sh")).arg(folder);
    Ok(command)
}
