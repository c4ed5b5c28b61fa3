//! `cargo xtask release --dry-run`: checks that each published crate builds and passes its tests on its own.
//!
//! Each crate is packaged and unpacked in `target/release-check`. A scratch workspace there uses these folders for the
//! crates of this workspace, and the registry for all others, as a user's build does. The documentation is built as on
//! docs.rs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser};
use serde_json::Value;

use crate::clang::Environment;
use crate::cli;
use crate::say;
use crate::workspace::{Workspace, cargo};

const VALID: &str = "--dry-run, -p PACKAGE...";

/// Keys that a registry does not require but readers need; only the owner of the repository knows the values.
const OF_OWNER: [&str; 1] = ["repository"];

/// A published crate.
pub(crate) struct Package {
    name: String,
    version: String,
    /// Keys of its manifest that must be set before the release.
    unset: Vec<&'static str>,
    /// The crates of this workspace that only its tests use. They have no version, so packaging drops them.
    for_tests: Vec<String>,
}

impl Package {
    /// The published crates, in the order of `cargo metadata`.
    ///
    /// # Errors
    /// When the metadata contains no name or version.
    pub(crate) fn all(metadata: &Value) -> Result<Vec<Self>> {
        let packages =
            metadata.get("packages").and_then(Value::as_array).context("cargo metadata names no packages")?;
        let is_private = |package: &Value| package.get("publish").and_then(Value::as_array).is_some_and(Vec::is_empty);
        packages.iter().filter(|package| !is_private(package)).map(Self::read).collect()
    }

    fn read(package: &Value) -> Result<Self> {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let unset = OF_OWNER.into_iter().filter(|key| text(key).is_none()).collect();
        let name = text("name").context("cargo metadata lists a package without a name")?.to_owned();
        let version = text("version").with_context(|| format!("{name} has no version"))?.to_owned();
        let dependencies = package.get("dependencies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let for_tests = dependencies.iter().filter(|dependency| is_dropped(dependency));
        let for_tests =
            for_tests.filter_map(|dependency| dependency.get("name")?.as_str().map(str::to_owned)).collect();
        Ok(Self { name, version, unset, for_tests })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name of its folder, and of its archive without the extension.
    fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// Runs the task.
///
/// # Errors
/// When a crate cannot be packaged, or does not build or pass on its own.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let (mut is_dry, mut names) = (false, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("dry-run") => is_dry = true,
            Arg::Short('p') => names.push(parser.value()?.to_string_lossy().into_owned()),
            other => return Err(cli::unexpected(&other, VALID)),
        }
    }
    if !is_dry {
        bail!(
            "crates are published by hand, see Releasing in .github/CONTRIBUTING.md; this task only tests it: use --dry-run"
        );
    }
    let workspace = Workspace::find()?;
    let packages = Package::all(&workspace.metadata)?;
    if let Some(name) = names.iter().find(|name| !packages.iter().any(|package| package.name == **name)) {
        bail!("{name} is not a published crate of this workspace");
    }
    let scratch = Scratch::new(&workspace, &packages)?;
    for package in packages.iter().filter(|package| names.is_empty() || names.contains(&package.name)) {
        scratch.check(package)?;
    }
    for package in packages.iter().filter(|package| !package.unset.is_empty()) {
        say::note(&format!("{}: set {} in Cargo.toml before the release", package.name, package.unset.join(" and ")));
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace with the unpacked crates.
struct Scratch<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    environment: Environment,
}

impl<'a> Scratch<'a> {
    /// Packages and unpacks all crates.
    fn new(workspace: &'a Workspace, packages: &[Package]) -> Result<Self> {
        let environment = Environment::find(&workspace.guest_dir())?;
        let scratch = Self { workspace, folder: workspace.target.join("release-check"), environment };
        let _ = fs::remove_dir_all(&scratch.folder);
        fs::create_dir_all(&scratch.folder).with_context(|| format!("cannot create {}", scratch.folder.display()))?;
        say::step(&format!("packaging {} crates", packages.len()));
        let mut package = cargo();
        package.args(["package", "--no-verify", "--allow-dirty", "--locked", "--target-dir"]).arg(&scratch.folder);
        package.args(packages.iter().flat_map(|package| ["--package", &package.name])).current_dir(&workspace.root);
        succeed(&mut package)?;
        for package in packages {
            let archive = scratch.folder.join("package").join(format!("{}.crate", package.folder()));
            // All files of an archive have the same old time, by which cargo would take changed sources for known ones.
            succeed(Command::new("tar").arg("-xzmf").arg(&archive).current_dir(&scratch.folder))?;
            scratch.restore_for_tests(package, packages)?;
        }
        let manifest = scratch.folder.join("Cargo.toml");
        fs::write(&manifest, manifest_of(packages)).with_context(|| format!("cannot write {}", manifest.display()))?;
        // The versions with which this workspace is tested, where the crates need them.
        fs::copy(workspace.root.join("Cargo.lock"), scratch.folder.join("Cargo.lock"))
            .context("cannot copy Cargo.lock")?;
        Ok(scratch)
    }

