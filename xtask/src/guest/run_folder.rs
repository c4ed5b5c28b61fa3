//! The folder of a run, with the files that start the guest and those that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// A folder that is removed on drop.
#[derive(Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Creates a folder named after the guest and this process, and removes those of killed processes.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub(crate) fn new(guest_dir: &Path, guest: &str) -> Result<Self> {
        let parent = guest_dir.join("run");
        remove_stale(&parent);
        let folder = parent.join(format!("{guest}-{}", process::id()));
        fs::create_dir_all(folder.join("scratch")).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder to which the guest may write; it has the same path there.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes the folders whose process no longer exists.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.rsplit('-').next().and_then(|word| word.parse().ok());
        let alive = process.is_some_and(|id| kill(Pid::from_raw(id), None) != Err(nix::errno::Errno::ESRCH));
        if !alive {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
