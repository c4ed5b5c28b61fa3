//! Packages for guests and builds, downloaded from the distribution without root.
//!
//! The machine's apt downloads and checks them in private folders in `target/guest`, where they are unpacked; nothing
//! is installed. Installed packages are used as they are.

mod apt;
mod foreign;
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
pub(crate) use kernels::{SERIES, Series};

/// Packages that are downloaded and unpacked together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Programs for the start of the guest and for the root tests.
    Userland,
    /// The User Mode Linux kernel with its modules.
    Uml,
    /// The emulator with its firmware.
    Qemu,
    /// The kernel that QEMU runs.
    Kernel,
    /// libclang with its headers, which the build of `dm-testing` needs.
    Clang,
    /// libdevmapper with its header, with which dm-core's costs are compared.
    Libdm,
    /// The oldest supported compiler with everything it needs to run and link, as a root tree.
    OldestRust,
    /// The same with the standard libraries, linkers and emulators of other platforms.
    Platforms,
    /// The same compiler with the source of its standard library.
    StdSource,
    /// A kernel for QEMU of a given series, from a given release of Debian.
    Series(Series),
}

/// The release of Debian with the oldest supported compiler.
const OLDEST_RELEASE: &str = "trixie";

/// The packages of that compiler's tree, without their dependencies.
const OLDEST_RUST: [&str; 6] = ["rustc", "cargo", "gcc", "libclang1-19", "libclang-common-19-dev", "busybox-static"];

/// The package with that compiler's source, which cargo finds where it puts it.
const STD_SOURCE: &str = "rust-src";

/// The programs that root tests may require and that the guest needs to start.
const USERLAND: [&str; 8] =
    ["busybox-static", "kmod", "udev", "dmsetup", "e2fsprogs", "thin-provisioning-tools", "cryptsetup-bin", "keyutils"];

/// The paths of a static busybox in distributions, the most reliable first.
pub(crate) const BUSYBOX: [&str; 3] = ["/bin/busybox.static", "/usr/bin/busybox-static", "/bin/busybox"];

/// Kernels for QEMU as patterns for `apt-cache search`, the best first.
const KERNELS: [&str; 4] = [
    r"^linux-image-6\.12\.[0-9].*-amd64-unsigned$",
    r"^linux-image-[0-9.]+.*-amd64-unsigned$",
    r"^linux-binary-unsigned-[0-9.]+.*-amd64$",
    r"^linux-image-unsigned-[0-9.]+-[0-9]+-generic$",
];

/// Prefixes of packages that contain only an image, and of those with the rest of the same version.
const KERNEL_PARTS: [(&str, [&str; 2]); 2] = [
    // Debian, from Linux 7 on
    ("linux-binary-unsigned-", ["linux-modules-", "linux-base-"]),
    // Ubuntu
    ("linux-image-unsigned-", ["linux-modules-", "linux-modules-extra-"]),
];

/// Flavours of Debian's kernel that the patterns match but that are not wanted.
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
            Self::Platforms => "platforms",
            Self::StdSource => "std-source",
            Self::Series(series) => series.group,
        }
    }

    /// Advice for machines without apt.
    fn by_hand(self) -> &'static str {
        match self {
            Self::Userland => "install busybox (static), kmod and udev",
            Self::Uml => "set DM_GUEST_UML to a folder with bin/linux.uml and lib/uml/modules, or use --guest qemu",
            Self::Qemu => "install qemu-system-x86_64",
            Self::Kernel => {
                "install a kernel whose image can be read, or give a folder with vmlinuz and lib/modules by --kernel DIR or DM_GUEST_KERNEL"
            }
            Self::Clang => "install libclang with its headers, or set LIBCLANG_PATH",
            Self::Libdm => "install libdevmapper with its header",
            Self::OldestRust | Self::Platforms | Self::StdSource | Self::Series(_) => {
                "its packages come from Debian's archive alone"
            }
        }
    }

    /// Files of the installed group, each with its possible paths; empty if this cannot be determined.
    fn files(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Userland => &[&BUSYBOX, &["/bin/kmod", "/sbin/kmod"], &["/lib/systemd/systemd-udevd", "/sbin/udevd"]],
            Self::Uml => &[&["/usr/bin/linux.uml"], &["/usr/lib/uml/modules"]],
            Self::Qemu => &[&["/usr/bin/qemu-system-x86_64"]],
            Self::Libdm => &[&["/usr/include/libdevmapper.h"]],
            Self::Kernel | Self::Clang | Self::OldestRust | Self::Platforms | Self::StdSource | Self::Series(_) => &[],
        }
    }

    /// Its name in the list of requirements.
    pub(crate) fn name_of_need(self) -> &'static str {
        match self {
            Self::Clang => "libclang",
            other => other.name(),
        }
    }

    /// Whether a variable gives another place for it.
    fn is_set(self) -> bool {
        let variable = match self {
            Self::Uml => "DM_GUEST_UML",
            Self::Qemu => "DM_GUEST_QEMU",
            Self::Kernel => "DM_GUEST_KERNEL",
            Self::Clang => "LIBCLANG_PATH",
            Self::Userland | Self::Libdm | Self::OldestRust | Self::Platforms | Self::StdSource | Self::Series(_) => {
                return false;
            }
        };
        std::env::var_os(variable).is_some()
    }

    /// Whether it is installed or can be downloaded.
    pub(crate) fn is_obtainable(self) -> bool {
        self.is_installed() || self.is_set() || Apt::is_there()
    }

    /// Whether it is installed on the machine.
    fn is_installed(self) -> bool {
        if self == Self::Kernel {
            return installed_kernel().is_some();
        }
        !self.files().is_empty() && self.files().iter().all(|places| places.iter().any(|file| Path::new(file).exists()))
    }

    /// The release of Debian that it comes from whatever the machine's is.
    fn release(self) -> Option<&'static str> {
        match self {
            Self::OldestRust | Self::Platforms | Self::StdSource => Some(OLDEST_RELEASE),
            Self::Series(series) => Some(series.release),
            _ => None,
        }
    }

    /// The apt to ask for it, given the machine's.
    fn apt(self, apt: Apt) -> Result<Apt> {
        let architectures: &[&str] = if self == Self::Platforms { &foreign::ARCHITECTURES } else { &[] };
        match self.release() {
            Some(release) => apt.release(release, architectures),
            None => Ok(apt),
        }
    }

    /// The packages to ask apt for.
    fn packages(self, apt: &Apt) -> Result<Vec<String>> {
        Ok(match self {
            Self::Userland => USERLAND.map(str::to_owned).to_vec(),
            Self::Uml => vec!["user-mode-linux".to_owned()],
            Self::Qemu => vec!["qemu-system-x86".to_owned()],
            Self::Kernel => kernel_packages(apt, &KERNELS)?,
            Self::Series(series) => kernel_packages(apt, series.patterns)?,
            Self::Clang => clang_packages(apt)?,
            Self::Libdm => ["libdevmapper-dev", "libdevmapper1.02.1"].map(str::to_owned).to_vec(),
            Self::OldestRust => OLDEST_RUST.map(str::to_owned).to_vec(),
            Self::Platforms => foreign::TOOLS.map(str::to_owned).to_vec(),
            Self::StdSource => vec![STD_SOURCE.to_owned()],
        })
    }
}

