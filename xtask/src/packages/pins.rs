//! Pinned versions of the guests' kernels and emulator, with which the tests pass, and of the library with which costs
//! are compared.
//!
//! A pin gives a package, its version and the sum of its file, for one release of one distribution. When an archive no
//! longer has a pinned version, the newest is used and a note is printed. A package of the pinned version with another
//! sum is refused.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::fcntl::Flock;

use super::apt::Apt;
use super::{Group, SERIES, lock};
use crate::say;

/// The path of the file in the workspace; this program contains its text.
const FILE: &str = "xtask/src/packages/pins.txt";
const PINS: &str = include_str!("pins.txt");

const HEAD: &str = "# The packages of the guests: release|group|package|version|SHA-256. cargo xtask pins --latest writes this file.\n";

/// The groups whose packages are the same on every machine of one release, and those of given releases.
fn pinned() -> impl Iterator<Item = Group> {
    [Group::Uml, Group::Kernel, Group::Qemu, Group::Libdm].into_iter().chain(SERIES.map(|series| series.group()))
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    release: String,
    group: String,
    pub(super) package: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

impl Pin {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('|').map(str::to_owned);
        let mut next = || fields.next().filter(|field| !field.is_empty());
        Some(Self { release: next()?, group: next()?, package: next()?, version: next()?, sha256: next()? })
    }

    fn line(&self) -> String {
        let Self { release, group, package, version, sha256 } = self;
        format!("{release}|{group}|{package}|{version}|{sha256}\n")
    }

    /// The argument for apt.
    pub(super) fn exactly(&self) -> String {
        format!("{}={}", self.package, self.version)
    }
}

fn parse(text: &str) -> Vec<Pin> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(Pin::parse).collect()
}

/// The pins of a group for its release, or for this machine's distribution.
fn pins_of(group: Group) -> Vec<Pin> {
    let release = release_of(group);
    parse(PINS).into_iter().filter(|pin| pin.release == release && pin.group == group.name()).collect()
}

/// The release that a group's packages come from here.
fn release_of(group: Group) -> String {
    group.release().map_or_else(release, str::to_owned)
}

/// The lines about a group, so that what was unpacked for others is not taken for it.
pub(super) fn text_of(group: Group) -> String {
    pins_of(group).iter().map(Pin::line).collect()
}

/// The codename of this machine's distribution, or an empty text.
fn release() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.unwrap_or_default().trim_matches('"').to_owned()
}

/// The pinned packages of a group as arguments for apt; `None` if there are none or the archive does not have one.
///
/// # Errors
/// When a package of the pinned version has another sum.
pub(super) fn packages(group: Group, apt: &Apt) -> Result<Option<Vec<String>>> {
    let pins = pins_of(group);
    for pin in &pins {
        match apt.show(&pin.exactly())? {
            Some(found) if found.sha256 == pin.sha256 => {}
            Some(found) => bail!(
                "{} has the sum {} in the archive, but {} in {FILE}: find the reason before you use it",
                pin.exactly(),
                found.sha256,
                pin.sha256
            ),
            None => {
                say::note(&format!("{} is no longer in the archive: the newest is used instead", pin.exactly()));
                return Ok(None);
            }
        }
    }
    Ok((!pins.is_empty()).then(|| pins.iter().map(Pin::exactly).collect()))
}

/// The pinned packages of this machine's distribution and those from other distributions, one line each, with whether the
/// archive still has them.
///
/// # Errors
/// When there is no apt, or it cannot reach its sources.
pub(crate) fn list(guest_dir: &Path) -> Result<Vec<String>> {
    let (_lock, machine) = reach(guest_dir)?;
    let mut lines = Vec::new();
    for group in pinned() {
        let apt = group.apt(machine.clone())?;
        for pin in pins_of(group) {
            let state = if apt.show(&pin.exactly())?.is_some() { "in the archive" } else { "no longer in the archive" };
            lines.push(format!("{:<13} {:<44} {:<28} {state}", group.name(), pin.package, pin.version));
        }
    }
    Ok(lines)
}

/// The machine's apt with current lists, and a lock on its folders.
fn reach(guest_dir: &Path) -> Result<(Flock<fs::File>, Apt)> {
    let lock = lock(guest_dir)?;
    let apt = Apt::new(guest_dir)?.context("this machine has no apt, for whose packages pins are")?;
    apt.update()?;
    if !apt.has_lists() {
        bail!("no network: the package lists cannot be downloaded, see {}", apt.log().display());
    }
    Ok((lock, apt))
}

/// Pins the newest packages of this distribution, and the newest kernels of all series. The pins of other
/// distributions are kept.
///
/// # Errors
/// When there is no apt, it cannot reach its sources, or the file cannot be written.
pub(crate) fn move_to_latest(root: &Path, guest_dir: &Path) -> Result<()> {
    let (_lock, machine) = reach(guest_dir)?;
    let file = root.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut pins = parse(&text);
    pins.retain(|pin| !pinned().any(|group| pin.group == group.name() && pin.release == release_of(group)));
    for group in pinned() {
        let (apt, release) = (group.apt(machine.clone())?, release_of(group));
        for package in group.packages(&apt)? {
            let found = apt.show(&package)?.with_context(|| format!("apt does not know {package}"))?;
            say::note(&format!("{package} {}", found.version));
            let (release, group) = (release.clone(), group.name().to_owned());
            pins.push(Pin { release, group, package, version: found.version, sha256: found.sha256 });
        }
    }
    let lines: String = pins.iter().map(Pin::line).collect();
    fs::write(&file, format!("{HEAD}{lines}")).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{HEAD, PINS, Pin, parse, pinned};

    #[test]
    fn the_file_has_the_format_in_which_it_is_written() {
        let pins = parse(PINS);
        assert!(!pins.is_empty());
        assert_eq!(format!("{HEAD}{}", pins.iter().map(Pin::line).collect::<String>()), PINS);
        for pin in pins {
            assert!(pin.sha256.len() == 64 && pin.sha256.chars().all(|c| c.is_ascii_hexdigit()), "{pin:?}");
            assert!(pinned().any(|group| group.name() == pin.group), "{pin:?}");
        }
    }

    #[test]
    fn a_pin_has_all_its_fields() {
        let pin = Pin::parse("bookworm|uml|user-mode-linux|6.1|abc").unwrap();
        assert_eq!((pin.exactly().as_str(), pin.sha256.as_str()), ("user-mode-linux=6.1", "abc"));
        for short in ["", "bookworm|uml|user-mode-linux|6.1", "bookworm|uml||6.1|abc"] {
            assert_eq!(Pin::parse(short), None, "{short}");
        }
    }
}
