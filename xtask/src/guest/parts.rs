//! Assembles the parts of a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::initramfs::Initramfs;
use super::job::Job;
use super::kernel::Kernel;
use super::protocol::Mark;
use super::qemu::Processor;
use super::run_folder::RunFolder;
use super::settings::{self, Settings, yes_or_no};
use super::{Clock, Place, Setup, host, qemu, uml};
use crate::packages::{self, Group};
use crate::say;

/// The parts of a guest.
pub(super) struct Parts<'a> {
    pub(super) guest_dir: &'a Path,
    pub(super) folder: &'a RunFolder,
    pub(super) setup: &'a Setup,
    pub(super) jobs: &'a [Job],
    pub(super) mark: &'a Mark,
}

impl Parts<'_> {
    /// The command that runs the jobs in a place.
    ///
    /// # Errors
    /// When something that the place needs is missing.
    pub(super) fn command(&self, place: Place) -> Result<Command> {
        match place {
            Place::Uml => self.uml(),
            Place::Qemu => self.qemu(),
            Place::Host => self.host(),
        }
    }

    fn uml(&self) -> Result<Command> {
        if self.setup.kernel.is_some() {
            bail!("--kernel is for QEMU: add --guest qemu");
        }
        let userland = packages::provide(Group::Userland, self.guest_dir)?;
        let kernel = uml_kernel(self.guest_dir)?;
        let mut settings = self.guest_settings(&kernel, &userland);
        settings.set("console", uml::CONSOLE);
        settings.set("host_fs", "hostfs");
        let initramfs = self.initramfs(&kernel, &userland, &uml::MODULES, &settings)?;
        say::note("User Mode Linux: the kernel runs as a program, without emulation");
        uml::command(&kernel, &initramfs, self.folder.path())
    }

    fn qemu(&self) -> Result<Command> {
        let userland = packages::provide(Group::Userland, self.guest_dir)?;
        let emulator = packages::provide(Group::Qemu, self.guest_dir)?;
        let kernel = match self.setup.kernel.clone().or_else(|| std::env::var_os("DM_GUEST_KERNEL").map(Into::into)) {
            Some(folder) => Kernel::open(&folder)?,
            None => Kernel::open_fetched(&packages::provide(Group::Kernel, self.guest_dir)?)?,
        };
        let qemu = qemu::Qemu::find(&emulator)?;
        let mut settings = self.guest_settings(&kernel, &userland);
        settings.set("console", qemu::CONSOLE);
        settings.set("host_fs", "9p");
        let initramfs = self.initramfs(&kernel, &userland, &qemu::MODULES, &settings)?;
        let processor = match self.setup.clock {
            Clock::Time => qemu.processor(&kernel, &busybox(&userland)?, self.guest_dir)?,
            Clock::Instructions => Processor::Counting,
        };
        say::note(processor.summary());
        let mut command = qemu.command(&kernel, &initramfs, processor)?;
        let scratch = self.folder.scratch();
        qemu::export(&mut command, &qemu::Exports { packages: &userland, scratch: &scratch });
        Ok(command)
    }

    fn host(&self) -> Result<Command> {
        let settings = Settings::new(self.mark, &self.folder.scratch(), false);
        host::command(&settings.files(self.jobs), self.folder.path())
    }

    /// The settings for both kinds of guest.
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

    /// Writes the initramfs, and returns its path.
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

fn uml_kernel(guest_dir: &Path) -> Result<Kernel> {
    let tree = match std::env::var_os("DM_GUEST_UML") {
        Some(folder) => folder.into(),
        None => packages::provide(Group::Uml, guest_dir)?,
    };
    Kernel::open_uml(&tree)
}

/// The reason why User Mode Linux can never run on this machine. It is determined once per boot of the machine.
///
/// # Errors
/// When its packages are missing or it cannot be started.
pub(super) fn uml_obstacle(guest_dir: &Path) -> Result<Option<String>> {
    let note = guest_dir.join("uml");
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot_id = format!("{}\n", boot_id.trim());
    let known = fs::read_to_string(&note).unwrap_or_default();
    let obstacle = match known.strip_prefix(&boot_id) {
        Some(text) => text.to_owned(),
        None => {
            let userland = packages::provide(Group::Userland, guest_dir)?;
            let kernel = uml_kernel(guest_dir)?;
            let folder = RunFolder::new(guest_dir, "uml-test")?;
            let found = uml::test(&kernel, &busybox(&userland)?, folder.path())?.unwrap_or_default();
            fs::write(&note, format!("{boot_id}{found}"))?;
            found.to_owned()
        }
    };
    Ok((!obstacle.is_empty()).then_some(obstacle))
}

/// A busybox that runs in the initramfs, where it finds no shared library.
fn busybox(userland: &Path) -> Result<Vec<u8>> {
    let mut places = packages::BUSYBOX.iter().filter_map(|path| packages::find_file(&[userland], path));
    let path = places.next().context("no busybox: install a static one")?;
    let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // The path of the loader is near the beginning of a program.
    let (head, loader) = (content.get(..4096).unwrap_or(&content), b"/ld-");
    if head.windows(loader.len()).any(|bytes| bytes == loader) {
        bail!("{} needs shared libraries: install a static busybox", path.display());
    }
    Ok(content)
}