    /// Restores the dependencies in an unpacked manifest that packaging has dropped.
    fn restore_for_tests(&self, package: &Package, packages: &[Package]) -> Result<()> {
        let path = self.folder.join(package.folder()).join("Cargo.toml");
        let mut manifest = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for used in packages.iter().filter(|used| package.for_tests.contains(&used.name)) {
            let (name, folder) = (&used.name, used.folder());
            manifest
                .push_str(&format!("\n[dev-dependencies.{name}]\npath = \"../{folder}\"\ndefault-features = false\n"));
        }
        fs::write(&path, manifest).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Builds one crate as its users do, runs its tests, and documents it.
    fn check(&self, package: &Package) -> Result<()> {
        let name = package.name.as_str();
        say::step(&format!("{} from its archive", package.folder()));
        succeed(&mut self.cargo(&["build", "--package", name]))?;
        succeed(&mut self.cargo(&["test", "--all-features", "--package", name]))?;
        let script = self.workspace.root.join("xtask/src/rustdoc.sh");
        let arguments = ["rustdoc", "--all-features", "--package", name, "--", "--cfg", "docsrs", "-D", "warnings"];
        succeed(self.cargo(&arguments).env("RUSTDOC", script))
    }

    /// Cargo in the scratch workspace. It shares the compiled external crates of this workspace.
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        self.environment.apply(&mut command);
        command.args(arguments).current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.workspace.target);
        command
    }
}

/// Whether a dependency is only for tests and has no version.
fn is_dropped(dependency: &Value) -> bool {
    let text = |key: &str| dependency.get(key).and_then(Value::as_str);
    text("kind") == Some("dev") && text("req") == Some("*") && text("path").is_some()
}

/// The manifest of the scratch workspace.
fn manifest_of(packages: &[Package]) -> String {
    let mut text = "[workspace]\nresolver = \"3\"\nmembers = [\"dm-*\"]\n\n[patch.crates-io]\n".to_owned();
    for package in packages {
        text.push_str(&format!("{} = {{ path = \"{}\" }}\n", package.name, package.folder()));
    }
    text
}

/// Runs a command, and fails if it does.
fn succeed(command: &mut Command) -> Result<()> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let shown = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    if !command.status().with_context(|| format!("cannot run {shown}"))?.success() {
        bail!("{shown} failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Package, manifest_of};

    #[test]
    fn crates_that_are_not_published_are_left_out() {
        let metadata = json!({ "packages": [
            { "name": "dm-sys", "version": "0.1.0", "publish": null, "repository": null },
            { "name": "dm-units", "version": "0.1.0", "publish": null, "repository": "https://example.org" },
            { "name": "xtask", "version": "0.1.0", "publish": [] },
        ] });
        let packages = Package::all(&metadata).unwrap();
        assert_eq!(packages.iter().map(Package::folder).collect::<Vec<_>>(), ["dm-sys-0.1.0", "dm-units-0.1.0"]);
        assert_eq!(packages[0].unset, ["repository"]);
        assert!(packages[1].unset.is_empty());
    }

    #[test]
    fn every_crate_comes_from_its_archive() {
        let metadata = json!({ "packages": [{ "name": "dm-sys", "version": "0.1.0", "publish": null }] });
        let text = manifest_of(&Package::all(&metadata).unwrap());
        assert!(text.ends_with("\n[patch.crates-io]\ndm-sys = { path = \"dm-sys-0.1.0\" }\n"), "{text}");
    }
}
