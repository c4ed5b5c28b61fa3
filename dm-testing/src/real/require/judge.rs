//! Decides whether a requirement is met, by the library under test and, in throw-away kernels, also by another library.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dm_core::{Dm, Error};
use dm_units::Version;

use super::{Kind, Requirement};
use crate::real::error::in_full;

/// The result of checking a requirement.
enum Found {
    Yes,
    No,
    /// The kernel has an older version.
    Older(Version),
}

impl Found {
    fn yes_if(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }

    fn version(found: Option<Version>, needed: Version) -> Self {
        match found {
            Some(version) if version < needed => Self::Older(version),
            Some(_) => Self::Yes,
            None => Self::No,
        }
    }
}

/// The conclusion about a requirement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    /// The test cannot run here.
    Missing(String),
    /// The library under test does not find something that the kernel has, or must have.
    Wrong(String),
}

impl Requirement {
    /// Checks the requirement. Returns `None` if it is met, and otherwise a text that says what is missing.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match self.judge() {
            Verdict::Met => None,
            Verdict::Missing(reason) | Verdict::Wrong(reason) => Some(reason),
        }
    }

    pub(super) fn judge(&self) -> Verdict {
        if !is_throw_away() {
            return self.verdict(self.look(), None);
        }
        if self.0 == Kind::DeviceMapper {
            // The test itself shows whether the library can use it.
            return verdict_of_list(lists_device_mapper());
        }
        match self.look() {
            Ok(Found::Yes) => Verdict::Met,
            Err(error) => {
                Verdict::Wrong(format!("this kernel lists a device mapper that cannot be used: {}", in_full(&error)))
            }
            found => self.verdict(found, self.version_by_dmsetup()),
        }
    }

    /// Compares the result of the library under test with the version that another library found.
    fn verdict(&self, found: Result<Found, Error>, other: Option<Version>) -> Verdict {
        let missing = match found {
            Ok(Found::Yes) => return Verdict::Met,
            Ok(Found::No) => format!("it needs {self}"),
            Ok(Found::Older(version)) => format!("it needs {self}; this kernel has {version}"),
            Err(error) => in_full(&error),
        };
        match (other, self.version()) {
            (Some(version), Some(needed)) if version >= needed => {
                Verdict::Wrong(format!("{missing}, says the library under test, but dmsetup finds version {version}"))
            }
            _ => Verdict::Missing(missing),
        }
    }

    /// The required version, if the requirement has one.
    fn version(&self) -> Option<Version> {
        match &self.0 {
            Kind::Interface(version) | Kind::Target { version, .. } => Some(*version),
            _ => None,
        }
    }

    /// The version that the program `dmsetup` finds, with its own library; `None` if it finds none.
    fn version_by_dmsetup(&self) -> Option<Version> {
        let arguments = match &self.0 {
            Kind::Interface(_) => vec!["version"],
            Kind::Target { target_type, .. } => vec!["target-version", target_type],
            _ => return None,
        };
        let output = Command::new("dmsetup").args(arguments).stderr(Stdio::null()).output().ok()?;
        last_version(&String::from_utf8_lossy(&output.stdout))
    }

    fn look(&self) -> Result<Found, Error> {
        Ok(match &self.0 {
            Kind::Root => Found::yes_if(nix::unistd::geteuid().is_root()),
            Kind::Module(name) => Found::yes_if(has_module(name)),
            Kind::Program(name) => Found::yes_if(has_program(name)),
            Kind::Udev => Found::yes_if(Path::new("/run/udev/control").exists()),
            Kind::ThrowAwayKernel => Found::yes_if(is_throw_away()),
            Kind::DeviceMapper => Dm::open().map(|_| Found::Yes)?,
            Kind::Interface(needed) => Found::version(Some(Dm::open()?.version()?), *needed),
            Kind::Target { target_type, version } => Found::version(version_of(&Dm::open()?, target_type)?, *version),
        })
    }
}

fn is_throw_away() -> bool {
    std::env::var_os("DM_TESTING_THROW_AWAY").is_some_and(|value| value == "yes")
}

