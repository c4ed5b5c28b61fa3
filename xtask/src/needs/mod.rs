//! Checks the requirements of a task before it starts, and reports everything that is missing at once, with the command
//! that installs it.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::clang::Environment;
use crate::guest::Place;
use crate::packages::{self, Group, Source};
use crate::programs::is_in_path;
use crate::say;
use crate::workspace::{Workspace, cargo};

/// The packages for each requirement; the script that links reads them too.
const PACKAGES: &str = include_str!("packages.txt");

/// Distributions in the order of the columns: the ids in `/etc/os-release`, the name, and the command that installs
/// packages.
const DISTRIBUTIONS: [(&[&str], &str, &str); 5] = [
    (&["debian", "ubuntu"], "Debian", "apt-get install"),
    (&["fedora", "rhel"], "Fedora", "dnf install"),
    (&["arch"], "Arch", "pacman -S"),
    (&["alpine"], "Alpine", "apk add"),
    (&["opensuse", "suse"], "openSUSE", "zypper install"),
];

/// One line of the list of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    name: &'static str,
    reason: &'static str,
    /// One for each distribution; empty if it has none.
    packages: [&'static str; 5],
}

fn needs() -> impl Iterator<Item = Need> {
    PACKAGES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('|');
        let (name, reason) = (fields.next()?, fields.next()?);
        let mut next = || fields.next().unwrap_or_default();
        Some(Need { name, reason, packages: [next(), next(), next(), next(), next()] })
    })
}

/// Checks that programs can be built and run in the places, before anything is downloaded or built.
///
/// # Errors
/// When something is missing; the error lists everything and how to install it.
pub(crate) fn check(workspace: &Workspace, places: &[Place], own_kernel: bool) -> Result<()> {
    say::step("checking the requirements");
    let mut missing = Vec::new();
    if !is_in_path("cc") {
        missing.push("linker");
    }
    let mut groups: Vec<Group> = places.iter().flat_map(|place| groups(*place, own_kernel)).copied().collect();
    if !Environment::is_on_machine() {
        groups.push(Group::Clang);
    }
    let mut problems = Vec::new();
    match packages::source(&groups, &workspace.guest_dir())? {
        Source::NothingToFetch => {}
        Source::Apt if ["tar", "dpkg-deb"].iter().all(|program| is_in_path(program)) => {}
        Source::Apt => missing.push("unpacking"),
        Source::Unreachable(log) => problems.push(format!(
            "no network: the package lists of this machine's sources cannot be read, see {}",
            log.display()
        )),
        Source::ByHand(groups) => missing.extend(groups.iter().map(|group| group.name_of_need())),
    }
    if !has_crates(workspace)? {
        problems.push("no network: cargo cannot download the crates in Cargo.lock".to_owned());
    }
    if missing.is_empty() && problems.is_empty() {
        return Ok(());
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    bail!("{}", text(&problems, &missing, &release))
}

/// The requirements of a place besides programs to run in it.
fn groups(place: Place, own_kernel: bool) -> &'static [Group] {
    match place {
        Place::Uml => &[Group::Userland, Group::Uml],
        Place::Qemu if own_kernel => &[Group::Userland, Group::Qemu],
        Place::Qemu => &[Group::Userland, Group::Qemu, Group::Kernel],
        Place::Host => &[],
    }
}

/// Whether the crates are downloaded or can be.
fn has_crates(workspace: &Workspace) -> Result<bool> {
    let fetch = |more: &[&str], errors: Stdio| {
        let mut command = cargo();
        command.args(["fetch", "--locked"]).args(more).current_dir(&workspace.root).stderr(errors).status()
    };
    Ok(fetch(&["--offline"], Stdio::null())?.success() || fetch(&[], Stdio::inherit())?.success())
}

