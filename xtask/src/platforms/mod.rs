//! `cargo xtask platforms`: the crates on other processors, word sizes, byte orders, C libraries and systems than this
//! machine's.
//!
//! The compiler is the oldest that is supported, since Debian has its standard library for other platforms, and its source
//! for the others. It runs in the tree of `cargo xtask msrv`, which holds linkers and emulators besides.

mod list;
mod tally;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use crate::cli;
use crate::msrv::{ALLOW_STD, Root};
use crate::programs::{self, Kind, Program};
use crate::say;
use crate::workspace::Workspace;
use list::{BARE_TARGET, I686, I686_TARGET, PLATFORMS, Platform, Tools, Work, in_variable};
use tally::Tally;

/// The crates of whose tests none needs root.
const TESTED: [&str; 4] = ["dm-sys", "dm-units", "dm-core", "dm-targets"];

/// Tests that the emulators cannot run, and why.
const NOT_EMULATED: [(&str, &str); 1] = [(
    "node::within::tests::an_error_of_the_ioctl_comes_back_and_no_child_is_left",
    "the emulator forks only children that send SIGCHLD when they end",
)];

/// The crates that need no operating system.
const PURE: [&str; 2] = ["dm-units", "dm-targets"];

/// All crates but this program.
const LIBRARIES: [&str; 5] = ["dm-sys", "dm-units", "dm-core", "dm-targets", "dm-testing"];

/// All features that need no real kernel.
const IN_MEMORY: &str = "dm-core/serde,dm-targets/serde,dm-targets/verity-format";

/// The parts of the standard library that every platform has.
const BARE_PARTS: [&str; 4] = ["libcore-", "liballoc-", "libcompiler_builtins-", "librustc_std_workspace_core-"];

