//! The groups of packages, and where each comes from.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::apt::Apt;
use super::kernels::{self, Series, numbers};
use super::{foreign, pins};

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
    /// As [`OldestRust`](Self::OldestRust), with the standard libraries, linkers and emulators of other platforms.
    Platforms,
    /// As [`OldestRust`](Self::OldestRust), with the source of the standard library.
    StdSource,
    /// A kernel for QEMU of a given series, from a given release of Debian.
    Series(Series),
}

/// The release of Debian with the oldest supported compiler.
const OLDEST_RELEASE: &str = "trixie";

/// The packages of that compiler's tree, without their dependencies.
const OLDEST_RUST: [&str; 6] = ["rustc", "cargo", "gcc", "libclang1-19", "libclang-common-19-dev", "busybox-static"];

/// The package with the source of that compiler's standard library, in the folder where cargo looks for it.
const STD_SOURCE: &str = "rust-src";

/// The programs that root tests may require and that the guest needs to start.
const USERLAND: [&str; 8] =
    ["busybox-static", "kmod", "udev", "dmsetup", "e2fsprogs", "thin-provisioning-tools", "cryptsetup-bin", "keyutils"];

/// The paths of a static busybox in distributions, the most reliable first.
pub(crate) const BUSYBOX: [&str; 3] = ["/bin/busybox.static", "/usr/bin/busybox-static", "/bin/busybox"];

impl Group {
    /// The name of the folder it is unpacked into.
    pub(super) fn name(self) -> &'static str {
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
    pub(super) fn by_hand(self) -> &'static str {
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
    pub(super) fn is_set(self) -> bool {
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

    /// Whether it is installed on the machine.
    pub(super) fn is_installed(self) -> bool {
        if self == Self::Kernel {
            return kernels::installed_kernel().is_some();
        }
        !self.files().is_empty() && self.files().iter().all(|places| places.iter().any(|file| Path::new(file).exists()))
    }

    /// The release of Debian that it comes from, regardless of the machine's distribution.
    pub(super) fn release(self) -> Option<&'static str> {
        match self {
            Self::OldestRust | Self::Platforms | Self::StdSource => Some(OLDEST_RELEASE),
            Self::Series(series) => Some(series.release),
            _ => None,
        }
    }

    /// The apt that downloads it: the machine's, or one for another release.
    pub(super) fn apt(self, apt: Apt) -> Result<Apt> {
        let architectures: &[&str] = if self == Self::Platforms { &foreign::ARCHITECTURES } else { &[] };
        match self.release() {
            Some(release) => apt.release(release, architectures),
            None => Ok(apt),
        }
    }

    /// The packages that apt downloads.
    pub(super) fn packages(self, apt: &Apt) -> Result<Vec<String>> {
        Ok(match self {
            Self::Userland => USERLAND.map(str::to_owned).to_vec(),
            Self::Uml => vec!["user-mode-linux".to_owned()],
            Self::Qemu => vec!["qemu-system-x86".to_owned()],
            Self::Kernel => kernels::packages(apt, &kernels::OF_DISTRIBUTIONS)?,
            Self::Series(series) => kernels::packages(apt, series.patterns)?,
            Self::Clang => clang_packages(apt)?,
            Self::Libdm => ["libdevmapper-dev", "libdevmapper1.02.1"].map(str::to_owned).to_vec(),
            Self::OldestRust => OLDEST_RUST.map(str::to_owned).to_vec(),
            Self::Platforms => foreign::TOOLS.map(str::to_owned).to_vec(),
            Self::StdSource => vec![STD_SOURCE.to_owned()],
        })
    }

    /// Identifies this distribution, its release, and the packages with known names.
    pub(super) fn origin(self) -> String {
        let distribution = fs::read_to_string("/etc/os-release").unwrap_or_default();
        match self {
            Self::Userland => format!("{distribution}{}\n", USERLAND.join(" ")),
            Self::Uml | Self::Qemu | Self::Kernel | Self::Libdm => format!("{distribution}{}", pins::text_of(self)),
            Self::Series(series) => {
                format!("{} {}\n{}", series.release, series.patterns.join(" "), pins::text_of(self))
            }
            Self::Clang => distribution,
            Self::OldestRust => format!("{OLDEST_RELEASE} {}\n", OLDEST_RUST.join(" ")),
            Self::StdSource => format!("{}{STD_SOURCE}\n", Self::OldestRust.origin()),
            Self::Platforms => {
                format!(
                    "{}{} {}\n",
                    Self::OldestRust.origin(),
                    foreign::TOOLS.join(" "),
                    foreign::libraries().join(" ")
                )
            }
        }
    }
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
