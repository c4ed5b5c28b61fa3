//! What a guest needs and the machine may lack, fetched from the distribution without root.
//!
//! Packages are downloaded by the machine's own apt, which checks them, into private folders under `target/guest`, and
//! unpacked there; nothing is installed. What the machine already has installed is used from where it is.

mod apt;
pub(crate) mod pins;
mod unpack;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

use crate::say;
use apt::Apt;

/// Packages that are fetched and unpacked together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Programs that the guest's own start and the root tests run.
    Userland,
    /// The User Mode Linux kernel with its modules.
    Uml,
    /// The emulator with its firmware.
    Qemu,
    /// The kernel that QEMU runs.
    Kernel,
    /// libclang with its headers, which the build of `dm-testing` needs.
    Clang,
    /// libdevmapper with its header, which dm-core's costs are compared with.
    Libdm,
    /// Debian's oldest supported compiler, with all it takes to run and link, as a tree to be entered.
    OldestRust,
}

/// The release whose compiler is the oldest that is supported.
const OLDEST_RELEASE: &str = "trixie";

/// What the tree of that compiler holds; what these depend on comes with them.
const OLDEST_RUST: [&str; 6] = ["rustc", "cargo", "gcc", "libclang1-19", "libclang-common-19-dev", "busybox-static"];

/// Every program that root tests may require, and what the guest itself needs to start.
const USERLAND: [&str; 8] =
    ["busybox-static", "kmod", "udev", "dmsetup", "e2fsprogs", "thin-provisioning-tools", "cryptsetup-bin", "keyutils"];

/// Where distributions have a busybox that needs no shared library, the surest first.
pub(crate) const BUSYBOX: [&str; 3] = ["/bin/busybox.static", "/usr/bin/busybox-static", "/bin/busybox"];

/// Kernels for QEMU as `apt-cache search` patterns, the most wanted first.
const KERNELS: [&str; 4] = [
    r"^linux-image-6\.12\.[0-9].*-amd64-unsigned$",
    r"^linux-image-[0-9.]+.*-amd64-unsigned$",
    r"^linux-binary-unsigned-[0-9.]+.*-amd64$",
    r"^linux-image-unsigned-[0-9.]+-[0-9]+-generic$",
];

/// How the names of packages begin that hold an image alone, and of those that hold the rest of the same version.
const KERNEL_PARTS: [(&str, [&str; 2]); 2] = [
    // Debian, from Linux 7 on
    ("linux-binary-unsigned-", ["linux-modules-", "linux-base-"]),
    // Ubuntu
    ("linux-image-unsigned-", ["linux-modules-", "linux-modules-extra-"]),
];

/// Flavours of Debian's kernel that the patterns match as well.
const OTHER_FLAVOURS: [&str; 2] = ["-cloud-", "-rt-"];

impl Group {
    /// The name of the folder it is unpacked into.
    fn name(self) -> &'static str {
        match self {
            Self::Userland => "userland",
            Self::Uml => "uml",
            Self::Qemu => "qemu",
            Self::Kernel => "kernel",
            Self::Clang => "clang",
            Self::Libdm => "libdm",
            Self::OldestRust => "oldest-rust",
        }
    }

    /// What to install or set by hand where there is no apt.
    fn by_hand(self) -> &'static str {
        match self {
            Self::Userland => "install busybox (static), kmod and udev",
            Self::Uml => "set DM_GUEST_UML to a folder with bin/linux.uml and lib/uml/modules, or use --guest qemu",
            Self::Qemu => "install qemu-system-x86_64",
            Self::Kernel => {
                "install a kernel whose image can be read, or name one with --kernel DIR or DM_GUEST_KERNEL, a folder with vmlinuz and lib/modules"
            }
            Self::Clang => "install libclang with its headers, or set LIBCLANG_PATH",
            Self::Libdm => "install libdevmapper with its header",
            Self::OldestRust => "its packages come from Debian's archive alone",
        }
    }

    /// Files that are there where the group is installed, each at one of several places; none if that cannot be told.
    fn files(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Userland => &[&BUSYBOX, &["/bin/kmod", "/sbin/kmod"], &["/lib/systemd/systemd-udevd", "/sbin/udevd"]],
            Self::Uml => &[&["/usr/bin/linux.uml"], &["/usr/lib/uml/modules"]],
            Self::Qemu => &[&["/usr/bin/qemu-system-x86_64"]],
            Self::Libdm => &[&["/usr/include/libdevmapper.h"]],
            Self::Kernel | Self::Clang | Self::OldestRust => &[],
        }
    }

    /// Its name in the list of what a machine may lack.
    pub(crate) fn name_of_need(self) -> &'static str {
        match self {
            Self::Clang => "libclang",
            other => other.name(),
        }
    }

    /// Whether a variable names another place to take it from.
    fn is_set(self) -> bool {
        let variable = match self {
            Self::Uml => "DM_GUEST_UML",
            Self::Qemu => "DM_GUEST_QEMU",
            Self::Kernel => "DM_GUEST_KERNEL",
            Self::Clang => "LIBCLANG_PATH",
            Self::Userland | Self::Libdm | Self::OldestRust => return false,
        };
        std::env::var_os(variable).is_some()
    }

    /// Whether it is here or can be fetched.
    pub(crate) fn is_obtainable(self) -> bool {
        self.is_installed() || self.is_set() || Apt::is_there()
    }

    /// Whether the machine has it without our doing.
    fn is_installed(self) -> bool {
        if self == Self::Kernel {
            return installed_kernel().is_some();
        }
        !self.files().is_empty() && self.files().iter().all(|places| places.iter().any(|file| Path::new(file).exists()))
    }

    /// The packages to ask apt for.
    fn packages(self, apt: &Apt) -> Result<Vec<String>> {
        Ok(match self {
            Self::Userland => USERLAND.map(str::to_owned).to_vec(),
            Self::Uml => vec!["user-mode-linux".to_owned()],
            Self::Qemu => vec!["qemu-system-x86".to_owned()],
            Self::Kernel => kernel_packages(apt)?,
            Self::Clang => clang_packages(apt)?,
            Self::Libdm => ["libdevmapper-dev", "libdevmapper1.02.1"].map(str::to_owned).to_vec(),
            Self::OldestRust => OLDEST_RUST.map(str::to_owned).to_vec(),
        })
    }
}