/// The result of a platform's checks.
enum Outcome {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// Runs the task.
///
/// # Errors
/// When a platform is unknown, or the compiler is not the one that the manifests promise.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let platforms = parse(parser)?;
    let workspace = Workspace::find()?;
    let mut lines = Vec::new();
    let mut failed = false;
    for platform in platforms {
        say::step(&format!("{}: {}", platform.name, platform.target));
        let outcome = work(&workspace, platform).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        failed |= matches!(outcome, Outcome::Failed(_));
        lines.push(line(platform, &outcome));
    }
    println!();
    lines.iter().for_each(|line| println!("{line}"));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The platforms that were named, or all.
fn parse(parser: &mut Parser) -> Result<Vec<Platform>> {
    let names = || PLATFORMS.map(|platform| platform.name).join(", ");
    let mut chosen = Vec::new();
    while let Some(argument) = parser.next()? {
        let Arg::Value(word) = argument else { return Err(cli::unexpected(&argument, &names())) };
        let word = word.string()?;
        let platform = PLATFORMS.into_iter().find(|platform| platform.name == word);
        chosen.push(platform.with_context(|| format!("unknown platform {word}; there are {}", names()))?);
    }
    Ok(if chosen.is_empty() { PLATFORMS.to_vec() } else { chosen })
}

fn line(platform: Platform, outcome: &Outcome) -> String {
    let text = match outcome {
        Outcome::Passed(text) => text.clone(),
        Outcome::Failed(text) => format!("FAILED: {text}"),
        Outcome::Skipped(reason) => format!("skipped: {reason}"),
    };
    format!("{:<11} {:<30} {text}", platform.name, platform.target)
}

fn work(workspace: &Workspace, platform: Platform) -> Result<Outcome> {
    let root = match platform.work {
        Work::CheckBuilt | Work::CheckMemory => Root::with_std_source(workspace, platform.target)?,
        Work::Test(_) | Work::Check | Work::Pure | Work::Bare => Root::with_platforms(workspace)?,
    };
    let root = match root {
        Ok(root) => root,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    match platform.work {
        Work::Test(tools) => test(&root, platform.target, tools),
        Work::Check => check(root.command("cargo")?, platform.target),
        Work::CheckBuilt => {
            check_built(&root, platform.target, &["--all-features", "--all-targets"])?;
            Ok(Outcome::Passed("all targets compile".to_owned()))
        }
        Work::CheckMemory => {
            check_built(&root, platform.target, &["--no-default-features", "--features", IN_MEMORY])?;
            Ok(Outcome::Passed("the libraries compile, without dm-testing's feature real".to_owned()))
        }
        Work::Pure => check_pure(&root, platform.target, None),
        Work::Bare => check_pure(&root, platform.target, Some(&bare_sysroot(&root)?)),
    }
}

/// Sets cargo's variables for a platform's programs.
fn set_tools(command: &mut Command, target: &str, tools: Tools) {
    let target = in_variable(target);
    command
        .env(format!("CARGO_TARGET_{target}_LINKER"), tools.compiler)
        .env(format!("CARGO_TARGET_{target}_RUNNER"), tools.runner())
        // For the tests that compare with C.
        .env("CC", tools.compiler)
        .env("CC_RUNNER", tools.runner())
        // Debug information is large, and not used here.
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
}

/// Builds programs of 32 bits that need no library, so that they run in any guest; those of one kind, by name.
///
/// # Errors
/// When the tools cannot be had, the build fails or makes no such program.
pub(crate) fn build_i686(workspace: &Workspace, words: &[&str], kind: Kind) -> Result<Vec<Program>> {
    let root = Root::with_platforms(workspace)?.map_err(anyhow::Error::msg)?;
    let mut command = root.command("cargo")?;
    set_tools(&mut command, I686_TARGET, I686);
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    let words: Vec<&str> = words.iter().copied().chain(["--locked", "--offline", "--target", I686_TARGET]).collect();
    programs::build_with(command, &words, kind)
}

/// Runs the tests in an emulator.
fn test(root: &Root<'_>, target: &str, tools: Tools) -> Result<Outcome> {
    let mut command = root.command("cargo")?;
    set_tools(&mut command, target, tools);
    command.args([
        "test",
        "--locked",
        "--offline",
        "--no-fail-fast",
        "--all-features",
        "--lib",
        "--tests",
        "--examples",
    ]);
    command.args(["--target", target]).args(packages(&TESTED)).arg("--");
    command.args(NOT_EMULATED.iter().flat_map(|(test, _)| ["--skip", test])).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot run unshare")?;
    let mut tally = Tally::default();
    NOT_EMULATED.iter().for_each(|(test, reason)| tally.leave_out(test, reason));
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).lines() {
        let line = line.context("cannot read what cargo prints")?;
        println!("{line}");
        tally.line(&line);
    }
    if !child.wait()?.success() {
        bail!("{}", tally.text());
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(Outcome::Passed(tally.text()))
}

/// Checks all targets of all crates but this program.
fn check(mut command: Command, target: &str) -> Result<Outcome> {
    command.args(["check", "--locked", "--offline", "--workspace", "--exclude", "xtask", "--all-targets"]);
    succeed(command.args(["--all-features", "--target", target]))?;
    Ok(Outcome::Passed("all targets compile".to_owned()))
}

/// Checks the libraries after the standard library was built from its source. `features` are words for cargo.
fn check_built(root: &Root<'_>, target: &str, features: &[&str]) -> Result<()> {
    let mut command = root.command("cargo")?;
    // Programs that are built for this machine depend on the variables, so they have a separate folder.
    command.env("CARGO_TARGET_DIR", root.target().join("std")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.env(ALLOW_STD.0, ALLOW_STD.1).args(["check", "-Zbuild-std=std,panic_abort", "--locked", "--offline"]);
    succeed(command.args(["--target", target]).args(packages(&LIBRARIES)).args(features))
}

/// Checks the crates that need no operating system, without features and with `serde`; `sysroot` replaces the compiler's
/// standard library.
fn check_pure(root: &Root<'_>, target: &str, sysroot: Option<&Path>) -> Result<Outcome> {
    for features in ["", "serde"] {
        let mut command = root.command("cargo")?;
        command.args(["check", "--locked", "--offline", "--target", target, "--no-default-features"]);
        command.args(["--features", features]).args(packages(&PURE));
        if let Some(sysroot) = sysroot {
            command.env("CARGO_ENCODED_RUSTFLAGS", format!("--sysroot\x1f{}", sysroot.display()));
        }
        succeed(&mut command)?;
    }
    Ok(Outcome::Passed(format!("{} compile", PURE.join(" and "))))
}

/// A folder with `core` and `alloc` and nothing else of the standard library.
fn bare_sysroot(root: &Root<'_>) -> Result<PathBuf> {
    let libraries = Path::new("lib/rustlib").join(BARE_TARGET).join("lib");
    let from = root.tree().join("usr").join(&libraries);
    let sysroot = root.target().join("bare");
    let to = sysroot.join(&libraries);
    let _ = fs::remove_dir_all(&sysroot);
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(&from).with_context(|| format!("cannot read {}", from.display()))? {
        let name = entry?.file_name();
        if BARE_PARTS.iter().any(|part| name.to_string_lossy().starts_with(part)) {
            fs::copy(from.join(&name), to.join(&name))?;
        }
    }
    Ok(sysroot)
}

/// The words that choose packages.
fn packages<'a>(names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    names.iter().flat_map(|name| ["--package", *name])
}

fn succeed(command: &mut Command) -> Result<()> {
    if !command.status().context("cannot run cargo")?.success() {
        bail!("it does not compile");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use lexopt::Parser;

    use super::list::PLATFORMS;
    use super::{Outcome, line, parse};

    fn names(words: &[&str]) -> Result<Vec<&'static str>, String> {
        let parsed = parse(&mut Parser::from_args(words.iter().map(OsString::from)));
        parsed.map(|all| all.iter().map(|one| one.name).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn all_platforms_are_tried_unless_some_are_named() {
        assert_eq!(names(&[]).unwrap().len(), PLATFORMS.len());
        assert_eq!(names(&["s390x", "musl"]).unwrap(), ["s390x", "musl"]);
        assert!(names(&["vax"]).unwrap_err().starts_with("unknown platform vax; there are i686, armhf,"));
    }

    #[test]
    fn a_skip_says_why() {
        let text = line(PLATFORMS[6], &Outcome::Skipped("no std".to_owned()));
        assert_eq!(text, "musl        x86_64-unknown-linux-musl      skipped: no std");
    }
}
