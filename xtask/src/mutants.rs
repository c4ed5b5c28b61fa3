//! `cargo xtask mutants`: mutates changed code, and lists the mutations that no test on the host detects.
//!
//! `.cargo/mutants.toml` configures the mutations and the tests. Code that only root tests execute is reported as
//! missed; whether these detect a mutation must be tested by hand in a guest.

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use crate::cli;
use crate::say;
use crate::workspace::{Workspace, cargo};

const VALID: &str = "--since COMMIT, --all, -- ARGUMENT OF CARGO MUTANTS...";

/// Runs the task.
///
/// # Errors
/// When cargo-mutants or git is missing, or the commit does not exist.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut since, mut all, mut more) = ("HEAD~1".to_owned(), false, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("since") => since = parser.value()?.string()?,
            Arg::Long("all") => all = true,
            Arg::Value(word) => {
                more.push(word);
                more.extend(parser.raw_args()?);
            }
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    let probe = cargo().args(["mutants", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        bail!("cargo-mutants is not installed: cargo install --locked cargo-mutants");
    }
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("mutants");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut command = cargo();
    command.arg("mutants").arg("--output").arg(&folder).current_dir(&workspace.root);
    if !all {
        let diff = diff_since(&workspace, &since)?;
        if diff.is_empty() {
            say::note(&format!("nothing has changed since {since}"));
            return Ok(ExitCode::SUCCESS);
        }
        let file = folder.join("change.diff");
        fs::write(&file, diff).with_context(|| format!("cannot write {}", file.display()))?;
        command.arg("--in-diff").arg(file);
    }
    let status = command.args(more).status().context("cannot run cargo")?;
    say::note(&format!("the results are in {}", folder.join("mutants.out").display()));
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The changes since a commit, including uncommitted ones.
fn diff_since(workspace: &Workspace, commit: &str) -> Result<Vec<u8>> {
    let output = Command::new("git")
        .args(["diff", "--no-ext-diff", commit, "--"])
        .current_dir(&workspace.root)
        .output()
        .context("cannot run git: install it")?;
    if !output.status.success() {
        bail!("git cannot compare with {commit}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
