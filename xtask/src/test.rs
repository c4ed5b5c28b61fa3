//! `cargo xtask test`: runs all checks that a change must pass.

use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, iter, thread};

use anyhow::{Context, Result, anyhow, bail};
use lexopt::{Arg, Parser};

use crate::api;
use crate::clang::Environment;
use crate::cli;
use crate::features;
use crate::fuzz;
use crate::guest::Limits;
use crate::msrv;
use crate::ordered_output::OrderedOutput;
use crate::say::{self, seconds};
use crate::static_build;
use crate::test_root::{Built, PlaceReport, Request, Summary};
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
    let mut steps = vec![
        step("format", || check_format(&workspace)),
        step("tidy", || if tidy::check(&workspace)? { Ok(None) } else { bail!("see the findings above") }),
    ];
    let mut summary = None;
    let request = Request::of_workspace(limits);
    let mut built = None;
    steps.push(step("build", || {
        built = Some(Built::new(&workspace, &request)?);
        Ok(None)
    }));
    match built {
        Some(built) => steps.extend(beside_the_guests(&workspace, built, &mut summary)),
        None => steps.extend(on_this_machine(&workspace)),
    }
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

/// The steps without a guest. None of them overwrites a program that runs in one.
fn on_this_machine(workspace: &Workspace) -> Vec<Step> {
    let lints = "clippy --workspace --all-targets --all-features -- -D warnings";
    let docs = "doc --workspace --no-deps --all-features";
    vec![
        step("lints", || run_cargo(workspace, lints, None)),
        step("docs", || run_cargo(workspace, docs, Some(("RUSTDOCFLAGS", "-D warnings")))),
        step("tests", || run_cargo(workspace, "test --workspace --all-features --no-fail-fast", None)),
        step("features", || features::check(workspace).map(|()| None)),
        step("static", || static_build::check(workspace).map(|()| None)),
        step("msrv", || msrv::check(workspace)),
        step("api", || api::check(workspace)),
        step("fuzzing", || fuzz::smoke(workspace)),
    ]
}

/// Runs the root tests in every guest, and the steps without a guest. Two of these run at the same time, since an
/// emulated guest uses only one processor. The output of the root tests is printed at the end.
fn beside_the_guests(workspace: &Workspace, built: Built<'_>, summary: &mut Option<Summary>) -> Vec<Step> {
    let (start, output) = (Instant::now(), OrderedOutput::new(built.places().len()));
    let waiting = Mutex::new(built.places().iter().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = |(index, place): (usize, &_)| (index, built.run_in(*place, workspace, &mut output.of(index)));
    let run_guests = || iter::from_fn(next).map(run).collect::<Vec<_>>();
    let (mut steps, mut reports) = thread::scope(|scope| {
        let beside = scope.spawn(run_guests);
        let steps = on_this_machine(workspace);
        say::step("root tests");
        output.open();
        let mut reports = run_guests();
        reports.extend(beside.join().unwrap_or_else(|_| vec![(0, Err(anyhow!("the task panicked")))]));
        (steps, reports)
    });
    reports.sort_by_key(|(index, _)| *index);
    let reports = reports.into_iter().map(|(_, report)| report).collect::<Result<Vec<_>>>();
    let outcome = outcome(reports.and_then(|reports| judge_root_tests(built, &reports, summary)));
    steps.push(Step { name: "root tests", outcome, time: start.elapsed() });
    steps
}

/// Runs one step; `work` returns the reason if it was skipped.
fn step(name: &'static str, work: impl FnOnce() -> Result<Option<String>>) -> Step {
    say::step(name);
    let start = Instant::now();
    let outcome = outcome(work());
    Step { name, outcome, time: start.elapsed() }
}

fn outcome(result: Result<Option<String>>) -> Outcome {
    match result {
        Ok(None) => Outcome::Passed,
        Ok(Some(reason)) => Outcome::Skipped(reason),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
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

/// Combines the results of the root tests. Each test must run in at least one guest, except those that only a left-out
/// guest can run.
fn judge_root_tests(
    built: Built<'_>,
    reports: &[PlaceReport],
    summary: &mut Option<Summary>,
) -> Result<Option<String>> {
    if !summary.insert(built.conclude(reports, &mut io::stdout())?).is_good(true) {
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
