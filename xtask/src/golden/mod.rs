//! `cargo xtask golden`: adds lines that kernels print to the golden lines of dm-targets.

mod merge;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};

use crate::cli;
use crate::guest::{Limits, Place};
use crate::say;
use crate::test_root::{self, Request};
use crate::workspace::{Workspace, cargo};

const VALID: &str = "--guest uml|qemu|all, --kernel DIR, --timeout SECONDS";

/// Runs the task.
///
/// # Errors
/// When a root test fails, or an added line does not print back.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut guests, mut kernel, mut limits) = (None, None, Limits::TESTS);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("guest") => guests = Some(cli::guests(parser)?),
            Arg::Long("kernel") => kernel = Some(cli::path(parser)?),
            Arg::Long("timeout") => limits = cli::timeout(parser)?,
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    let workspace = Workspace::find()?;
    let places = cli::places(guests, kernel.as_deref());
    let captured = workspace.guest_dir().join("golden");
    let _ = fs::remove_dir_all(&captured);
    let request = Request::capture(places.clone(), kernel, captured.clone(), limits);
    if !test_root::run_request(&workspace, &request)?.is_good(false) {
        bail!("nothing was added, since a test failed");
    }
    let golden = workspace.root.join("dm-targets/tests/golden");
    let mut added = 0_usize;
    for place in places {
        added = added.saturating_add(add(place, &captured.join(place.name()).join("golden"), &golden)?);
    }
    say::step(&format!("{added} golden lines were added"));
    check(&workspace)
}

/// Adds the lines captured in one place to the golden files. Returns the number of added lines.
fn add(place: Place, captured: &Path, golden: &Path) -> Result<usize> {
    let mut added = 0_usize;
    for path in text_files(captured)? {
        let name = path.strip_prefix(captured)?;
        let file = golden.join(name);
        let old = if file.exists() { read(&file)? } else { String::new() };
        let merged = merge::merge(&old, &read(&path)?).with_context(|| format!("{}", path.display()))?;
        if merged.added > 0 {
            say::note(&format!("{}: {} more in {}", place.name(), merged.added, name.display()));
            fs::write(&file, merged.text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        added = added.saturating_add(merged.added);
    }
    Ok(added)
}

/// The text files in a folder, by name.
fn text_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(text_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Checks with dm-targets that the lines print back, and writes the table in the README.
fn check(workspace: &Workspace) -> Result<ExitCode> {
    let status = cargo()
        .args(["test", "--package", "dm-targets", "--all-features", "--test", "texts"])
        .env("DM_UPDATE_README", "1")
        .current_dir(&workspace.root)
        .status()
        .context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
