//! The requirements of tests, and the record of tests that were skipped because a requirement was not met.
//!
//! A test passes its requirements to [`Scratch::new`](crate::Scratch::new), or to [`met`] if it needs no scratch. If a
//! requirement is not met, the environment variable `DM_TESTING_DIR` decides what happens:
//!
//! - If it names a directory, the test is skipped, and the line `test name<TAB>reason` is appended to the file `skips`
//!   in that directory. The program that set the variable, such as `cargo xtask test-root`, evaluates the file.
//! - If it is not set, the skip would not be noticed, so the test fails with the reason.
//!
//! The library under test itself checks the features of the device mapper, and may have a fault. In a throw-away kernel
//! ([`throw_away_kernel`]), a test therefore fails instead of being skipped in two cases:
//!
//! - The test requires a [`device_mapper`], but the kernel lists none in `/proc/misc` and `/proc/devices`. If the
//!   environment variable `DM_TESTING_DEVICE_MAPPER` is set, these files are not read, and the value `yes` means that
//!   the kernel lists a device mapper.
//! - The test requires an [`interface`] or a [`target`], but the library cannot use the device mapper, or does not find
//!   the required version although the program `dmsetup` does.

mod judge;

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use dm_units::Version;

use self::judge::Verdict;
use crate::fail::fail;
use crate::real::test_name::test_name;

/// Something that a test needs to run, such as root or a target. The functions of this module make requirements.
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

/// The process must run as root.
#[must_use]
pub fn root() -> Requirement {
    Requirement(Kind::Root)
}

/// The kernel must have a device mapper whose control node this process can open. In a throw-away kernel, only the
/// lists of the kernel are checked, as described for the [module](self).
///
/// [`Scratch::new`](crate::Scratch::new) checks this itself.
#[must_use]
pub fn device_mapper() -> Requirement {
    Requirement(Kind::DeviceMapper)
}

/// The device mapper's ioctl interface must have at least version 4.`minor`.
#[must_use]
pub fn interface(minor: u32) -> Requirement {
    Requirement(Kind::Interface(Version::new(4, minor, 0)))
}

/// The kernel must have a target with this name. If necessary, the check loads the target's module. Before interface
/// 4.41 it cannot do so, and the target must already be registered.
#[must_use]
pub fn target(target_type: &str) -> Requirement {
    target_version(target_type, ANY)
}

/// The kernel must have a target with this name, at this version or a later one. The check loads the target's module as
/// [`target`] does.
#[must_use]
pub fn target_version(target_type: &str, version: Version) -> Requirement {
    Requirement(Kind::Target { target_type: target_type.to_owned(), version })
}

/// The module must be loaded, loadable or built in, according to `modprobe --dry-run`. The check does not load the
/// module.
#[must_use]
pub fn module(name: &str) -> Requirement {
    Requirement(Kind::Module(name.to_owned()))
}

/// An executable file with this name must be in a directory of `PATH`.
#[must_use]
pub fn program(name: &str) -> Requirement {
    Requirement(Kind::Program(name.to_owned()))
}

/// A udev daemon must be running. Only the existence of its socket `/run/udev/control` is checked.
#[must_use]
pub fn udev() -> Requirement {
    Requirement(Kind::Udev)
}

/// The kernel must be a throw-away one. For tests that could harm other programs on the same kernel.
///
/// A kernel counts as throw-away if the environment variable `DM_TESTING_THROW_AWAY` is `yes`, as in the guests of
/// `cargo xtask test-root`.
#[must_use]
pub fn throw_away_kernel() -> Requirement {
    Requirement(Kind::ThrowAwayKernel)
}

/// Returns whether all requirements are met. If one is not met, the call records the skip or fails the test, as
/// described for the [module](self).
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
///
/// # Panics
/// If a requirement is not met, and `DM_TESTING_DIR` is not set or the skip cannot be recorded there. In a throw-away
/// kernel, also in the two cases that the [module](self) lists.
#[must_use = "a test must return if it cannot run"]
#[track_caller]
pub fn met(requirements: &[Requirement]) -> bool {
    let verdicts = requirements.iter().map(Requirement::judge);
    match verdicts.into_iter().find(|verdict| *verdict != Verdict::Met) {
        None | Some(Verdict::Met) => true,
        Some(Verdict::Missing(reason)) => {
            skip(&reason);
            false
        }
        Some(Verdict::Wrong(reason)) => fail(reason),
    }
}

/// Records that the running test is skipped, or fails the test, as described for the [module](self). The test must then
/// return.
///
/// # Panics
/// If `DM_TESTING_DIR` is not set, or the skip cannot be recorded there.
#[track_caller]
pub fn skip(reason: &str) {
    let test = test_name();
    let Some(directory) = std::env::var_os("DM_TESTING_DIR") else {
        fail(format_args!(
            "{test} cannot run here: {reason} (set DM_TESTING_DIR to a directory to record it there as skipped)"
        ));
    };
    let skips = PathBuf::from(directory).join("skips");
    println!("{test} is skipped: {reason}");
    if let Err(error) = append(&skips, &record(&test, reason)) {
        fail(format_args!("cannot record in {} that {test} is skipped: {error}", skips.display()));
    }
}

/// The line that records a skip. A reason may have several lines, which are joined.
fn record(test: &str, reason: &str) -> String {
    format!("{test}\t{}\n", reason.replace(['\n', '\t'], " "))
}

/// Appends a line in one write, so that lines of several tests do not mix.
fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

/// Prints the requirement.
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