/// The newest kernel of the first pattern that finds one.
fn kernel_packages(apt: &Apt, patterns: &[&str]) -> Result<Vec<String>> {
    for pattern in patterns {
        let mut found = apt.search(pattern)?;
        found.retain(|name| !OTHER_FLAVOURS.iter().any(|flavour| name.contains(flavour)));
        found.sort_by_key(|name| numbers(name));
        if let Some(image) = found.pop() {
            let parts = other_parts(&image);
            return Ok([image].into_iter().chain(parts).collect());
        }
    }
    bail!("no kernel package for QEMU in this release: {}", Group::Kernel.by_hand())
}

/// The packages with the rest of a kernel, if that of the image is incomplete.
fn other_parts(image: &str) -> Vec<String> {
    let parts = KERNEL_PARTS.iter().filter_map(|(prefix, others)| Some((image.strip_prefix(prefix)?, others)));
    parts.flat_map(|(version, others)| others.map(|other| format!("{other}{version}"))).collect()
}

/// The newest libclang, with the compiler's headers.
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
            // Alpine's name contains only the flavour.
            format!("/boot/vmlinuz-{flavour}"),
        ]
        .into_iter()
        .map(PathBuf::from);
        Some((places.find(|image| fs::File::open(image).is_ok())?, version))
    })
}

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
    // One that came with the tree below is that tree's too.
    let _ = fs::remove_file(stamp(&unpacked));
    fs::write(stamp(&unpacked), origin(group))?;
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).with_context(|| format!("cannot move {} into place", unpacked.display()))?;
    fs::remove_dir_all(&archives).with_context(|| format!("cannot remove {}", archives.display()))
}

/// The file that records that a folder is complete, and its origin.
fn stamp(folder: &Path) -> PathBuf {
    folder.join(".unpacked")
}

fn is_complete(group: Group, folder: &Path) -> bool {
    fs::read_to_string(stamp(folder)).is_ok_and(|text| text == origin(group))
}

/// Identifies this distribution, its release, and the packages with known names.
fn origin(group: Group) -> String {
    let distribution = fs::read_to_string("/etc/os-release").unwrap_or_default();
    match group {
        Group::Userland => format!("{distribution}{}\n", USERLAND.join(" ")),
        Group::Uml | Group::Qemu | Group::Kernel | Group::Libdm => format!("{distribution}{}", pins::text_of(group)),
        Group::Series(series) => format!("{} {}\n{}", series.release, series.patterns.join(" "), pins::text_of(group)),
        Group::Clang => distribution,
        Group::OldestRust => format!("{OLDEST_RELEASE} {}\n", OLDEST_RUST.join(" ")),
        Group::StdSource => format!("{}{STD_SOURCE}\n", origin(Group::OldestRust)),
        Group::Platforms => {
            format!("{}{} {}\n", origin(Group::OldestRust), foreign::TOOLS.join(" "), foreign::libraries().join(" "))
        }
    }
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
