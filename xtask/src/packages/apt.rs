//! apt with its state in a private folder, so that it needs no root and touches nothing of the machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say;

/// The private apt.
pub(crate) struct Apt {
    /// Holds the lists and the cache.
    folder: PathBuf,
    /// Takes what apt prints.
    log: PathBuf,
}

impl Apt {
    /// Prepares the private folders; `None` where the machine has no apt.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub(crate) fn new(guest_dir: &Path) -> Result<Option<Self>> {
        let probe = Command::new("apt-get").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !probe.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let apt = Self { folder: guest_dir.join("apt"), log: guest_dir.join("log").join("apt.log") };
        // What an interrupted download left belongs to another group.
        let _ = fs::remove_dir_all(apt.archives());
        for folder in ["state/lists/partial", "cache", "archives/partial"] {
            fs::create_dir_all(apt.folder.join(folder))?;
        }
        fs::create_dir_all(guest_dir.join("log"))?;
        Ok(Some(apt))
    }

    /// Where packages are downloaded to.
    fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    /// An apt program with the private folders set.
    fn command(&self, program: &str) -> Command {
        let option = |name: &str, path: &Path| {
            let mut text = OsString::from(format!("{name}="));
            text.push(path);
            text
        };
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        for setting in [
            option("Dir::State", &self.folder.join("state")),
            option("Dir::State::status", Path::new("/var/lib/dpkg/status")),
            option("Dir::Cache", &self.folder.join("cache")),
            option("Dir::Cache::archives", &self.archives()),
            "Debug::NoLocking=1".into(),
            "APT::Sandbox::User=".into(),
            "Acquire::Languages=none".into(),
            "Acquire::Retries=2".into(),
            "Acquire::http::Timeout=30".into(),
        ] {
            command.arg("-o").arg(setting);
        }
        command
    }

    /// Reads the package lists of the machine's own sources.
    ///
    /// # Errors
    /// When apt cannot be run. A source that cannot be reached is only noted: the others may suffice.
    pub(crate) fn update(&self) -> Result<()> {
        let mut command = self.command("apt-get");
        command.args(["--quiet", "update"]);
        if !self.run(command, "reading package lists")? {
            say::note(&format!("some package lists could not be read, see {}", self.log.display()));
        }
        Ok(())
    }

    /// The names of the packages that match a pattern.
    ///
    /// # Errors
    /// When apt-cache fails.
    pub(crate) fn search(&self, pattern: &str) -> Result<Vec<String>> {
        let output = self
            .command("apt-cache")
            .args(["search", "--names-only", pattern])
            .stderr(Stdio::null())
            .output()
            .context("cannot run apt-cache")?;
        if !output.status.success() {
            bail!("apt-cache search {pattern} failed");
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    /// Downloads the packages and all that they depend on, but for what is installed; the folder that holds them.
    ///
    /// # Errors
    /// When the packages do not exist or cannot be downloaded.
    pub(crate) fn download_missing(&self, packages: &[String]) -> Result<PathBuf> {
        let mut command = self.command("apt-get");
        command
            .args(["--quiet", "--yes", "install", "--download-only", "--no-install-recommends", "--no-upgrade"])
            .args(packages);
        self.run_download(command)
    }

    /// Downloads the packages alone; the folder that holds them.
    ///
    /// # Errors
    /// When the packages do not exist or cannot be downloaded.
    pub(crate) fn download(&self, packages: &[String]) -> Result<PathBuf> {
        let mut command = self.command("apt-get");
        command.args(["--quiet", "download"]).args(packages).current_dir(self.archives());
        self.run_download(command)
    }

    fn run_download(&self, command: Command) -> Result<PathBuf> {
        if self.run(command, "downloading")? {
            return Ok(self.archives());
        }
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let errors: Vec<_> = log.lines().filter(|line| line.starts_with("E:")).collect();
        bail!("apt-get failed, see {}\n{}", self.log.display(), errors.join("\n"))
    }

    /// Runs apt with its output in the log; whether it succeeded.
    fn run(&self, mut command: Command, what: &str) -> Result<bool> {
        let log = fs::File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn().context("cannot run apt-get")?;
        Ok(say::wait_with_progress(&mut child, what)?.success())
    }
}
