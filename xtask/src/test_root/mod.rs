//! `cargo xtask test-root`: runs the tests that need root and a device mapper.

mod judge;
mod libtest;
mod summary;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt};

pub(crate) use summary::Summary;

use crate::cli;
use crate::guest::{self, Clock, Event, Finished, Job, Limits, Live, Place, Setup};
use crate::needs;
use crate::platforms;
use crate::programs::{self, Kind, Program};
use crate::say;
use crate::workspace::Workspace;
use judge::judge;
pub(crate) use summary::PlaceReport;

const VALID: &str =
    "--guest uml|qemu|all, --host, --i686, --kernel DIR, -p PACKAGE, --test NAME, --timeout SECONDS, -- FILTER...";

/// The variable that makes the tests of targets store the lines that kernels print, and their folder in
/// `DM_TESTING_DIR`.
const GOLDEN: (&str, &str) = ("DM_TESTING_GOLDEN", "golden");

/// The package whose tests need root.
const PACKAGE: &str = "dm-testing";

/// The error for a throw-away kernel in which nothing can be tested.
const NO_DEVICE_MAPPER: &str = "the kernel lists no device mapper in /proc/misc and /proc/devices: use one with dm-mod";

/// The tests to run, and the places.
#[derive(Debug)]
pub(crate) struct Request {
    /// The places to run them in.
    places: Vec<Place>,
    /// Whether a test that is skipped everywhere is a failure.
    strict: bool,
    /// Whether the whole workspace is built, and not only the programs that are run.
    is_of_workspace: bool,
    kernel: Option<PathBuf>,
    /// Whether the tests are programs of 32 bits.
    is_32_bit: bool,
    packages: Vec<String>,
    /// The files in `tests` to run; empty for all.
    tests: Vec<String>,
    /// The folder for the captured lines of each place, if they are requested.
    capture: Option<PathBuf>,
    /// Variables of the tests' environment.
    variables: Vec<(String, OsString)>,
    filter: Vec<OsString>,
    limits: Limits,
}

impl Request {
    /// All root tests in all guests, built together with `cargo test` in the whole workspace.
    pub(crate) fn of_workspace(limits: Limits) -> Self {
        Self { limits, is_of_workspace: true, ..Self::all() }
    }

    /// All root tests in all guests.
    fn all() -> Self {
        Self {
            places: Place::guests(),
            strict: true,
            is_of_workspace: false,
            kernel: None,
            is_32_bit: false,
            packages: Vec::new(),
            tests: Vec::new(),
            capture: None,
            variables: Vec::new(),
            filter: Vec::new(),
            limits: Limits::TESTS,
        }
    }

    /// The root tests of targets, which store the lines that kernels print in a folder per place.
    pub(crate) fn capture(places: Vec<Place>, kernel: Option<PathBuf>, folder: PathBuf, limits: Limits) -> Self {
        let variables = vec![(GOLDEN.0.to_owned(), GOLDEN.1.into())];
        let tests = vec!["targets".to_owned()];
        Self { places, kernel, tests, capture: Some(folder), variables, limits, ..Self::all() }
    }

    /// The root tests of some files, or of all, on one kernel in QEMU.
    pub(crate) fn on_kernel(kernel: PathBuf, tests: Vec<String>, filter: Vec<OsString>, limits: Limits) -> Self {
        Self { places: vec![Place::Qemu], kernel: Some(kernel), tests, filter, limits, ..Self::all() }
    }

    /// The tests of one file, which show what they print.
    pub(crate) fn shown(
        places: Vec<Place>,
        kernel: Option<PathBuf>,
        test: &str,
        mut variables: Vec<(String, OsString)>,
        limits: Limits,
    ) -> Self {
        variables.push(("RUST_TEST_NOCAPTURE".to_owned(), "1".into()));
        Self { places, kernel, tests: vec![test.to_owned()], variables, limits, ..Self::all() }
    }

