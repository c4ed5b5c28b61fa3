//! Runs on the kernel of this machine, on request.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

/// The words before a command that run it as root.
pub(super) fn privilege() -> Vec<String> {
    if geteuid().is_root() { Vec::new() } else { vec!["sudo".to_owned()] }
}

/// Makes sudo ask for the password now: later its prompt would not be visible.
fn authorise() -> Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    let status =
        Command::new("sudo").arg("--validate").status().context("cannot run sudo: install it or run as root")?;
    if !status.success() {
        bail!("sudo does not allow commands as root here");
    }
    Ok(())
}

/// The command that runs the jobs on this machine as root.
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
