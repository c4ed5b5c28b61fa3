//! Packages for guests and builds, downloaded from the distribution without root.
//!
//! The machine's apt downloads and checks them in private folders in `target/guest`, where they are unpacked; nothing
//! is installed. Installed packages are used as they are.

mod apt;
mod foreign;
mod group;
mod kernels;
pub(crate) mod pins;
mod unpack;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

use crate::say;
use apt::Apt;
pub(crate) use group::{BUSYBOX, Group};
pub(crate) use kernels::{SERIES, Series, installed_kernel};

/// The source of groups that are not yet available.
pub(crate) enum Source {
    /// All are available.
    NothingToFetch,
    /// The machine's apt downloads them.
    Apt,
    /// The machine's apt cannot reach its sources; the path of its log.
    Unreachable(PathBuf),
    /// There is no apt: the user must install these.
    ByHand(Vec<Group>),
}

/// Determines whether groups can be provided, and downloads at most package lists.
///
/// # Errors
/// When apt cannot be run.
pub(crate) fn source(groups: &[Group], guest_dir: &Path) -> Result<Source> {
    let is_available = |group: &Group| is_complete(*group, &folder(*group, guest_dir)) || group.is_set();
    let lacking: Vec<Group> = groups.iter().copied().filter(|group| !is_available(group)).collect();
    if lacking.is_empty() {
        return Ok(Source::NothingToFetch);
    }
    // Otherwise the downloads of another process would be removed.
    let _lock = lock(guest_dir)?;
    let Some(apt) = Apt::new(guest_dir)? else {
        let by_hand: Vec<_> = lacking.into_iter().filter(|group| !group.is_installed()).collect();
        return Ok(if by_hand.is_empty() { Source::NothingToFetch } else { Source::ByHand(by_hand) });
    };
    apt.update()?;
    if apt.has_lists() {
        Ok(Source::Apt)
    } else if lacking.iter().all(|group| group.is_installed()) {
        Ok(Source::NothingToFetch)
    } else {
        Ok(Source::Unreachable(apt.log().to_owned()))
    }
}

/// Whether a group is unpacked or installed, or the machine's apt has its packages. Without network this is not known,
/// and assumed: the check of the requirements reports the network.
///
/// # Errors
/// When apt cannot be run.
pub(crate) fn is_obtainable(group: Group, guest_dir: &Path) -> Result<bool> {
    if is_complete(group, &folder(group, guest_dir)) || group.is_set() || group.is_installed() {
        return Ok(true);
    }
    let _lock = lock(guest_dir)?;
    let Some(apt) = Apt::new(guest_dir)? else { return Ok(false) };
    if !apt.has_lists() {
        apt.update()?;
    }
    if !apt.has_lists() {
        return Ok(true);
    }
    for package in group.packages(&apt)? {
        if apt.show(&package)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn folder(group: Group, guest_dir: &Path) -> PathBuf {
    guest_dir.join("packages").join(group.name())
}

/// The folder with the group's unpacked packages, which are downloaded if they are not yet there.
///
/// The folder contains only packages that are not installed, so it may be empty.
///
/// # Errors
/// When the machine has no apt, or the download fails.
pub(crate) fn provide(group: Group, guest_dir: &Path) -> Result<PathBuf> {
    let folder = folder(group, guest_dir);
    if is_complete(group, &folder) {
        return Ok(folder);
    }
    let _lock = lock(guest_dir)?;
    // Another process may have downloaded it meanwhile.
    if !is_complete(group, &folder) {
        fetch(group, guest_dir, &folder).with_context(|| format!("cannot get the packages for {}", group.name()))?;
    }
    Ok(folder)
}

/// Downloads and unpacks a group. Without apt, the folder stays empty and installed programs are used.
fn fetch(group: Group, guest_dir: &Path, folder: &Path) -> Result<()> {
    let Some(apt) = Apt::new(guest_dir)? else {
        if group.is_installed() {
            return fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()));
        }
        bail!("this machine has no apt: {}", group.by_hand());
    };
    apt.update()?;
    if !apt.has_lists() {
        if group.is_installed() {
            say::note("no network: only installed programs are used");
            return fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()));
        }
        bail!("no network: the package lists cannot be downloaded, see {}", apt.log().display());
    }
    let apt = group.apt(apt)?;
    let packages = match pins::packages(group, &apt)? {
        Some(pinned) => pinned,
        None => group.packages(&apt)?,
    };
    say::step(&format!("fetching {}", packages.join(" ")));
    // A kernel's dependencies are about installing and starting it; those of libdevmapper are on every Debian.
    let mut archives = match group {
        Group::Kernel | Group::Series(_) | Group::Libdm => apt.download(&packages)?,
        _ => apt.download_missing(&packages)?,
    };
    if group == Group::Platforms {
        archives = apt.download(&foreign::libraries())?;
    }
    let unpacked = folder.with_extension("new");
    let _ = fs::remove_dir_all(&unpacked);
    match group {
        Group::OldestRust => unpack::unpack_root(&archives, &unpacked)?,
        Group::Platforms | Group::StdSource => {
            unpack::unpack_over(&self::folder(Group::OldestRust, guest_dir), &archives, &unpacked)?
        }
        _ => unpack::unpack(&archives, &unpacked)?,
    }
    // The copy of a tree shares this file with the original, which must not change.
    let _ = fs::remove_file(stamp(&unpacked));
    fs::write(stamp(&unpacked), group.origin())?;
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).with_context(|| format!("cannot move {} into place", unpacked.display()))?;
    fs::remove_dir_all(&archives).with_context(|| format!("cannot remove {}", archives.display()))
}

