//! The paths of the workspace and its build products.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace as `cargo metadata` describes it.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// The complete output of `cargo metadata --no-deps`.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// Queries cargo for the workspace of this program.
    ///
    /// # Errors
    /// When cargo cannot be run or does not describe a workspace.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
        let metadata = metadata(&manifest)?;
        let folder = |key: &str| -> Result<PathBuf> {
            let text = metadata.get(key).and_then(Value::as_str);
            Ok(PathBuf::from(text.with_context(|| format!("cargo metadata names no {key}"))?))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")?, metadata })
    }

    /// The folder for everything about guests.
    pub(crate) fn guest_dir(&self) -> PathBuf {
        self.target.join("guest")
    }
}

/// `cargo metadata --no-deps` of a manifest.
///
/// # Errors
/// When cargo cannot be run or fails.
pub(crate) fn metadata(manifest: &Path) -> Result<Value> {
    let output = cargo()
        .args(["metadata", "--format-version=1", "--no-deps", "--manifest-path"])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed for {}", manifest.display());
    }
    serde_json::from_slice(&output.stdout).context("cannot read the answer of cargo metadata")
}

/// The cargo that started this program.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
