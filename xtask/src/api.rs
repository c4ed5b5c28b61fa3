//! `cargo xtask api`: checks that the public items of each published crate are those in its `api.txt`, and that changes
//! are in its changelog.
//!
//! The oldest supported compiler documents the crates, so that the lists do not change with the installed compiler.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use crate::cli;
use crate::msrv::Root;
use crate::release::Package;
use crate::say;
use crate::workspace::{Workspace, cargo};

const VALID: &str = "--update, --since COMMIT";

/// The commit with which the changelogs are compared by default.
const LAST_CHANGE: &str = "HEAD~1";

/// The maximum number of lines of a difference that are shown.
const SHOWN: usize = 40;

/// Whether to compare or to replace the lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Compare,
    Update,
}

/// Runs the task.
///
/// # Errors
/// When a list or a changelog is not up to date, or the items cannot be listed.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut mode, mut since) = (Mode::Compare, LAST_CHANGE.to_owned());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("update") => mode = Mode::Update,
            Arg::Long("since") => since = parser.value()?.string()?,
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    match go_through(&Workspace::find()?, mode, &since)? {
        None => Ok(ExitCode::SUCCESS),
        Some(reason) => bail!(reason),
    }
}

/// Compares all lists. Returns the reason if that was skipped.
///
/// # Errors
/// When a list or a changelog is not up to date, or the items cannot be listed.
pub(crate) fn check(workspace: &Workspace) -> Result<Option<String>> {
    go_through(workspace, Mode::Compare, LAST_CHANGE)
}

fn go_through(workspace: &Workspace, mode: Mode, since: &str) -> Result<Option<String>> {
    let root = match Root::find(workspace)? {
        Ok(root) => root,
        Err(reason) => return Ok(Some(reason)),
    };
    let packages = Package::all(&workspace.metadata)?;
    document(workspace, &root, &packages)?;
    let history = History::find(&workspace.root, since);
    let mut faults = Vec::new();
    for package in packages.iter().map(Package::name) {
        let json = root.target().join("doc").join(format!("{}.json", package.replace('-', "_")));
        let found = format!("{}{}", header(package), items(workspace, &json)?);
        let list = workspace.root.join(package).join("api.txt");
        let listed = fs::read_to_string(&list).unwrap_or_default();
        match mode {
            Mode::Update => fs::write(&list, &found).with_context(|| format!("cannot write {}", list.display()))?,
            Mode::Compare if found == listed => {}
            Mode::Compare => {
                difference(&listed, &found).iter().for_each(|line| println!("{line}"));
                faults.push(format!("{package}/api.txt differs from the public items: run cargo xtask api --update"));
            }
        }
        if history.as_ref().is_some_and(|history| history.is_unannounced(package)) {
            faults.push(format!("{package}/api.txt has changed since {since}: add a line to {package}/CHANGELOG.md"));
        }
    }
    if history.is_none() {
        say::note(&format!("commit {since} is not available, so the changelogs are not checked"));
    }
    if !faults.is_empty() {
        bail!(faults.join("\n"));
    }
    Ok(None)
}

/// Documents all packages with all features as JSON.
fn document(workspace: &Workspace, root: &Root<'_>, packages: &[Package]) -> Result<()> {
    let mut command = root.command("cargo")?;
    command.args(["doc", "--quiet", "--lib", "--no-deps", "--all-features", "--locked", "--offline"]);
    command.args(packages.iter().flat_map(|package| ["--package", package.name()]));
    command.env("RUSTDOC", workspace.root.join("xtask/src/rustdoc.sh"));
    command.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    if !command.status().context("cannot run unshare")?.success() {
        bail!("the oldest supported compiler cannot document the crates");
    }
    Ok(())
}

/// The items in a JSON file of rustdoc.
fn items(workspace: &Workspace, json: &Path) -> Result<String> {
    let output = cargo()
        .args(["run", "--quiet", "--locked", "--package", "xtask", "--example", "public_items", "--"])
        .arg(json)
        .current_dir(&workspace.root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the items in {} cannot be listed", json.display());
    }
    String::from_utf8(output.stdout).context("an item is not UTF-8")
}

