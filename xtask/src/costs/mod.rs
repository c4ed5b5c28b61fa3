//! `cargo xtask costs`: counts the instructions of dm-core's calls, and compares them with limits.
//!
//! By default only the part in user space is counted, which takes seconds on any machine. With `--whole` the kernel's
//! part and complete operations are counted, and compared with the same calls by hand and through libdm.

mod chart;
mod limits;
mod peers;
mod table;
mod user;
mod whole;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::cli;
use crate::say;
use crate::workspace::{Workspace, cargo};

/// Runs the task.
///
/// # Errors
/// When a program for counting is missing, or the example cannot be built or run.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut is_whole, mut limits, mut names, mut chart) = (false, whole::LIMITS, Vec::new(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("whole") => is_whole = true,
            Arg::Long("timeout") => limits = cli::timeout(parser)?,
            Arg::Long("chart") if is_whole => chart = Some(cli::path(parser)?),
            Arg::Value(name) if is_whole => names.push(name.string()?),
            other => return Err(cli::unexpected(&other, "--whole [CALL...] [--chart FILE], --timeout SECONDS")),
        }
    }
    let workspace = Workspace::find()?;
    let good =
        if is_whole { whole::run(&workspace, limits, &names, chart.as_deref())? } else { user::run(&workspace)? };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the example that makes the calls, and returns its path.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    say::step("building the example costs of dm-core");
    let status = cargo()
        .args(["build", "--release", "--package", "dm-core", "--example", "costs", "--target-dir"])
        .arg(&workspace.target)
        .current_dir(&workspace.root)
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the example costs of dm-core does not build");
    }
    Ok(workspace.target.join("release/examples/costs"))
}

/// A number with its digits in groups of three: `8 553 987`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 14_000_000].map(grouped), ["0", "999", "1 000", "14 000 000"]);
    }
}