/// The newest kernel of the first pattern that finds one.
fn kernel_packages(apt: &Apt) -> Result<Vec<String>> {
    for pattern in KERNELS {
        let mut found = apt.search(pattern)?;
        found.retain(|name| !OTHER_FLAVOURS.iter().any(|flavour| name.contains(flavour)));
        found.sort_by_key(|name| numbers(name));
        if let Some(image) = found.pop() {
            let parts = other_parts(&image);
            return Ok([image].into_iter().chain(parts).collect());
        }
    }
    bail!("this distribution has no kernel package for QEMU: {}", Group::Kernel.by_hand())
}

/// The packages that hold the rest of a kernel, where that of the image has not all.
fn other_parts(image: &str) -> Vec<String> {
    let parts = KERNEL_PARTS.iter().filter_map(|(prefix, others)| Some((image.strip_prefix(prefix)?, others)));
    parts.flat_map(|(version, others)| others.map(|other| format!("{other}{version}"))).collect()
}

/// The newest libclang with the compiler's own headers.
fn clang_packages(apt: &Apt) -> Result<Vec<String>> {
    let mut found = apt.search("^libclang1-[0-9]+$")?;
    found.sort_by_key(|name| numbers(name));
    let library = found.pop().with_context(|| format!("no libclang found: {}", Group::Clang.by_hand()))?;
    let version = library.trim_start_matches("libclang1-");
    let headers = format!("libclang-common-{version}-dev");
    Ok(vec![library, headers])
}

/// The numbers in a package's name, to sort versions by.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// The image and version of the newest installed kernel that can be read.
pub(crate) fn installed_kernel() -> Option<(PathBuf, String)> {
    let entries = fs::read_dir("/lib/modules").ok()?.flatten();
    let mut versions: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    versions.sort_by_key(|version| numbers(version));
    versions.into_iter().rev().find_map(|version| {
        let flavour = version.rsplit('-').next().unwrap_or_default();
        let mut places = [
            format!("/lib/modules/{version}/vmlinuz"),
            format!("/boot/vmlinuz-{version}"),
            // Alpine names it by its flavour alone.
            format!("/boot/vmlinuz-{flavour}"),
        ]
        .into_iter()
        .map(PathBuf::from);
        Some((places.find(|image| fs::File::open(image).is_ok())?, version))
    })
}

/// Where groups come from that are not there yet.
pub(crate) enum Source {
    /// All are there.
    NothingToFetch,
    /// The machine's apt downloads them.
    Apt,
    /// The machine's apt would, but cannot reach its sources; its log.
    Unreachable(PathBuf),
    /// There is no apt: these must be installed.
    ByHand(Vec<Group>),
}

