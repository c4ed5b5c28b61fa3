//! `cargo xtask tidy`: checks rules of the project that no compiler checks.

mod arrows;
mod conflicts;
mod layout;
mod rooms;
mod sources;
mod twins;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Parser;

use crate::cli;
use crate::say;
use crate::workspace::Workspace;

/// A violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The path of the file in the workspace.
    file: String,
    /// The line, counted from 1; 0 for the whole file.
    line: usize,
    /// The violated rule, and how to follow it.
    text: String,
    /// Whether it may be acceptable.
    warning: bool,
}

impl Finding {
    fn new(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: text.into(), warning: false }
    }

    fn warning(file: &str, text: impl Into<String>) -> Self {
        Self { warning: true, ..Self::new(file, 0, text) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}{}", if self.warning { "warning: " } else { "" }, self.text)
    }
}

/// Runs the task.
///
/// # Errors
/// When the workspace cannot be read.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    cli::no_arguments(parser)?;
    Ok(if check(&Workspace::find()?)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints every finding. Returns whether all are warnings.
///
/// # Errors
/// When the workspace cannot be read.
pub(crate) fn check(workspace: &Workspace) -> Result<bool> {
    let files = files(workspace)?;
    let mut findings = arrows::check(&workspace.metadata);
    findings.extend(layout::check(&files, &workspace.metadata));
    let contents = read(workspace, &files);
    findings.extend(contents.iter().flat_map(|(file, content)| conflicts::check(file, content)));
    let sources = sources(contents);
    findings.extend(sources.iter().flat_map(|(file, text)| sources::check(file, text)));
    findings.extend(rooms::check(&sources));
    findings.extend(twins::check(&sources));
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| !finding.warning).count();
    say::note(&format!("{} files, {errors} findings", files.len()));
    Ok(errors == 0)
}

/// The files and their bytes.
fn read(workspace: &Workspace, files: &[String]) -> Vec<(String, Vec<u8>)> {
    // A listed file may have been deleted.
    files.iter().filter_map(|file| Some((file.clone(), fs::read(workspace.root.join(file)).ok()?))).collect()
}

/// The Rust files and their texts.
fn sources(contents: Vec<(String, Vec<u8>)>) -> Vec<(String, String)> {
    let sources = contents.into_iter().filter(|(file, _)| file.ends_with(".rs"));
    sources.filter_map(|(file, content)| Some((file, String::from_utf8(content).ok()?))).collect()
}

/// The path of every file that belongs to the project, relative to the root of the workspace.
///
/// # Errors
/// When the folders cannot be read.
pub(crate) fn files(workspace: &Workspace) -> Result<Vec<String>> {
    // A download without history has no list of files; build folders are skipped instead.
    if !workspace.root.join(".git").exists() {
        let mut files = Vec::new();
        walk(&workspace.root, "", &mut files)?;
        return Ok(files);
    }
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(&workspace.root)
        .output()
        .context("cannot run git: install it")?;
    if !output.status.success() {
        bail!("git cannot list the files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let exists = |file: &&str| workspace.root.join(PathBuf::from(file)).exists();
    Ok(text.split('\0').filter(|file| !file.is_empty()).filter(exists).map(str::to_owned).collect())
}

/// Adds the files in a folder whose path is `prefix`, except those in folders that a build or a fuzz target fills.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let is_filled = ["target", "artifacts", "dm-core/fuzz/corpus"].iter().any(|end| name.ends_with(end));
        if !entry.file_type()?.is_dir() {
            files.push(name);
        } else if !is_filled {
            walk(&entry.path(), &format!("{name}/"), files)?;
        }
    }
    files.sort();
    Ok(())
}
