//! `cargo xtask static`: builds the example `dmsetup` as a static program, as an initramfs needs it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::Parser;

use crate::cli;
use crate::say;
use crate::workspace::{Workspace, cargo};

/// Runs the task.
///
/// # Errors
/// As [`check`].
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    cli::no_arguments(parser)?;
    check(&Workspace::find()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the example for musl, or for the machine's C library if Rust's libraries for musl are not installed, and runs
/// it.
///
/// # Errors
/// When it does not build, needs a library, or does not run.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let host = host()?;
    let musl = host.replace("-gnu", "-musl");
    let target = if is_installed(&musl)? { &musl } else { &host };
    if *target != musl {
        say::note(&format!("{musl} is not installed (`rustup target add {musl}`), so the program is built for {host}"));
    }
    // With a target, build scripts and macros do not get the flags.
    let built = cargo()
        .args(["build", "--package", "dm-testing", "--no-default-features", "--example", "dmsetup", "--target", target])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(&workspace.root)
        .status()
        .context("cannot run cargo")?;
    if !built.success() {
        bail!("the example dmsetup does not build for {target}");
    }
    let program = workspace.target.join(target).join("debug/examples/dmsetup");
    if headers(&program)?.contains("INTERP") {
        bail!("{} needs shared libraries", program.display());
    }
    let output = Command::new(&program).args(["splitname", "--noheadings", "vg-lv"]).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    if output.stdout != b"vg:lv:\n" {
        bail!("{} splitname prints {:?}", program.display(), String::from_utf8_lossy(&output.stdout));
    }
    say::note(&format!("{} needs no shared library", program.display()));
    Ok(())
}

/// The output of the compiler.
fn rustc(arguments: &[&str]) -> Result<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).args(arguments).stderr(Stdio::inherit()).output();
    Ok(String::from_utf8(output.context("cannot run rustc")?.stdout)?)
}

/// The platform of this program.
fn host() -> Result<String> {
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// Whether the toolchain that started this program has the standard library for a target.
///
/// # Errors
/// When rustc cannot be run.
pub(crate) fn is_installed(target: &str) -> Result<bool> {
    let folder = rustc(&["--print", "target-libdir", "--target", target])?;
    Ok(PathBuf::from(folder.trim_end()).is_dir())
}

/// The program headers, which name a loader if the program needs one.
fn headers(program: &Path) -> Result<String> {
    let output = Command::new("readelf").args(["--wide", "--program-headers"]).arg(program).output();
    let output = output.context("cannot run readelf: install binutils")?;
    if !output.status.success() {
        bail!("readelf cannot read {}", program.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
