//! Throw-away kernels: run programs as root in a guest on the file tree of the host, which the guest cannot change.
//!
//! The guest writes to memory: its root is an overlay on the host's tree. QEMU exports the tree read-only. User Mode
//! Linux is a process on the host; it runs in a mount namespace in which everything but the folder of the run is
//! read-only. If the host forbids such namespaces, only the mount in the guest is read-only: a malicious program that
//! mounts the host's tree again could then write as the user who started it.

mod host;
mod initramfs;
mod job;
mod kernel;
mod parts;
mod protocol;
mod qemu;
mod reaper;
mod record;
mod run_folder;
mod session;
mod settings;
mod trouble;
mod uml;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) use job::Job;
pub(crate) use protocol::Event;
pub(crate) use record::{JobRecord, Limits};
pub(crate) use session::{Live, Outcome};

use crate::packages::{self, Group};
use crate::say;
use parts::Parts;
use protocol::Mark;
use run_folder::RunFolder;
use session::Machine;

/// The place where programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A User Mode Linux guest.
    Uml,
    /// A QEMU guest.
    Qemu,
    /// The kernel of this machine.
    Host,
}

impl Place {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uml => "uml",
            Self::Qemu => "qemu",
            Self::Host => "host",
        }
    }

    /// The guests that this machine supports.
    pub(crate) fn guests() -> Vec<Self> {
        if cfg!(target_arch = "x86_64") { vec![Self::Uml, Self::Qemu] } else { Vec::new() }
    }

    /// The guest that is used where one is enough: the fastest that works here, if any.
    ///
    /// # Errors
    /// When the check fails.
    pub(crate) fn default_guest(guest_dir: &Path) -> Result<Vec<Self>> {
        for place in Self::guests() {
            if !place.is_obtainable(guest_dir)? {
                continue;
            }
            match place.obstacle(guest_dir)? {
                None => return Ok(vec![place]),
                Some(obstacle) => say::note(&obstacle),
            }
        }
        Ok(Vec::new())
    }

    /// `false` for User Mode Linux if it is neither installed nor can be downloaded: most distributions do not have it.
    ///
    /// # Errors
    /// When apt cannot be run.
    pub(crate) fn is_obtainable(self, guest_dir: &Path) -> Result<bool> {
        if self == Self::Uml { packages::is_obtainable(Group::Uml, guest_dir) } else { Ok(true) }
    }

    /// The reason why the guest can never run on this machine.
    ///
    /// # Errors
    /// When the check fails.
    pub(crate) fn obstacle(self, guest_dir: &Path) -> Result<Option<String>> {
        match self {
            Self::Uml => parts::uml_obstacle(guest_dir),
            Self::Qemu | Self::Host => Ok(None),
        }
    }
}

/// The source of a guest's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Real time.
    Time,
    /// The instructions of its only processor, one nanosecond each. Only for QEMU.
    Instructions,
}

/// The setup of a guest.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// A kernel for QEMU instead of that of the distribution.
    pub(crate) kernel: Option<PathBuf>,
    /// Whether udev runs.
    pub(crate) udev: bool,
    /// Whether the jobs use the terminal of the user.
    pub(crate) interactive: bool,
    /// The source of its time.
    pub(crate) clock: Clock,
}

/// Runs jobs one after the other in a place, in one boot.
///
/// # Errors
/// When the guest cannot be set up or started. Later failures are part of the outcome.
pub(crate) fn run(
    place: Place,
    guest_dir: &Path,
    setup: &Setup,
    jobs: &[Job],
    limits: Limits,
    show: &mut dyn FnMut(Live<'_>),
) -> Result<Finished> {
    let folder = RunFolder::new(guest_dir, place.name())?;
    let log_folder = guest_dir.join("log");
    fs::create_dir_all(&log_folder)?;
    let log = log_folder.join(format!("{}.log", place.name()));
    // A concurrent run keeps its open file.
    let _ = fs::remove_file(&log);
    let mark = Mark::new();
    let command = Parts { guest_dir, folder: &folder, setup, jobs, mark: &mark }.command(place)?;
    let kill_prefix = if place == Place::Host { host::privilege() } else { Vec::new() };
    let machine = Machine {
        command,
        kill_prefix,
        log: log.clone(),
        folder: folder.path().to_owned(),
        mark,
        jobs: jobs.len(),
        interactive: setup.interactive,
    };
    let mut outcome = session::run(machine, limits, show)?;
    if place == Place::Uml && !outcome.problems.is_empty() {
        let text = fs::read(&log).unwrap_or_default();
        outcome.problems.extend(uml::obstacle(&String::from_utf8_lossy(&text)).map(str::to_owned));
    }
    Ok(Finished { outcome, log, folder })
}

/// A completed run and its files.
pub(crate) struct Finished {
    /// The events and problems of the run.
    pub(crate) outcome: Outcome,
    /// The kernel's log.
    pub(crate) log: PathBuf,
    folder: RunFolder,
}

impl Finished {
    /// The exit status of the only job, if the run was valid.
    ///
    /// # Errors
    /// When the run was not valid; the reasons are printed.
    pub(crate) fn good_status(&self) -> Result<i32> {
        for problem in &self.outcome.problems {
            say::note(problem);
        }
        if !self.outcome.problems.is_empty() {
            bail!("the run failed; the kernel's log is {}", self.log.display());
        }
        self.outcome.record.jobs.first().and_then(|job| job.status).context("nothing was run")
    }

    /// Prints and returns what the only job left behind.
    pub(crate) fn leftovers(&self) -> &[String] {
        let leftovers = self.outcome.record.jobs.first().map_or(&[][..], |job| &job.leftovers);
        for leftover in leftovers {
            say::note(&format!("left behind: {leftover}"));
        }
        leftovers
    }

    /// Moves the files that the first job wrote to `DM_TESTING_DIR` to a permanent folder, if there are any.
    ///
    /// # Errors
    /// When the folder cannot be moved.
    pub(crate) fn keep_output(&self, to: &Path) -> Result<bool> {
        let from = self.scratch(0);
        if fs::read_dir(&from).map_or(true, |mut entries| entries.next().is_none()) {
            return Ok(false);
        }
        let _ = fs::remove_dir_all(to);
        fs::create_dir_all(to)?;
        fs::rename(&from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))?;
        Ok(true)
    }

    /// The folder in `DM_TESTING_DIR` of a job.
    pub(crate) fn scratch(&self, job: usize) -> PathBuf {
        self.folder.scratch().join(format!("{job:03}"))
    }
}