/// The error text: everything that is missing, and the command that installs it on this distribution, or on each one if
/// this one is unknown.
fn text(problems: &[String], missing: &[&str], release: &str) -> String {
    let mut text = "this machine lacks requirements of the task:".to_owned();
    for problem in problems {
        let _ = write!(text, "\n  {problem}");
    }
    let lacking: Vec<Need> = needs().filter(|need| missing.contains(&need.name)).collect();
    for need in &lacking {
        let _ = write!(text, "\n  {}: {}", need.name, need.reason);
    }
    if lacking.is_empty() {
        return text;
    }
    let known = DISTRIBUTIONS.iter().position(|(names, ..)| is_distribution(release, names));
    text.push_str("\ninstall it as root:");
    for (column, (_, name, install)) in DISTRIBUTIONS.iter().enumerate() {
        if known.is_some_and(|known| known != column) {
            continue;
        }
        let packages = |need: &Need| need.packages.get(column).copied().filter(|packages| !packages.is_empty());
        let words: Vec<_> = lacking.iter().filter_map(packages).collect();
        let _ = write!(text, "\n  {name}: {install} {}", words.join(" "));
        for need in lacking.iter().filter(|need| packages(need).is_none()) {
            let _ = write!(text, " ({} has no package there: use --guest qemu)", need.name);
        }
    }
    text
}

/// Whether `/etc/os-release` has the id of one of the distributions, or of one it is based on.
fn is_distribution(release: &str, names: &[&str]) -> bool {
    let values = release.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
    let mut words = values.flat_map(|value| value.split([' ', '"', '-'])).map(str::trim);
    words.any(|word| names.contains(&word))
}

/// Prints the disk space that the task uses.
pub(crate) fn tell_disk_use(workspace: &Workspace) {
    let mebibytes = |folder: &Path| disk_use(folder).div_euclid(1 << 20);
    let (all, fetched) = (mebibytes(&workspace.target), mebibytes(&workspace.guest_dir()));
    say::note(&format!(
        "{} uses {all} MiB, {fetched} MiB of them for downloads; nothing was installed",
        workspace.target.display()
    ));
}

/// The disk space of a folder in bytes. Files that cannot be read are skipped.
fn disk_use(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut sum = 0_u64;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            }
            // A file with several links is counted in equal parts.
            let bytes = metadata.blocks().saturating_mul(512);
            let names = if metadata.is_dir() { 1 } else { metadata.nlink().max(1) };
            sum = sum.saturating_add(bytes.checked_div(names).unwrap_or_default());
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{DISTRIBUTIONS, disk_use, is_distribution, needs, text};

    #[test]
    fn every_need_has_packages_of_every_distribution_but_uml() {
        for need in needs() {
            let has_all = need.packages.iter().all(|packages| !packages.is_empty());
            assert!(has_all || need.name == "uml", "{need:?}");
            assert!(!need.reason.is_empty());
        }
        assert_eq!(needs().count(), 7);
    }

    #[test]
    fn the_command_is_that_of_this_distribution() {
        assert_eq!(
            text(&[], &["linker", "qemu"], "NAME=\"Arch Linux\"\nID=arch\n"),
            "this machine lacks requirements of the task:\n  linker: cc links every Rust program\n  \
             qemu: the emulator qemu-system-x86_64\ninstall it as root:\n  Arch: pacman -S gcc qemu-system-x86"
        );
    }

    #[test]
    fn an_unknown_distribution_is_told_all_commands() {
        let text = text(&["no network: x".to_owned()], &["linker", "uml"], "ID=gentoo\n");
        assert!(text.contains("\n  no network: x\n"), "{text}");
        for (_, name, install) in DISTRIBUTIONS {
            assert!(text.contains(&format!("\n  {name}: {install} gcc")), "{text}");
        }
        assert!(text.contains("Debian: apt-get install gcc libc6-dev user-mode-linux\n"), "{text}");
        assert!(text.contains("Arch: pacman -S gcc (uml has no package there: use --guest qemu)"), "{text}");
    }

    #[test]
    fn without_packages_nothing_is_to_be_installed() {
        assert_eq!(text(&["a".to_owned()], &[], "ID=arch"), "this machine lacks requirements of the task:\n  a");
    }

    #[test]
    fn distributions_are_recognized_by_the_one_they_are_based_on() {
        let like = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
        assert!(is_distribution(like, &["debian", "ubuntu"]));
        assert!(is_distribution("ID=\"opensuse-tumbleweed\"\n", &["opensuse", "suse"]));
        assert!(!is_distribution("NAME=debian\nID=archlinux\n", &["debian", "arch"]));
    }

    #[test]
    fn files_are_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let before = disk_use(folder.path());
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/a"), vec![1; 1 << 20]).unwrap();
        std::fs::hard_link(folder.path().join("sub/a"), folder.path().join("b")).unwrap();
        let grown = disk_use(folder.path()) - before;
        assert!((1 << 20..(1 << 20) + (1 << 17)).contains(&grown), "{grown}");
    }
}