/// Whether the kernel lists a device mapper now, or did when the guest's first program checked.
fn lists_device_mapper() -> bool {
    match std::env::var_os("DM_TESTING_DEVICE_MAPPER") {
        Some(value) => value == "yes",
        None => ["/proc/misc", "/proc/devices"].iter().all(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().any(|line| line.split_whitespace().nth(1) == Some("device-mapper"))
        }),
    }
}

fn verdict_of_list(is_listed: bool) -> Verdict {
    if is_listed {
        return Verdict::Met;
    }
    Verdict::Wrong("a kernel that is thrown away must list a device mapper in /proc/misc and /proc/devices".to_owned())
}

/// The last word of a text that is a version, such as `v1.4.0` or `4.48.0`.
fn last_version(text: &str) -> Option<Version> {
    text.split_whitespace().rev().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Some(Version::new(major, minor, patch)),
            _ => None,
        }
    })
}

/// The version of a target, after loading its module if the kernel has a command for that; `None` if there is no such
/// target.
fn version_of(dm: &Dm, target_type: &str) -> Result<Option<Version>, Error> {
    match dm.target_version(target_type) {
        Ok(version) => Ok(Some(version)),
        Err(error) if error.is_invalid() => Ok(None),
        Err(error) if error.is_unsupported() => listed_version(dm, target_type),
        Err(error) => Err(error),
    }
}

/// The version of a registered target.
fn listed_version(dm: &Dm, target_type: &str) -> Result<Option<Version>, Error> {
    for target in &dm.list_versions()? {
        let target = target?;
        if target.target_type == target_type {
            return Ok(Some(target.version));
        }
    }
    Ok(None)
}

fn has_module(name: &str) -> bool {
    let looked = Command::new("modprobe").args(["--dry-run", "--quiet", name]).stdout(Stdio::null()).status();
    looked.is_ok_and(|status| status.success())
}

fn has_program(name: &str) -> bool {
    let is_program = |path: PathBuf| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_program(folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::require::{ANY, module, program, target_version};

    #[test]
    fn programs_are_looked_for_in_path() {
        assert_eq!(program("sh").missing(), None);
        assert_eq!(program("no-such-program").missing().as_deref(), Some("it needs the program no-such-program"));
    }

    #[test]
    fn modules_are_those_of_the_kernel() {
        assert_eq!(module("no-such-module").missing().as_deref(), Some("it needs the kernel module no-such-module"));
    }

    #[test]
    fn a_target_that_another_library_finds_is_not_missing() {
        let linear = target_version("linear", Version::new(1, 4, 0));
        let missing = |text: &str| Verdict::Missing(text.to_owned());
        assert_eq!(linear.verdict(Ok(Found::No), None), missing("it needs target linear 1.4.0"));
        assert_eq!(linear.verdict(Ok(Found::No), Some(Version::new(1, 3, 9))), missing("it needs target linear 1.4.0"));
        for found in [Found::No, Found::Older(Version::new(1, 0, 0))] {
            let verdict = linear.verdict(Ok(found), Some(Version::new(1, 4, 0)));
            let Verdict::Wrong(reason) = verdict else { panic!("{verdict:?}") };
            assert!(reason.ends_with("but dmsetup finds version 1.4.0"), "{reason}");
        }
        assert_eq!(linear.verdict(Ok(Found::Yes), None), Verdict::Met);
        assert_eq!(program("sh").verdict(Ok(Found::No), Some(ANY)), missing("it needs the program sh"));
    }

    #[test]
    fn a_throw_away_kernel_must_list_a_device_mapper() {
        assert_eq!(verdict_of_list(true), Verdict::Met);
        assert!(matches!(verdict_of_list(false), Verdict::Wrong(_)));
    }

    #[test]
    fn versions_are_found_in_what_dmsetup_prints() {
        let version = "Library version:   1.02.185 (2022-05-18)\nDriver version:    4.48.0\n";
        assert_eq!(last_version(version), Some(Version::new(4, 48, 0)));
        assert_eq!(last_version("linear           v1.4.0\n"), Some(Version::new(1, 4, 0)));
        assert_eq!(last_version("no target has 1.2 or 1.2.3.4 or 1.2.x\n"), None);
    }
}
