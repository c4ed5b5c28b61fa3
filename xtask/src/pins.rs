//! `cargo xtask pins`: the pinned versions of the guests' packages.

use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, Parser};

use crate::cli;
use crate::packages::pins;
use crate::workspace::Workspace;

/// Runs the task: lists or updates the pins.
///
/// # Errors
/// When there is no apt, or it cannot reach its sources.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let mut latest = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("latest") => latest = true,
            other => return Err(cli::unexpected(&other, "--latest")),
        }
    }
    let workspace = Workspace::find()?;
    if latest {
        pins::move_to_latest(&workspace.root, &workspace.guest_dir())?;
    } else {
        pins::list(&workspace.guest_dir())?.iter().for_each(|line| println!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}
