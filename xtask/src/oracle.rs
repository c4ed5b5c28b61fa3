//! `cargo xtask oracle`: compares dm-targets with the kernel on random tables of every target.
//!
//! The test `oracle` of dm-testing compares them; a short run of it is one of the root tests. This task sets the time,
//! the seed and the target.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use lexopt::{Arg, Parser, ValueExt};

use crate::cli;
use crate::guest::{Limits, Place};
use crate::test_root::{self, Request};
use crate::workspace::Workspace;

const VALID: &str = "--seconds SECONDS, --seed SEED, --target TYPE, --guest uml|qemu|all, --host, --kernel DIR";

/// The time for each place.
const SECONDS: u64 = 60;

/// Further time during which a guest may be silent: for setup and clean-up.
const AROUND: u64 = 180;

/// Runs the task.
///
/// # Errors
/// When the test cannot be built or a guest cannot be set up.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut asked, mut kernel, mut seconds) = (None, None, SECONDS);
    let mut variables: Vec<(String, OsString)> = Vec::new();
    while let Some(argument) = parser.next()? {
        let mut set = |name: &str, value: OsString| variables.push((name.to_owned(), value));
        match argument {
            Arg::Long("seconds") => seconds = parser.value()?.parse()?,
            Arg::Long("seed") => set("DM_TESTING_ORACLE_SEED", parser.value()?.parse::<u64>()?.to_string().into()),
            Arg::Long("target") => set("DM_TESTING_ORACLE_TARGET", parser.value()?),
            Arg::Long("guest") => asked = Some(cli::guests(parser)?),
            Arg::Long("host") => asked = Some(vec![Place::Host]),
            Arg::Long("kernel") => kernel = Some(cli::path(parser)?),
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    variables.push(("DM_TESTING_ORACLE_SECONDS".to_owned(), seconds.to_string().into()));
    let places = cli::places(asked, kernel.as_deref());
    let limits = Limits::both(Duration::from_secs(seconds.saturating_add(AROUND)));
    let request = Request::shown(places, kernel, "oracle", variables, limits);
    let summary = test_root::run_request(&Workspace::find()?, &request)?;
    Ok(if summary.is_good(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
