//! Builds programs of the workspace and finds their files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::clang::Environment;
use crate::guest::Job;
use crate::workspace::{Workspace, cargo};

/// The kind of a cargo target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file in `tests`.
    Test,
    /// A file in `examples`.
    Example,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Example => "example",
        }
    }
}

/// A built program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name of its source file.
    pub(crate) name: String,
    /// The file to run.
    pub(crate) path: PathBuf,
    /// The folder of its package.
    folder: PathBuf,
}

impl Program {
    /// Whether it belongs to the package in a folder.
    pub(crate) fn is_of(&self, folder: &Path) -> bool {
        self.folder == folder
    }

    /// A job that runs it as cargo would.
    pub(crate) fn job(&self, arguments: impl IntoIterator<Item = OsString>) -> Job {
        Job {
            folder: self.folder.clone(),
            variables: vec![("CARGO_MANIFEST_DIR".to_owned(), self.folder.clone().into())],
            words: [self.path.clone().into()].into_iter().chain(arguments).collect(),
        }
    }
}

/// Whether a folder in `PATH` contains a file with this name.
pub(crate) fn is_in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Builds with cargo. Returns the programs of one kind, by name.
///
/// # Errors
/// When the build fails or makes no such program.
pub(crate) fn build(workspace: &Workspace, arguments: &[&str], kind: Kind) -> Result<Vec<Program>> {
    let mut command = cargo();
    Environment::find(&workspace.guest_dir())?.apply(&mut command).current_dir(&workspace.root);
    build_with(command, arguments, kind)
}

/// Builds with a cargo that has all it needs; the programs of one kind, by name.
///
/// # Errors
/// When the build fails or makes no such program.
pub(crate) fn build_with(mut command: Command, arguments: &[&str], kind: Kind) -> Result<Vec<Program>> {
    command.args(arguments).arg("--message-format=json-render-diagnostics");
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    let programs = parse(&String::from_utf8_lossy(&output.stdout), kind);
    if programs.is_empty() {
        bail!("cargo {} built no {}", arguments.join(" "), kind.name());
    }
    Ok(programs)
}

/// The programs of one kind in cargo's messages, by name.
fn parse(messages: &str, kind: Kind) -> Vec<Program> {
    let values = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs: Vec<_> = values.filter_map(|message| program(&message, kind)).collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    programs
}

fn program(message: &Value, wanted: Kind) -> Option<Program> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let target = message.get("target")?;
    let is_wanted = target.get("kind")?.as_array()?.iter().any(|kind| kind == wanted.name());
    let path = text(message.get("executable")?)?;
    let manifest = PathBuf::from(text(message.get("manifest_path")?)?);
    let folder = manifest.parent()?.to_owned();
    is_wanted.then_some(Program { name: text(target.get("name")?)?, path: path.into(), folder })
}

#[cfg(test)]
mod tests {
    use super::{Kind, parse};

    #[test]
    fn only_the_wanted_kind_is_taken() {
        let messages = r#"
{"reason":"compiler-artifact","manifest_path":"/w/dm-testing/Cargo.toml","target":{"kind":["lib"],"name":"dm_testing"},"executable":"/t/dm_testing-1"}
{"reason":"compiler-artifact","manifest_path":"/w/dm-testing/Cargo.toml","target":{"kind":["test"],"name":"wait"},"executable":"/t/wait-1"}
{"reason":"compiler-artifact","manifest_path":"/w/dm-testing/Cargo.toml","target":{"kind":["test"],"name":"info"},"executable":"/t/info-1"}
{"reason":"compiler-artifact","manifest_path":"/w/dm-testing/Cargo.toml","target":{"kind":["example"],"name":"demo"},"executable":"/t/demo"}
{"reason":"compiler-artifact","manifest_path":"/w/dm-core/Cargo.toml","target":{"kind":["lib"],"name":"dm_core"},"executable":null}
{"reason":"build-finished","success":true}
"#;
        let names = |kind| parse(messages, kind).into_iter().map(|program| program.name).collect::<Vec<_>>();
        assert_eq!(names(Kind::Test), ["info", "wait"]);
        assert_eq!(names(Kind::Example), ["demo"]);
        assert_eq!(parse(messages, Kind::Test)[0].folder.to_str(), Some("/w/dm-testing"));
    }
}
