//! The folder of one run of a guest: the files that the guest starts from, and the files that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The folder of one run of a guest. It is removed on drop.
#[derive(Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Creates the folder, with the kind of guest and the id of this process in its name. First removes the folders there
    /// that no running process owns: a killed process leaves its folder behind.
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

    /// The folder itself, which only the host writes to.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The only folder that the guest can write to. It has the same path in the guest as on the host.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes every folder in `parent` except those whose names end with the id of a running process.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.rsplit('-').next().and_then(|text| text.parse().ok());
        let alive = pid.is_some_and(|pid| kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH));
        if !alive {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
