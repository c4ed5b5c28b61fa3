//! Throw-away kernels: programs run as root in a guest on the host's own file tree, which the guest cannot change.
//!
//! What a guest writes goes to memory: its root is an overlay above the host's tree. QEMU exports the tree read-only, so
//! no guest can write to it. User Mode Linux is a process of the host; it runs in a mount namespace where all but the
//! run's own folder is read-only. Where the host forbids such namespaces, only the mount inside the guest is read-only:
//! a program that means to, and mounts the host's tree anew, could then write as the user who started it.

mod host;
mod initramfs;
mod job;
mod kernel;
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
use initramfs::Initramfs;
use kernel::Kernel;
use protocol::Mark;
use run_folder::RunFolder;
use session::Machine;
use settings::{Settings, yes_or_no};

/// Where programs are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A User Mode Linux guest.
    Uml,
    /// A QEMU guest.
    Qemu,
    /// This machine's own kernel.
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

    /// The guests that can run on this machine.
    pub(crate) fn guests() -> Vec<Self> {
        if cfg!(target_arch = "x86_64") { vec![Self::Uml, Self::Qemu] } else { Vec::new() }
    }

    /// The guest that is used where one is enough: the quickest, if any runs here.
    pub(crate) fn default_guest() -> Vec<Self> {
        Self::guests().into_iter().take(1).collect()
    }
}

/// How to set up a guest.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The kernel for QEMU, instead of the distribution's.
    pub(crate) kernel: Option<PathBuf>,
    /// Whether udev runs.
    pub(crate) udev: bool,
    /// Whether the jobs talk with the person at the terminal.
    pub(crate) interactive: bool,
}

/// Runs jobs in a place, one after the other, in one boot.
///
/// # Errors
/// When the guest cannot be set up or started; whatever it does then is part of the outcome.
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
    // A run that goes on at the same time keeps its own file.
    let _ = fs::remove_file(&log);
    let mark = Mark::new();
    let parts = Parts { guest_dir, folder: &folder, setup, jobs, mark: &mark };
    let command = match place {
        Place::Uml => parts.uml()?,
        Place::Qemu => parts.qemu()?,
        Place::Host => parts.host()?,
    };
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
    let outcome = session::run(machine, limits, show)?;
    Ok(Finished { outcome, log, folder })
}

/// A run that is over, with what it wrote.
pub(crate) struct Finished {
    /// What happened.
    pub(crate) outcome: Outcome,
    /// The kernel's log.
    pub(crate) log: PathBuf,
    folder: RunFolder,
}

impl Finished {
    /// The exit status of the only job of a run that is to be trusted.
    ///
    /// # Errors
    /// When the run cannot be trusted, or left something behind; what is wrong is printed.
    pub(crate) fn good_status(&self) -> Result<i32> {
        for problem in &self.outcome.problems {
            say::note(problem);
        }
        if !self.outcome.problems.is_empty() {
            bail!("the run did not come to a good end; the kernel's log is {}", self.log.display());
        }
        let job = self.outcome.record.jobs.first().context("nothing was run")?;
        for leftover in &job.leftovers {
            say::note(&format!("left behind: {leftover}"));
        }
        job.status.context("nothing was run")
    }

    /// Moves what the first job wrote to `DM_TESTING_DIR` to a lasting folder, if it wrote anything.
    ///
    /// # Errors
    /// When the folder cannot be moved.
    pub(crate) fn keep_output(&self, to: &Path) -> Result<bool> {
        let from = self.scratch(0);
        if fs::read_dir(&from).map_or(true, |mut entries| entries.next().is_none()) {
            return Ok(false);
        }
        let _ = fs::remove_dir_all(to);
        fs::rename(&from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))?;
        Ok(true)
    }

    /// The folder that a job found in `DM_TESTING_DIR`.
    pub(crate) fn scratch(&self, job: usize) -> PathBuf {
        self.folder.scratch().join(format!("{job:03}"))
    }
}

/// What a guest is made of.
struct Parts<'a> {
    guest_dir: &'a Path,
    folder: &'a RunFolder,
    setup: &'a Setup,
    jobs: &'a [Job],
    mark: &'a Mark,
}

