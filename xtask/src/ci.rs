//! `cargo xtask ci`: runs the checks of continuous integration on this machine.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Parser;

use crate::cli;
use crate::say;
use crate::workspace::Workspace;

/// Runs the task: `.ci/run` in a clean clone of the last commit.
///
/// # Errors
/// When the clone cannot be made, or bash cannot be run.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    cli::no_arguments(parser)?;
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("ci");
    let _ = fs::remove_dir_all(&folder);
    say::step(&format!("cloning the last commit into {}", folder.display()));
    let cloned = Command::new("git")
        .args(["clone", "--quiet", "--no-hardlinks"])
        .args([&workspace.root, &folder])
        .status()
        .context("cannot run git: install it")?;
    if !cloned.success() {
        bail!("git cannot clone {}", workspace.root.display());
    }
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(&folder)
        .env_remove("CARGO_TARGET_DIR")
        .env("CI", "true")
        .status()
        .context("cannot run bash: install it")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