/// Finds out whether groups can be provided, without downloading more than lists.
///
/// # Errors
/// When apt is there and cannot be run.
pub(crate) fn source(groups: &[Group], guest_dir: &Path) -> Result<Source> {
    let is_there = |group: &Group| is_complete(*group, &folder(*group, guest_dir)) || group.is_set();
    let lacking: Vec<Group> = groups.iter().copied().filter(|group| !is_there(group)).collect();
    if lacking.is_empty() {
        return Ok(Source::NothingToFetch);
    }
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

fn folder(group: Group, guest_dir: &Path) -> PathBuf {
    guest_dir.join("packages").join(group.name())
}

/// The folder into which the group's missing packages are unpacked; fetches them unless that was done before.
///
/// The folder holds only what the machine does not have installed, so it may be empty.
///
/// # Errors
/// When the machine has no apt, or the download fails.
pub(crate) fn provide(group: Group, guest_dir: &Path) -> Result<PathBuf> {
    let folder = folder(group, guest_dir);
    if is_complete(group, &folder) {
        return Ok(folder);
    }
    let _lock = lock(guest_dir)?;
    // Another process may have fetched it while this one waited.
    if !is_complete(group, &folder) {
        fetch(group, guest_dir, &folder).with_context(|| format!("cannot get the packages for {}", group.name()))?;
    }
    Ok(folder)
}

/// Downloads and unpacks a group. Without apt, the folder stays empty and what is installed has to do.
fn fetch(group: Group, guest_dir: &Path, folder: &Path) -> Result<()> {
    let Some(apt) = Apt::new(guest_dir)? else {
        if group.is_installed() {
            return fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()));
        }
        bail!("this machine has no apt: {}", group.by_hand());
    };
    apt.update()?;
    if !apt.has_lists() {
        if group.is_installed() {
            say::note("no network: what is installed has to do");
            return fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()));
        }
        bail!("no network: the package lists cannot be read, see {}", apt.log().display());
    }
    let apt = if group == Group::OldestRust {
        let release = apt.release(OLDEST_RELEASE)?;
        release.update()?;
        release
    } else {
        apt
    };
    let packages = match pins::packages(group, &apt)? {
        Some(pinned) => pinned,
        None => group.packages(&apt)?,
    };
    say::step(&format!("fetching {}", packages.join(" ")));
    // A kernel's dependencies are about installing and starting it; those of libdevmapper are on every Debian.
    let archives = match group {
        Group::Kernel | Group::Libdm => apt.download(&packages)?,
        _ => apt.download_missing(&packages)?,
    };
    let unpacked = folder.with_extension("new");
    let _ = fs::remove_dir_all(&unpacked);
    match group {
        Group::OldestRust => unpack::unpack_root(&archives, &unpacked)?,
        _ => unpack::unpack(&archives, &unpacked)?,
    }
    fs::write(stamp(&unpacked), origin(group))?;
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).with_context(|| format!("cannot move {} into place", unpacked.display()))?;
    fs::remove_dir_all(&archives).with_context(|| format!("cannot remove {}", archives.display()))
}

/// The file that says that a folder was unpacked to its end, and from what.
fn stamp(folder: &Path) -> PathBuf {
    folder.join(".unpacked")
}

fn is_complete(group: Group, folder: &Path) -> bool {
    fs::read_to_string(stamp(folder)).is_ok_and(|text| text == origin(group))
}

/// The text that names this distribution, its release, and the packages as far as they are known by name.
fn origin(group: Group) -> String {
    let distribution = fs::read_to_string("/etc/os-release").unwrap_or_default();
    match group {
        Group::Userland => format!("{distribution}{}\n", USERLAND.join(" ")),
        Group::Uml | Group::Qemu | Group::Kernel | Group::Libdm => format!("{distribution}{}", pins::text_of(group)),
        Group::Clang => distribution,
        Group::OldestRust => format!("{OLDEST_RELEASE} {}\n", OLDEST_RUST.join(" ")),
    }
}

/// Keeps a second process from fetching at the same time.
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

/// The first of the folders that holds the file, else the machine's own.
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
/// When a folder's name holds a colon.
pub(crate) fn library_path(folder: &Path) -> Result<OsString> {
    let own = ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64"].map(|path| folder.join(path));
    let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = own.into_iter().filter(|path| path.is_dir()).chain(std::env::split_paths(&inherited));
    std::env::join_paths(folders).context("cannot set LD_LIBRARY_PATH")
}

#[cfg(test)]
mod tests {
    use super::{numbers, other_parts};

    #[test]
    fn versions_sort_by_number() {
        let mut names = ["linux-image-6.12.9-amd64", "linux-image-6.12.117-amd64", "linux-image-6.12.20-amd64"];
        names.sort_by_key(|name| numbers(name));
        assert_eq!(names[2], "linux-image-6.12.117-amd64");
    }

    #[test]
    fn a_kernel_may_be_in_several_packages() {
        assert!(other_parts("linux-image-6.12.117+deb12-amd64-unsigned").is_empty());
        let debian = other_parts("linux-binary-unsigned-7.2.13+deb14-amd64");
        assert_eq!(debian, ["linux-modules-7.2.13+deb14-amd64", "linux-base-7.2.13+deb14-amd64"]);
        let ubuntu = other_parts("linux-image-unsigned-6.8.0-31-generic");
        assert_eq!(ubuntu, ["linux-modules-6.8.0-31-generic", "linux-modules-extra-6.8.0-31-generic"]);
    }
}
