//! `cargo xtask test`: runs all checks that a change must pass.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};

use crate::api;
use crate::clang::Environment;
use crate::cli;
use crate::features;
use crate::fuzz;
use crate::guest::Limits;
use crate::msrv;
use crate::say::{self, seconds};
use crate::static_build;
use crate::test_root::{self, Summary};
use crate::tidy;
use crate::workspace::{Workspace, cargo};

/// The result of a step.
enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

/// A completed step.
struct Step {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

/// Runs the task.
///
/// # Errors
/// When the workspace cannot be read. Later failures are part of the printed table.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut skips_are_failures, mut limits) = (false, Limits::TESTS);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("no-skips") => skips_are_failures = true,
            Arg::Long("timeout") => limits = cli::timeout(parser)?,
            other => return Err(cli::unexpected(&other, "--no-skips, --timeout SECONDS")),
        }
    }
    let workspace = Workspace::find()?;
    let mut steps = Vec::new();
    steps.push(step("format", || check_format(&workspace)));
    for (name, arguments, variable) in [
        ("lints", "clippy --workspace --all-targets --all-features -- -D warnings", None),
        ("docs", "doc --workspace --no-deps --all-features", Some(("RUSTDOCFLAGS", "-D warnings"))),
    ] {
        steps.push(step(name, || run_cargo(&workspace, arguments, variable)));
    }
    steps.push(step("tidy", || if tidy::check(&workspace)? { Ok(None) } else { bail!("see the findings above") }));
    steps.push(step("tests", || run_cargo(&workspace, "test --workspace --all-features", None)));
    steps.push(step("features", || features::check(&workspace).map(|()| None)));
    steps.push(step("static", || static_build::check(&workspace).map(|()| None)));
    steps.push(step("msrv", || msrv::check(&workspace)));
    steps.push(step("api", || api::check(&workspace)));
    steps.push(step("fuzzing", || fuzz::smoke(&workspace)));
    let mut summary = None;
    steps.push(step("root tests", || run_root_tests(&workspace, limits, &mut summary)));
    print!("\n{}", table(&steps));
    let summary = summary.unwrap_or_else(Summary::failure);
    summary.left_out().iter().for_each(|place| println!("{place}"));
    println!("{}", summary.numbers());
    let failed = steps.iter().any(|step| match step.outcome {
        Outcome::Passed => false,
        Outcome::Skipped(_) => skips_are_failures,
        Outcome::Failed(_) => true,
    });
    if skips_are_failures && steps.iter().any(|step| matches!(step.outcome, Outcome::Skipped(_))) {
        println!("with --no-skips, a skipped step is a failure");
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs one step; `work` returns the reason if it was skipped.
fn step(name: &'static str, work: impl FnOnce() -> Result<Option<String>>) -> Step {
    say::step(name);
    let start = Instant::now();
    let outcome = match work() {
        Ok(None) => Outcome::Passed,
        Ok(Some(reason)) => Outcome::Skipped(reason),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    };
    Step { name, outcome, time: start.elapsed() }
}

/// Checks the format of all files, including those whose module a macro declares, which `cargo fmt` does not find.
fn check_format(workspace: &Workspace) -> Result<Option<String>> {
    let files = tidy::files(workspace)?;
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024"]).args(files.iter().filter(|file| file.ends_with(".rs")));
    rustfmt.current_dir(&workspace.root);
    if !rustfmt.status().context("cannot run rustfmt")?.success() {
        bail!("some files are not formatted: rustfmt --edition 2024 $(git ls-files '*.rs')");
    }
    Ok(None)
}

/// Runs cargo so that it finds libclang.
fn run_cargo(workspace: &Workspace, arguments: &str, variable: Option<(&str, &str)>) -> Result<Option<String>> {
    let mut command: Command = cargo();
    Environment::find(&workspace.guest_dir())?.apply(&mut command);
    command.args(arguments.split(' ')).envs(variable).current_dir(&workspace.root);
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo {arguments} failed");
    }
    Ok(None)
}

/// Runs the root tests in every guest. Each test must run in at least one.
fn run_root_tests(workspace: &Workspace, limits: Limits, summary: &mut Option<Summary>) -> Result<Option<String>> {
    let found = summary.insert(test_root::run_request(workspace, &test_root::Request::within(limits))?);
    if !found.is_good(true) {
        bail!("see the failures and skips above");
    }
    Ok(None)
}

/// The results of all steps.
fn table(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let (word, detail) = match &step.outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Skipped(reason) => ("skipped", reason.as_str()),
            Outcome::Failed(reason) => ("FAILED", reason.as_str()),
        };
        let line = format!("{:<12} {word:<8} {:>8}  {detail}", step.name, seconds(step.time));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