    fn parse(parser: &mut Parser) -> Result<Self> {
        let mut request = Self::all();
        let mut asked = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("guest") => asked = Some(cli::guests(parser)?),
                Arg::Long("host") => asked = Some(vec![Place::Host]),
                Arg::Long("i686") => request.is_32_bit = true,
                Arg::Long("kernel") => request.kernel = Some(cli::path(parser)?),
                Arg::Long("timeout") => request.limits = cli::timeout(parser)?,
                Arg::Short('p') | Arg::Long("package") => request.packages.push(parser.value()?.string()?),
                Arg::Long("test") => request.tests.push(parser.value()?.string()?),
                Arg::Value(word) => {
                    request.filter.push(word);
                    request.filter.extend(parser.raw_args()?);
                }
                other => return Err(cli::unexpected(&other, VALID)),
            }
        }
        // User Mode Linux runs no program of 32 bits.
        let asked = if request.is_32_bit { asked.or(Some(vec![Place::Qemu])) } else { asked };
        request.places = cli::places(asked, request.kernel.as_deref());
        request.strict = request.places.len() > 1;
        Ok(request)
    }
}

/// The test programs of dm-testing whose tests all run on the kernel in memory, without root.
pub(crate) const IN_MEMORY: [&str; 5] = ["memory", "memory_targets", "monitor", "stats", "undo"];

