//! What a test needs, and the record of tests that were skipped for want of it.
//!
//! A test names what it needs where it makes its [`Scratch`](crate::Scratch), or to [`met`] if it needs none. Where
//! something is missing there are two cases:
//!
//! - The environment variable `DM_TESTING_DIR` names a folder, as `cargo xtask test-root` sets it. Then the test is skipped:
//!   a line `test name<TAB>reason` is appended to the file `skips` there, and whoever set the variable has to count it.
//! - It does not. Then nobody would learn of a skip, so the test fails, with the reason.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dm_core::{Buffer, Dm, Error};
use dm_units::Version;

use crate::fail::fail;
use crate::test_name::test_name;

/// Something that a test can't run without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Root,
    DeviceMapper,
    Interface(Version),
    Target { target_type: String, version: Version },
    Module(String),
    Program(String),
    Udev,
    ThrowAwayKernel,
}

/// Older than any version of a target.
const ANY: Version = Version::new(0, 0, 0);

/// The process must be root's.
#[must_use]
pub fn root() -> Requirement {
    Requirement(Kind::Root)
}

/// The kernel must have a device mapper that this process may use. A [`Scratch`](crate::Scratch) needs it anyway.
#[must_use]
pub fn device_mapper() -> Requirement {
    Requirement(Kind::DeviceMapper)
}

/// The device mapper's ioctl interface must have at least version 4.`minor`.
#[must_use]
pub fn interface(minor: u32) -> Requirement {
    Requirement(Kind::Interface(Version::new(4, minor, 0)))
}

/// The kernel must have a target, which is loaded.
#[must_use]
pub fn target(target_type: &str) -> Requirement {
    target_version(target_type, ANY)
}

/// The kernel must have a target, which is loaded, at this version or a later one.
#[must_use]
pub fn target_version(target_type: &str, version: Version) -> Requirement {
    Requirement(Kind::Target { target_type: target_type.to_owned(), version })
}

/// The kernel must have a module, which is not loaded for that, or have it built in.
#[must_use]
pub fn module(name: &str) -> Requirement {
    Requirement(Kind::Module(name.to_owned()))
}

/// A program of this name must stand in a folder of `PATH`.
#[must_use]
pub fn program(name: &str) -> Requirement {
    Requirement(Kind::Program(name.to_owned()))
}

/// A udev daemon must be running.
#[must_use]
pub fn udev() -> Requirement {
    Requirement(Kind::Udev)
}

/// The kernel must be one that is thrown away after the tests, for a test that may harm what others have on this host.
///
/// That is so where the environment variable `DM_TESTING_THROW_AWAY` is `yes`, as in the guests of `cargo xtask test-root`.
#[must_use]
pub fn throw_away_kernel() -> Requirement {
    Requirement(Kind::ThrowAwayKernel)
}

/// Whether a test has all it needs; otherwise its skip is recorded, or it fails, as the [module](self) says.
///
/// ```no_run
/// use dm_testing::require;
///
/// # /*
/// #[test]
/// #[ignore = "needs root"]
/// # */
/// fn images_can_be_attached() {
///     if !require::met(&[require::root(), require::program("losetup")]) {
///         return;
///     }
///     // ...
/// }
/// # fn main() { images_can_be_attached() }
/// ```
#[must_use = "a test must return where it can't run"]
#[track_caller]
pub fn met(requirements: &[Requirement]) -> bool {
    match requirements.iter().find_map(Requirement::missing) {
        None => true,
        Some(reason) => {
            skip(&reason);
            false
        }
    }
}

/// Records that the running test is skipped, or fails, as the [module](self) says.
///
/// # Panics
/// Where nobody would learn of the skip.
#[track_caller]
pub fn skip(reason: &str) {
    let test = test_name();
    let Some(folder) = std::env::var_os("DM_TESTING_DIR") else {
        fail(format_args!(
            "{test} can't run here: {reason} (set DM_TESTING_DIR to a folder to have it recorded there as skipped)"
        ));
    };
    let skips = PathBuf::from(folder).join("skips");
    println!("{test} is skipped: {reason}");
    if let Err(error) = append(&skips, &record(&test, reason)) {
        fail(format_args!("can't record in {} that {test} is skipped: {error}", skips.display()));
    }
}

/// The line of a skip; a reason may have more than one.
fn record(test: &str, reason: &str) -> String {
    format!("{test}\t{}\n", reason.replace(['\n', '\t'], " "))
}

/// In one write, so that records of other tests do not get into this one.
fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

/// How much of a requirement there is.
enum Found {
    Yes,
    No,
    /// An older version than is needed.
    Older(Version),
}

impl Found {
    fn there(is: bool) -> Self {
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

impl Requirement {
    /// What is missing, as a sentence; `None` where it is there.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match self.look() {
            Ok(Found::Yes) => None,
            Ok(Found::No) => Some(format!("it needs {self}")),
            Ok(Found::Older(version)) => Some(format!("it needs {self}; this kernel has {version}")),
            Err(error) => Some(error.to_string()),
        }
    }

    fn look(&self) -> Result<Found, Error> {
        Ok(match &self.0 {
            Kind::Root => Found::there(nix::unistd::geteuid().is_root()),
            Kind::Module(name) => Found::there(has_module(name)),
            Kind::Program(name) => Found::there(has_program(name)),
            Kind::Udev => Found::there(Path::new("/run/udev/control").exists()),
            Kind::ThrowAwayKernel => {
                Found::there(std::env::var_os("DM_TESTING_THROW_AWAY").is_some_and(|value| value == "yes"))
            }
            Kind::DeviceMapper => Dm::open().map(|_| Found::Yes)?,
            Kind::Interface(needed) => Found::version(Some(Dm::open()?.version()?), *needed),
            Kind::Target { target_type, version } => Found::version(version_of(&Dm::open()?, target_type)?, *version),
        })
    }
}

/// The version of a target, which is loaded where the kernel can be asked to; `None` where there is none.
fn version_of(dm: &Dm, target_type: &str) -> Result<Option<Version>, Error> {
    match dm.target_version(target_type) {
        Ok(version) => Ok(Some(version)),
        Err(error) if error.is_invalid() => Ok(None),
        Err(error) if error.is_unsupported() => listed_version(dm, target_type),
        Err(error) => Err(error),
    }
}

/// The version of a target that is loaded already.
fn listed_version(dm: &Dm, target_type: &str) -> Result<Option<Version>, Error> {
    let mut buffer = Buffer::new();
    for target in &dm.list_versions(&mut buffer)? {
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

/// Prints what is required.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Root => f.write_str("root"),
            Kind::DeviceMapper => f.write_str("a device mapper"),
            Kind::Interface(version) => write!(f, "device mapper interface {version}"),
            Kind::Target { target_type, version } if *version == ANY => write!(f, "target {target_type}"),
            Kind::Target { target_type, version } => write!(f, "target {target_type} {version}"),
            Kind::Module(name) => write!(f, "the kernel module {name}"),
            Kind::Program(name) => write!(f, "the program {name}"),
            Kind::Udev => f.write_str("a running udev daemon"),
            Kind::ThrowAwayKernel => f.write_str("a kernel that is thrown away afterwards"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_skip_is_one_line() {
        assert_eq!(record("mod::test", "it needs\na\tb"), "mod::test\tit needs a b\n");
    }

    #[test]
    fn skips_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("skips");
        append(&path, "a\tb\n").unwrap();
        append(&path, "c\td\n").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a\tb\nc\td\n");
    }
}
