//! `cargo xtask demo`: shows the library at work on a real kernel.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};

use crate::cli;
use crate::guest::{self, Clock, Event, Limits, Live, Place, Setup};
use crate::needs;
use crate::programs::{self, Kind, Program};
use crate::say;
use crate::workspace::Workspace;

const VALID: &str = "names of tours, --list, --guest uml|qemu|all, --host, --timeout SECONDS";

/// Runs the task.
///
/// # Errors
/// When the demo cannot be built or run, or leaves something behind.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut places, mut limits) = (None, Limits::TESTS);
    let (mut tours, mut list) = (Vec::new(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("guest") => places = Some(cli::guests(parser)?),
            Arg::Long("host") => places = Some(vec![Place::Host]),
            Arg::Long("list") => list = true,
            Arg::Value(tour) => tours.push(tour),
            Arg::Long("timeout") => limits = cli::timeout(parser)?,
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    let workspace = Workspace::find()?;
    if list {
        return list_tours(&workspace);
    }
    let places = match places {
        Some(places) => {
            needs::check(&workspace, &places, false)?;
            places
        }
        None => default_places(&workspace)?,
    };
    if places.is_empty() {
        bail!("no guest supports this processor yet: use --host, on a machine whose data does not matter");
    }
    let demo = build(&workspace)?;
    for place in places {
        show(place, &workspace, &demo, &tours, limits)?;
    }
    needs::tell_disk_use(&workspace);
    Ok(ExitCode::SUCCESS)
}

fn build(workspace: &Workspace) -> Result<Program> {
    say::step("building the demo");
    let demo = programs::build(workspace, &["build", "--package", "dm-testing", "--example", "demo"], Kind::Example)?;
    demo.into_iter().next().context("the example demo was not built")
}

/// Prints the names of the tours, which needs no guest.
fn list_tours(workspace: &Workspace) -> Result<ExitCode> {
    let demo = build(workspace)?;
    let status = Command::new(&demo.path).arg("--list").status().context("cannot run the demo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The fastest guest that this machine can run. Its requirements are checked before it is tried.
fn default_places(workspace: &Workspace) -> Result<Vec<Place>> {
    for place in Place::guests() {
        if !place.is_obtainable(&workspace.guest_dir())? {
            continue;
        }
        needs::check(workspace, &[place], false)?;
        match place.obstacle(&workspace.guest_dir())? {
            None => return Ok(vec![place]),
            Some(obstacle) => say::note(&obstacle),
        }
    }
    Ok(Vec::new())
}

fn show(place: Place, workspace: &Workspace, demo: &Program, tours: &[OsString], limits: Limits) -> Result<()> {
    say::step(match place {
        Place::Host => "running on the kernel of this machine",
        Place::Uml | Place::Qemu => "starting a throw-away kernel, which cannot change this machine",
    });
    let setup = Setup { kernel: None, udev: true, interactive: false, clock: Clock::Time };
    let jobs = [demo.job(tours.iter().cloned())];
    let finished = guest::run(place, &workspace.guest_dir(), &setup, &jobs, limits, &mut |live| {
        let mut stdout = std::io::stdout().lock();
        // The run continues after the terminal is closed.
        let _ = match live {
            Live::Text(text) => stdout.write_all(text).and_then(|()| stdout.flush()),
            Live::Event(Event::Ready { release, uptime, .. }) => {
                say::note(&format!("Linux {release}, up for {uptime} s"));
                Ok(())
            }
            Live::Event(_) => Ok(()),
        };
    })?;
    let status = finished.good_status()?;
    if status != 0 {
        bail!("the demo ended with status {status}");
    }
    if !finished.leftovers().is_empty() {
        bail!("the demo left something behind");
    }
    Ok(())
}