impl Parts<'_> {
    fn uml(&self) -> Result<std::process::Command> {
        if self.setup.kernel.is_some() {
            bail!("--kernel is for QEMU: add --guest qemu");
        }
        let userland = packages::provide(Group::Userland, self.guest_dir)?;
        let tree = match std::env::var_os("DM_GUEST_UML") {
            Some(folder) => folder.into(),
            None => packages::provide(Group::Uml, self.guest_dir)?,
        };
        let kernel = Kernel::open_uml(&tree)?;
        let mut settings = self.guest_settings(&kernel, &userland);
        settings.set("console", uml::CONSOLE);
        settings.set("host_fs", "hostfs");
        let initramfs = self.initramfs(&kernel, &userland, &uml::MODULES, &settings)?;
        uml::command(&kernel, &initramfs, self.folder.path())
    }

    fn qemu(&self) -> Result<std::process::Command> {
        let userland = packages::provide(Group::Userland, self.guest_dir)?;
        let emulator = packages::provide(Group::Qemu, self.guest_dir)?;
        let kernel = match self.setup.kernel.clone().or_else(|| std::env::var_os("DM_GUEST_KERNEL").map(Into::into)) {
            Some(folder) => folder,
            None => packages::provide(Group::Kernel, self.guest_dir)?,
        };
        let kernel = Kernel::open(&kernel)?;
        let qemu = qemu::Qemu::find(&emulator)?;
        let mut settings = self.guest_settings(&kernel, &userland);
        settings.set("console", qemu::CONSOLE);
        settings.set("host_fs", "9p");
        let initramfs = self.initramfs(&kernel, &userland, &qemu::MODULES, &settings)?;
        let acceleration = qemu.acceleration(&kernel, &busybox(&userland)?, self.guest_dir)?;
        let mut command = qemu.command(&kernel, &initramfs, acceleration)?;
        let scratch = self.folder.scratch();
        qemu::export(&mut command, &qemu::Exports { packages: &userland, scratch: &scratch });
        Ok(command)
    }

    fn host(&self) -> Result<std::process::Command> {
        let settings = Settings::new(self.mark, &self.folder.scratch(), false);
        host::command(&settings.files(self.jobs), self.folder.path())
    }

    /// The settings that both kinds of guest share.
    fn guest_settings(&self, kernel: &Kernel, userland: &Path) -> Settings {
        let mut settings = Settings::new(self.mark, &self.folder.scratch(), true);
        settings.set("packages", userland);
        settings.set("modules", &kernel.modules);
        settings.set("udev", yes_or_no(self.setup.udev));
        settings.set("interactive", yes_or_no(self.setup.interactive));
        if self.setup.interactive {
            let (rows, columns) = settings::terminal_size();
            settings.set("rows", rows);
            settings.set("columns", columns);
        }
        settings
    }

    /// Writes the initramfs; its path.
    fn initramfs(&self, kernel: &Kernel, userland: &Path, modules: &[&str], settings: &Settings) -> Result<PathBuf> {
        kernel.index_modules(userland)?;
        let mut initramfs = Initramfs::new();
        for folder in ["bin", "modules", "xtask", "xtask/jobs"] {
            initramfs.folder(folder)?;
        }
        initramfs.file("bin/busybox", &busybox(userland)?)?;
        initramfs.file("init", settings::INIT.as_bytes())?;
        initramfs.file("xtask/boot.sh", settings::BOOT.as_bytes())?;
        for (name, content) in settings.files(self.jobs) {
            initramfs.file(&format!("xtask/{name}"), &content)?;
        }
        for (index, path) in kernel.files_for(modules)?.iter().enumerate() {
            initramfs.module(index, path)?;
        }
        let path = self.folder.path().join("initramfs");
        fs::write(&path, initramfs.finish()?)?;
        Ok(path)
    }
}

/// The busybox of the initramfs, where it finds no shared library.
fn busybox(userland: &Path) -> Result<Vec<u8>> {
    let path = packages::find_file(&[userland], "/bin/busybox").context("no busybox: install a static one")?;
    let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // Programs name their loader near their beginning.
    let (head, loader) = (content.get(..4096).unwrap_or(&content), b"/ld-linux");
    if head.windows(loader.len()).any(|bytes| bytes == loader) {
        bail!("{} needs shared libraries: install a static busybox", path.display());
    }
    Ok(content)
}