/// The file that records that a folder is complete, and its origin.
fn stamp(folder: &Path) -> PathBuf {
    folder.join(".unpacked")
}

fn is_complete(group: Group, folder: &Path) -> bool {
    fs::read_to_string(stamp(folder)).is_ok_and(|text| text == group.origin())
}

/// Prevents concurrent downloads by another process.
fn lock(guest_dir: &Path) -> Result<Flock<fs::File>> {
    fs::create_dir_all(guest_dir)?;
    let open = || fs::File::create(guest_dir.join("lock"));
    match Flock::lock(open()?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err(_) => {
            say::note("waiting for another cargo xtask that is fetching packages");
            Flock::lock(open()?, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
        }
    }
}

/// The file in the first of the folders that contains it, else on the machine.
///
/// `path` is absolute, as in an installed system.
pub(crate) fn find_file(folders: &[&Path], path: &str) -> Option<PathBuf> {
    let relative = path.trim_start_matches('/');
    let mut places = folders.iter().map(|folder| folder.join(relative)).chain([PathBuf::from(path)]);
    places.find(|place| place.exists())
}

/// The value of `LD_LIBRARY_PATH` for programs of an unpacked group.
///
/// # Errors
/// When the name of a folder contains a colon.
pub(crate) fn library_path(folder: &Path) -> Result<OsString> {
    let own = ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64"].map(|path| folder.join(path));
    let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = own.into_iter().filter(|path| path.is_dir()).chain(std::env::split_paths(&inherited));
    std::env::join_paths(folders).context("cannot set LD_LIBRARY_PATH")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Group, folder, is_obtainable, stamp};

    #[test]
    fn a_group_that_apt_does_not_have_cannot_be_obtained() {
        let guest_dir = tempfile::tempdir().unwrap();
        let lists = guest_dir.path().join("apt/state/lists");
        fs::create_dir_all(&lists).unwrap();
        // A list that apt does not read: Ubuntu has no User Mode Linux.
        fs::write(lists.join("none_Packages"), "").unwrap();
        let is_here = Group::Uml.is_installed() || Group::Uml.is_set();
        assert_eq!(is_obtainable(Group::Uml, guest_dir.path()).unwrap(), is_here);

        let unpacked = folder(Group::Uml, guest_dir.path());
        fs::create_dir_all(&unpacked).unwrap();
        fs::write(stamp(&unpacked), Group::Uml.origin()).unwrap();
        assert!(is_obtainable(Group::Uml, guest_dir.path()).unwrap());
    }
}
