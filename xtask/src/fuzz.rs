//! `cargo xtask fuzz`: runs every fuzz target for a time, with the stable compiler.
//!
//! Each starts from its seeds, which are the lines and answers of real kernels in the tests, and from the inputs that
//! earlier runs found.
//!
//! The fuzz crates are separate workspaces. They are built with coverage instrumentation, which libFuzzer needs, but
//! without the sanitizers that only the nightly compiler has: the only unsafe code that they test is a pointer cast.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};
use serde_json::Value;

use crate::cli;
use crate::say;
use crate::workspace::{self, Workspace, cargo};

/// The time for each target as part of the tests.
const SMOKE: Duration = Duration::from_secs(5);

/// Makes the compiler report coverage to libFuzzer, and check as much as it can.
const FLAGS: &str = "--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table";

/// Runs the task.
///
/// # Errors
/// When a target does not build or finds a failure, or there is no C++ compiler.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let mut time = SMOKE;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("seconds") => time = Duration::from_secs(parser.value()?.parse()?),
            other => return Err(cli::unexpected(&other, "--seconds")),
        }
    }
    match fuzz(&Workspace::find()?, time)? {
        None => Ok(ExitCode::SUCCESS),
        Some(reason) => bail!(reason),
    }
}

/// Runs every fuzz target for a few seconds. Returns the reason if that was skipped.
///
/// # Errors
/// When a target does not build or finds a failure.
pub(crate) fn smoke(workspace: &Workspace) -> Result<Option<String>> {
    fuzz(workspace, SMOKE)
}

/// Builds and runs every fuzz target of the workspace. Returns the reason if that was skipped.
fn fuzz(workspace: &Workspace, time: Duration) -> Result<Option<String>> {
    let manifests = manifests(workspace)?;
    if manifests.is_empty() {
        return Ok(Some("there are no fuzz targets".to_owned()));
    }
    if !has_cpp_compiler() {
        return Ok(Some("no C++ compiler to build libFuzzer: install g++".to_owned()));
    }
    let host = host_triple()?;
    for manifest in manifests {
        fuzz_crate(workspace, &manifest, &host, time)?;
    }
    Ok(None)
}

/// The manifests of the fuzz crates.
fn manifests(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(&workspace.root)? {
        let manifest = entry?.path().join("fuzz").join("Cargo.toml");
        if manifest.is_file() {
            found.push(manifest);
        }
    }
    found.sort();
    Ok(found)
}

fn has_cpp_compiler() -> bool {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let status = Command::new(compiler).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The platform of the compiler. With `--target` and this platform, cargo does not pass the flags to build scripts.
fn host_triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(line.to_owned())
}

fn fuzz_crate(workspace: &Workspace, manifest: &Path, host: &str, time: Duration) -> Result<()> {
    let folder = manifest.parent().context("a manifest without a folder")?;
    let target_dir = workspace.target.join("fuzz");
    say::step(&format!("fuzzing {}", folder.display()));
    let run_cargo = |arguments: &[&str], flags: &str| {
        let mut command = cargo();
        command.args(arguments).arg("--manifest-path").arg(manifest);
        command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", &target_dir).stdout(Stdio::null());
        command.status().context("cannot run cargo")
    };
    if !run_cargo(&["run", "--example", "seed"], "")?.success() {
        bail!("the seeds of {} cannot be written", folder.display());
    }
    if !run_cargo(&["build", "--bins", "--release", "--target", host], FLAGS)?.success() {
        bail!("the fuzz targets of {} do not build", folder.display());
    }
    for name in target_names(&workspace::metadata(manifest)?) {
        let program = target_dir.join(host).join("release").join(&name);
        run_target(&program, &name, folder, &target_dir, time)?;
    }
    Ok(())
}

/// The names of the programs.
fn target_names(metadata: &Value) -> Vec<String> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = list(metadata.get("packages")).into_iter().flat_map(|package| list(package.get("targets")));
    let programs = targets.filter(|target| list(target.get("kind")).iter().any(|kind| kind == "bin"));
    programs.filter_map(|target| target.get("name")?.as_str().map(str::to_owned)).collect()
}

/// Runs one target from its inputs in the workspace; new ones are stored in the target folder.
fn run_target(program: &Path, name: &str, folder: &Path, target_dir: &Path, time: Duration) -> Result<()> {
    let found = target_dir.join("corpus").join(name);
    let artifacts = target_dir.join("artifacts").join(name);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let log_path = target_dir.join(format!("{name}.log"));
    let log = fs::File::create(&log_path)?;
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args(["-timeout=10", "-rss_limit_mb=2048"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(found)
        .stdout(log.try_clone()?)
        .stderr(log);
    let kept = folder.join("corpus").join(name);
    if kept.is_dir() {
        command.arg(kept);
    }
    let mut child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let status = say::wait_with_progress(&mut child, name)?;
    let log = fs::read_to_string(&log_path).unwrap_or_default();
    let last = log.lines().last().unwrap_or_default();
    if !status.success() {
        bail!("{name} found a failure, see {} and {}: {last}", log_path.display(), artifacts.display());
    }
    say::note(&format!("{name}: {last}"));
    Ok(())
}
