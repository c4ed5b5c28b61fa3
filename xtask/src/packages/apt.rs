//! apt with its state in a private folder, so that it needs no root and does not change the machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say;

/// A package in the archive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its version.
    pub(crate) version: String,
    /// The SHA-256 sum of its file, which apt checks.
    pub(crate) sha256: String,
}

impl Shown {
    fn parse(text: &str) -> Option<Self> {
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        Some(Self { version: field("Version:")?, sha256: field("SHA256:")? })
    }
}

/// The private apt.
#[derive(Clone)]
pub(crate) struct Apt {
    /// The folder for the lists and the cache.
    folder: PathBuf,
    /// The file for the output of apt.
    log: PathBuf,
    /// Whether it uses a separate list of sources and treats no package as installed.
    separate: bool,
    /// The architectures other than the machine's whose packages it knows, under Debian's names.
    architectures: &'static [&'static str],
}

impl Apt {
    /// Whether the machine has apt.
    pub(crate) fn is_installed() -> bool {
        let probe = Command::new("apt-get").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    }

    /// Creates the private folders; `None` if the machine has no apt.
    ///
    /// # Errors
    /// When the folders cannot be created.
    pub(crate) fn new(guest_dir: &Path) -> Result<Option<Self>> {
        if !Self::is_installed() {
            return Ok(None);
        }
        let (folder, log) = (guest_dir.join("apt"), guest_dir.join("log").join("apt.log"));
        let apt = Self { folder, log, separate: false, architectures: &[] };
        apt.prepare()?;
        Ok(Some(apt))
    }

    fn prepare(&self) -> Result<()> {
        // Files of an interrupted download belong to another group.
        let _ = fs::remove_dir_all(self.archives());
        for folder in ["state/lists/partial", "cache", "archives/partial"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        self.log.parent().map_or(Ok(()), fs::create_dir_all)?;
        Ok(())
    }

    /// An apt for another release of Debian, whose packages share nothing with the machine's, with fresh lists.
    ///
    /// # Errors
    /// When the machine's own sources name no Debian mirror, the folders cannot be made, or apt cannot be run.
    pub(crate) fn release(&self, codename: &str, architectures: &'static [&'static str]) -> Result<Self> {
        let mirror = self.debian_mirror()?;
        let folder = self.folder.with_file_name(format!("apt-{codename}"));
        let release = Self { folder, log: self.log.clone(), separate: true, architectures };
        release.prepare()?;
        fs::write(release.folder.join("sources.list"), format!("deb {mirror} {codename} main\n"))?;
        fs::write(release.folder.join("status"), "")?;
        release.update()?;
        Ok(release)
    }

    /// The address of Debian's archive in the sources of the machine.
    fn debian_mirror(&self) -> Result<String> {
        let output = self
            .command("apt-get")
            .args(["indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"])
            .stderr(Stdio::null())
            .output()
            .context("cannot run apt-get")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mirror = text.lines().find_map(|line| line.strip_prefix("Debian "));
        Ok(mirror.context("no package source of this machine is a reachable Debian mirror")?.to_owned())
    }

    /// The folder for downloads.
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
        let status = if self.separate { self.folder.join("status") } else { "/var/lib/dpkg/status".into() };
        let mut command = Command::new(program);
        if self.separate {
            command.arg("-o").arg(option("Dir::Etc::sourcelist", &self.folder.join("sources.list")));
            command.args(["-o", "Dir::Etc::sourceparts=-"]);
        }
        if !self.architectures.is_empty() {
            // The first of them is the machine's own.
            for architecture in ["amd64"].iter().chain(self.architectures) {
                command.arg("-o").arg(format!("APT::Architectures::={architecture}"));
            }
        }
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        for setting in [
            option("Dir::State", &self.folder.join("state")),
            option("Dir::State::status", &status),
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

    /// Downloads the package lists of the machine's sources.
    ///
    /// # Errors
    /// When apt cannot be run. A source that cannot be reached is only reported, since the others may be enough.
    pub(crate) fn update(&self) -> Result<()> {
        let mut command = self.command("apt-get");
        command.args(["--quiet", "update"]);
        if !self.run(command, "reading package lists")? {
            say::note(&format!("some package lists could not be downloaded, see {}", self.log.display()));
        }
        Ok(())
    }

    /// Whether the package list of any source could be read.
    pub(crate) fn has_lists(&self) -> bool {
        let entries = fs::read_dir(self.folder.join("state/lists")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().contains("_Packages"))
    }

    /// The log of the last command.
    pub(crate) fn log(&self) -> &Path {
        &self.log
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

    /// The newest version of a package, or the version after a `=`; `None` if the archive does not have it.
    ///
    /// # Errors
    /// When apt-cache cannot be run.
    pub(crate) fn show(&self, package: &str) -> Result<Option<Shown>> {
        let output = self
            .command("apt-cache")
            .args(["show", "--no-all-versions", package])
            .stderr(Stdio::null())
            .output()
            .context("cannot run apt-cache")?;
        Ok(Shown::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Downloads the packages and their dependencies, except installed ones. Returns the folder that contains them.
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

    /// Downloads the packages without their dependencies. Returns the folder that contains them.
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

    /// Runs apt with its output in the log. Returns whether it succeeded.
    fn run(&self, mut command: Command, what: &str) -> Result<bool> {
        let log = fs::File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn().context("cannot run apt-get")?;
        Ok(say::wait_with_progress(&mut child, what)?.success())
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;

    #[test]
    fn a_package_is_shown_with_its_sum() {
        let text = "Package: busybox\nVersion: 1:1.35.0-4\nSize: 7\nSHA256: 0123\n";
        let shown = Shown { version: "1:1.35.0-4".to_owned(), sha256: "0123".to_owned() };
        assert_eq!(Shown::parse(text), Some(shown));
        // An installed package that is in no archive has no sum.
        assert_eq!(Shown::parse("Package: busybox\nVersion: 1\n"), None);
    }
}
