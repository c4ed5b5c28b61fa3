//! Checks every target of every crate with the oldest supported compiler, that of Debian stable.
//!
//! Its packages are unpacked with their dependencies into a separate tree in `target/guest`, and cargo runs in there as
//! if it were installed: as root, or in a user namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use nix::unistd::geteuid;
use serde_json::Value;

use crate::cli;
use crate::packages::{self, Group};
use crate::workspace::{Workspace, cargo};

/// Runs its further arguments in a tree.
const ENTER: &str = include_str!("enter.sh");

/// Runs the task.
///
/// # Errors
/// When something does not compile, or the compiler is not available or cannot be run.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    cli::no_arguments(parser)?;
    match check(&Workspace::find()?)? {
        None => Ok(ExitCode::SUCCESS),
        Some(reason) => bail!(reason),
    }
}

/// Checks all targets. Returns the reason if that was skipped.
///
/// # Errors
/// When something does not compile, or the compiler's version is not the `rust-version` of the manifests.
pub(crate) fn check(workspace: &Workspace) -> Result<Option<String>> {
    let root = match Root::find(workspace)? {
        Ok(root) => root,
        Err(reason) => return Ok(Some(reason)),
    };
    let words = ["check", "--workspace", "--all-targets", "--all-features", "--locked", "--offline"];
    let status = root.command("cargo")?.args(words).status().context("cannot run unshare")?;
    if !status.success() {
        bail!("cargo check fails with the oldest supported compiler");
    }
    Ok(None)
}

/// The words that run a program in a separate mount namespace; `None` if the host does not allow that.
fn namespace() -> Option<Vec<&'static str>> {
    let mut words = vec!["unshare", "--mount"];
    if !geteuid().is_root() {
        words.extend(["--user", "--map-root-user"]);
    }
    let (program, arguments) = words.split_first()?;
    let probe = Command::new(program)
        .args(arguments)
        .args(["sh", "-c", "mount --rbind /dev /dev && mount --rbind /proc /proc && command -v chroot"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    probe.is_ok_and(|status| status.success()).then_some(words)
}

/// The compiler's tree and the folders that are mounted in it.
pub(crate) struct Root<'a> {
    prefix: Vec<&'static str>,
    tree: PathBuf,
    workspace: &'a Workspace,
}

impl<'a> Root<'a> {
    /// Finds or downloads the tree and the dependencies. The inner error is the reason why this machine cannot have
    /// one.
    ///
    /// # Errors
    /// When the compiler's version is not the `rust-version` of the manifests, or the dependencies cannot be
    /// downloaded.
    pub(crate) fn find(workspace: &'a Workspace) -> Result<std::result::Result<Self, String>> {
        Self::find_group(workspace, &[Group::OldestRust])
    }