/// Runs the task.
///
/// # Errors
/// When the tests cannot be built or a guest cannot be set up.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let request = Request::parse(parser)?;
    let summary = run_request(&Workspace::find()?, &request)?;
    Ok(if summary.is_good(request.strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the tests, runs them in each place and prints the results.
///
/// # Errors
/// When the tests cannot be built or a guest cannot be set up.
pub(crate) fn run_request(workspace: &Workspace, request: &Request) -> Result<Summary> {
    Built::new(workspace, request)?.run(workspace, &mut io::stdout())
}

/// The root tests of a request, ready to run.
pub(crate) struct Built<'a> {
    request: &'a Request,
    places: Vec<Place>,
    left_out: Vec<String>,
    programs: Vec<Program>,
}

impl<'a> Built<'a> {
    /// Determines the places that can run the tests, and builds them.
    ///
    /// # Errors
    /// When the tests cannot be built, or no place can run them.
    pub(crate) fn new(workspace: &Workspace, request: &'a Request) -> Result<Self> {
        if request.places.is_empty() {
            bail!("no guest supports this processor yet: use --host, on a machine whose data does not matter");
        }
        let (places, left_out) = able(request, workspace)?;
        let mut programs = build(workspace, request)?;
        programs.retain(|program| !IN_MEMORY.contains(&program.name.as_str()));
        Ok(Self { request, places, left_out, programs })
    }

    /// The places that can run them.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Runs them in each place, one after the other, and writes the results.
    ///
    /// # Errors
    /// When a guest cannot be set up, or the results cannot be written.
    pub(crate) fn run(self, workspace: &Workspace, out: &mut dyn Write) -> Result<Summary> {
        let reports = self.places.iter().map(|place| self.run_in(*place, workspace, out));
        let reports = reports.collect::<Result<Vec<_>>>()?;
        self.conclude(&reports, out)
    }

    /// Runs them in one place.
    ///
    /// # Errors
    /// When the guest cannot be set up.
    pub(crate) fn run_in(&self, place: Place, workspace: &Workspace, out: &mut dyn Write) -> Result<PlaceReport> {
        run_in(place, workspace, self.request, &self.programs, out)
    }

    /// Combines the reports of all places and writes the results.
    ///
    /// # Errors
    /// When the results cannot be written.
    pub(crate) fn conclude(self, reports: &[PlaceReport], out: &mut dyn Write) -> Result<Summary> {
        writeln!(out)?;
        for report in reports {
            write!(out, "{}", report.text())?;
        }
        let summary = Summary::new(reports, self.left_out);
        write!(out, "{}", summary.text())?;
        Ok(summary)
    }
}

/// Builds the test programs of a request, and the examples that some of them run from the folder where cargo puts them.
fn build(workspace: &Workspace, request: &Request) -> Result<Vec<Program>> {
    if request.is_of_workspace {
        say::step("building all tests");
        let programs = programs::build(workspace, &["test", "--no-run", "--workspace", "--all-features"], Kind::Test)?;
        let folder = workspace.root.join(PACKAGE);
        return Ok(programs.into_iter().filter(|program| program.is_of(&folder)).collect());
    }
    let default = [PACKAGE.to_owned()];
    let packages = if request.packages.is_empty() { &default } else { request.packages.as_slice() };
    say::step(&format!("building the root tests of {}", packages.join(", ")));
    let package_words = packages.iter().flat_map(|package| ["--package", package]);
    let test_words = request.tests.iter().flat_map(|test| ["--test", test]);
    let words: Vec<_> =
        ["test", "--no-run", "--all-features"].into_iter().chain(package_words).chain(test_words).collect();
    let build = |words: &[&str], kind| {
        if request.is_32_bit {
            platforms::build_i686(workspace, words, kind)
        } else {
            programs::build(workspace, words, kind)
        }
    };
    let programs = build(&words, Kind::Test)?;
    build(&["build", "--package", "dm-core", "--package", PACKAGE, "--examples"], Kind::Example)?;
    Ok(programs)
}

/// The places of a request that this machine can run, and the reasons for the others. A single requested place is
/// always tried.
fn able(request: &Request, workspace: &Workspace) -> Result<(Vec<Place>, Vec<String>)> {
    let mut obtainable = Vec::new();
    for place in &request.places {
        if place.is_obtainable(&workspace.guest_dir())? {
            obtainable.push(*place);
        }
    }
    needs::check(workspace, &obtainable, request.kernel.is_some())?;
    let (mut able, mut left_out) = (Vec::new(), Vec::new());
    for place in &request.places {
        let obstacle = match request.places.len() {
            1 => None,
            _ if !obtainable.contains(place) => Some("this distribution has no package for it".to_owned()),
            _ => place.obstacle(&workspace.guest_dir())?,
        };
        match obstacle {
            None => able.push(*place),
            Some(obstacle) => left_out.push(format!("{} is left out: {obstacle}", place.name())),
        }
    }
    left_out.iter().for_each(|text| say::note(text));
    Ok((able, left_out))
}

/// Runs every program in one place, in one boot.
fn run_in(
    place: Place,
    workspace: &Workspace,
    request: &Request,
    programs: &[Program],
    out: &mut dyn Write,
) -> Result<PlaceReport> {
    let start = Instant::now();
    say::step(&format!("running {} test programs: {}", programs.len(), place.name()));
    let arguments = || ["--ignored", "--test-threads=1"].map(Into::into).into_iter().chain(request.filter.clone());
    let mut jobs: Vec<Job> = programs.iter().map(|program| program.job(arguments())).collect();
    jobs.iter_mut().for_each(|job| job.variables.extend(request.variables.clone()));
    let setup = Setup { kernel: request.kernel.clone(), udev: true, interactive: false, clock: Clock::Time };
    let finished = guest::run(place, &workspace.guest_dir(), &setup, &jobs, request.limits, &mut |live| {
        // The tests continue after the terminal is closed.
        let _ = show(live, place, programs, start, out);
    })?;
    let filtered = !request.filter.is_empty();
    let report = |(index, program): (usize, &Program)| report_of(&finished, index, program, filtered);
    let programs: Vec<_> = programs.iter().enumerate().filter_map(report).collect();
    if let Some(folder) = &request.capture {
        finished.keep_output(&folder.join(place.name()))?;
    }
    let Finished { mut outcome, log, .. } = finished;
    if place != Place::Host && outcome.record.device_mapper == Some(false) {
        outcome.problems.push(NO_DEVICE_MAPPER.to_owned());
    }
    if !filtered && !programs.iter().any(|(_, report)| report.has_passed()) {
        outcome.problems.push("no test passed".to_owned());
    }
    if !outcome.problems.is_empty() {
        writeln!(out, "the kernel's log is {}", log.display())?;
    }
    Ok(PlaceReport {
        place,
        release: outcome.record.release,
        programs,
        problems: outcome.problems,
        time: start.elapsed(),
    })
}

fn report_of(
    finished: &Finished,
    index: usize,
    program: &Program,
    filtered: bool,
) -> Option<(String, judge::ProgramReport)> {
    let job = finished.outcome.record.jobs.get(index)?;
    let skips = fs::read_to_string(finished.scratch(index).join("skips")).unwrap_or_default();
    Some((program.name.clone(), judge(job, &skips, filtered)))
}

/// Writes events during the run.
fn show(live: Live<'_>, place: Place, programs: &[Program], start: Instant, out: &mut dyn Write) -> io::Result<()> {
    match live {
        Live::Text(text) => out.write_all(text)?,
        Live::Event(Event::Ready { release, .. }) => {
            let time = say::seconds(start.elapsed());
            writeln!(out, "{} runs Linux {release}, first test after {time}", place.name())?;
        }
        Live::Event(Event::Begin(index)) => {
            let name = programs.get(*index).map_or("?", |program| program.name.as_str());
            writeln!(out, "\n{}: {name}", place.name())?;
        }
        Live::Event(_) => {}
    }
    out.flush()
}