/// The first lines of a list.
fn header(package: &str) -> String {
    format!(
        "# The public items of {package} with all features, as `cargo xtask api --update` writes them. Left out are impls for\n\
         # all types, the methods of derived impls, and auto traits such as Send where a type has them without a condition.\n"
    )
}

/// The lines that are in only one of two lists, in the form of a patch.
fn difference(listed: &str, found: &str) -> Vec<String> {
    let only = |sign, text: &str, other: &str| -> Vec<String> {
        let other: HashSet<_> = other.lines().collect();
        text.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign}{line}")).collect()
    };
    let mut lines = only('-', listed, found);
    lines.extend(only('+', found, listed));
    let left_out = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    lines.extend((left_out > 0).then(|| format!("and {left_out} more lines")));
    lines
}

/// An earlier commit.
struct History<'a> {
    folder: &'a Path,
    commit: &'a str,
}

impl<'a> History<'a> {
    /// Finds the commit, if git is installed and has it: a download has no commits, a shallow clone has few.
    fn find(folder: &'a Path, commit: &'a str) -> Option<Self> {
        let history = Self { folder, commit };
        history.git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).map(|_| history)
    }

    /// Whether a package's list has changed since the commit, but its changelog has no new line.
    fn is_unannounced(&self, package: &str) -> bool {
        let list = format!("{package}/api.txt");
        let existed = self.git(&["cat-file", "-e", &format!("{}:{list}", self.commit)]).is_some();
        let (added, removed) = self.lines(&list);
        existed && (added > 0 || removed > 0) && self.lines(&format!("{package}/CHANGELOG.md")).0 == 0
    }

    /// The numbers of lines of a file that were added and removed since the commit.
    fn lines(&self, file: &str) -> (u64, u64) {
        let text = self.git(&["diff", "--numstat", self.commit, "--", file]).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// The output of git, if it succeeds.
    fn git(&self, arguments: &[&str]) -> Option<String> {
        let output =
            Command::new("git").args(arguments).current_dir(self.folder).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::{History, SHOWN, difference};

    #[test]
    fn a_difference_shows_removed_and_added_lines() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), ["-a", "+c"]);
        assert!(difference("a\n", "a\n").is_empty());
        let many: String = (0..SHOWN + 2).map(|number| format!("{number}\n")).collect();
        let shown = difference("", &many);
        assert_eq!(shown.len(), SHOWN + 1);
        assert_eq!(shown[SHOWN], "and 2 more lines");
    }

    fn git(folder: &Path, arguments: &[&str]) {
        let name = ["-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"];
        assert!(Command::new("git").args(name).args(arguments).current_dir(folder).status().unwrap().success());
    }

    #[test]
    fn a_changed_list_needs_a_line_in_the_changelog() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join("dm-x").join(file), text).unwrap();
        fs::create_dir(folder.path().join("dm-x")).unwrap();
        git(folder.path(), &["init", "--quiet"]);
        write("CHANGELOG.md", "- a\n- b\n");
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "--quiet", "--message", "first"]);
        let history = |commit| History::find(folder.path(), commit);
        assert!(history("HEAD~1").is_none());
        // The first list needs no entry.
        write("api.txt", "pub fn a\n");
        git(folder.path(), &["add", "."]);
        assert!(!history("HEAD").unwrap().is_unannounced("dm-x"));

        git(folder.path(), &["commit", "--quiet", "--message", "second"]);
        assert!(!history("HEAD").unwrap().is_unannounced("dm-x"));
        write("api.txt", "");
        assert!(history("HEAD").unwrap().is_unannounced("dm-x"));
        write("CHANGELOG.md", "- a\n");
        assert!(history("HEAD").unwrap().is_unannounced("dm-x"), "a removed line is not an entry");
        write("CHANGELOG.md", "- a\n- b\n- c\n");
        assert!(!history("HEAD").unwrap().is_unannounced("dm-x"));
        git(folder.path(), &["commit", "--quiet", "--all", "--message", "third"]);
        assert!(!history("HEAD~1").unwrap().is_unannounced("dm-x"));
    }
}