    /// As [`find`](Self::find), with the standard libraries, linkers and emulators of other platforms in the tree.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn with_platforms(workspace: &'a Workspace) -> Result<std::result::Result<Self, String>> {
        Self::find_group(workspace, &[Group::OldestRust, Group::Platforms])
    }

    /// As [`find`](Self::find), with the source of the standard library in the tree, and the crates that it needs for a
    /// target.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn with_std_source(workspace: &'a Workspace, target: &str) -> Result<std::result::Result<Self, String>> {
        let found = Self::find_group(workspace, &[Group::OldestRust, Group::StdSource])?;
        if let Ok(root) = &found {
            root.check_source()?;
            fetch_crates(&root.tree.join(SOURCE).join("library"), &["--target", target])?;
        }
        Ok(found)
    }

    /// The tree of the last group; each takes those before it.
    fn find_group(workspace: &'a Workspace, groups: &[Group]) -> Result<std::result::Result<Self, String>> {
        let Some(prefix) = namespace() else {
            return Ok(Err("this host forbids mount namespaces: run it as root".to_owned()));
        };
        let mut tree = PathBuf::new();
        for group in groups {
            match packages::provide(*group, &workspace.guest_dir()) {
                Ok(folder) => tree = folder,
                Err(error) => return Ok(Err(format!("{error:#}"))),
            }
        }
        let root = Self { prefix, tree, workspace };
        root.check_version()?;
        fetch_crates(&workspace.root, &[])?;
        Ok(Ok(root))
    }

    /// The folder that is the root of the programs that run in it.
    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// The target folder of cargo in the tree.
    pub(crate) fn target(&self) -> PathBuf {
        self.workspace.target.join("msrv")
    }

    /// The command that runs one of the tree's programs in the workspace.
    ///
    /// # Errors
    /// When a folder cannot be mounted in the tree.
    pub(crate) fn command(&self, program: &str) -> Result<Command> {
        let cargo_home = cargo_home()?;
        let folders: Vec<_> = [&self.workspace.root, &self.workspace.target, &cargo_home]
            .iter()
            .map(|folder| folder.to_str().context("a folder's name is not UTF-8"))
            .collect::<Result<_>>()?;
        let (first, rest) = self.prefix.split_first().context("no command to enter the tree")?;
        let mut command = Command::new(first);
        command
            .args(rest)
            .args(["sh", "-c", ENTER, "enter.sh"])
            .arg(&self.tree)
            .arg(folders.join("\n"))
            .arg(Path::new("/usr/bin").join(program))
            .current_dir(&self.workspace.root);
        // Variables of a toolchain manager would name programs outside the tree.
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(|name| is_of_toolchain(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("TMPDIR", "/tmp")
            .env("CARGO_HOME", &cargo_home)
            .env("CARGO_TARGET_DIR", self.target())
            .env("LIBCLANG_PATH", "/usr/lib/llvm-19/lib")
            .env("BINDGEN_EXTRA_CLANG_ARGS", "-isystem /usr/lib/llvm-19/lib/clang/19/include");
        Ok(command)
    }

    /// The output of `rustc --version`.
    fn version(&self) -> Result<String> {
        let output = self.command("rustc")?.arg("--version").output().context("cannot run unshare")?;
        if !output.status.success() {
            bail!("rustc does not run in its tree: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Checks that the source is of the compiler's version: they may have been downloaded at different times.
    fn check_source(&self) -> Result<()> {
        let link = self.tree.join(SOURCE);
        let folder = fs::read_link(&link).with_context(|| format!("cannot read {}", link.display()))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = self.version()?;
        if !name.strip_prefix("rustc-").is_some_and(|version| is_version(&found, version)) {
            let trees = self.tree.parent().unwrap_or(&self.tree).display();
            bail!("the source {name} is not that of {}: remove oldest-rust and std-source in {trees}", found.trim());
        }
        Ok(())
    }

    /// Checks that the compiler's version is the `rust-version` of every manifest.
    fn check_version(&self) -> Result<()> {
        let found = self.version()?;
        let packages = self.workspace.metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice);
        for package in packages.unwrap_or_default() {
            let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
            let promised = package.get("rust_version").and_then(Value::as_str);
            let promised = promised.with_context(|| format!("{name} states no rust-version"))?;
            if !is_version(&found, promised) {
                bail!("{name} states rust-version {promised}, but Debian has {}", found.trim());
            }
        }
        Ok(())
    }
}

/// The link to the compiler's source, whose folder `library` is the standard library.
const SOURCE: &str = "usr/lib/rustlib/src/rust";

/// Lets a stable toolchain build its standard library, which uses unstable features.
pub(crate) const ALLOW_STD: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// Downloads the crates in a folder's `Cargo.lock`, since programs in the tree have no network.
fn fetch_crates(folder: &Path, words: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(["fetch", "--locked", "--quiet"]).args(words).current_dir(folder).env(ALLOW_STD.0, ALLOW_STD.1);
    if !command.status().context("cannot run cargo")?.success() {
        bail!("cargo cannot download the crates in {}", folder.join("Cargo.lock").display());
    }
    Ok(())
}

/// Whether the output `rustc 1.85.1 (…)` is of version `1.85`.
fn is_version(rustc: &str, version: &str) -> bool {
    let word = rustc.split(' ').nth(1).unwrap_or_default();
    word.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a variable configures the toolchain or build of this program.
fn is_of_toolchain(name: &str) -> bool {
    ["RUST", "CARGO", "LD_LIBRARY_PATH", "CC", "CXX"].iter().any(|start| name.starts_with(start))
}

fn cargo_home() -> Result<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    named.or_else(home).context("neither CARGO_HOME nor HOME is set")
}

#[cfg(test)]
mod tests {
    use super::{is_of_toolchain, is_version};

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        assert!(is_version("rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)\n", "1.85"));
        assert!(is_version("rustc 1.85.1", "1.85.1"));
        assert!(!is_version("rustc 1.85.1", "1.8"));
        assert!(!is_version("rustc 1.86.0", "1.85"));
        assert!(!is_version("", "1.85"));
    }

    #[test]
    fn variables_of_this_build_do_not_reach_the_other_compiler() {
        assert!(["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO", "LD_LIBRARY_PATH"].iter().all(|name| is_of_toolchain(name)));
        assert!(!["HOME", "LANG", "http_proxy"].iter().any(|name| is_of_toolchain(name)));
    }
}
