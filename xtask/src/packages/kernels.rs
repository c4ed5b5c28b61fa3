//! The choice of a kernel: the installed one, the newest package of a release, and the series of several releases of
//! Debian on which `cargo xtask kernels` runs the root tests.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::apt::Apt;
use super::group::Group;

/// Kernels for QEMU as patterns for `apt-cache search`, the best first.
pub(super) const OF_DISTRIBUTIONS: [&str; 4] = [
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

/// A series of kernels: a longterm one that a release of Debian has, or the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// Its name on the command line and in the README.
    pub(crate) name: &'static str,
    /// The codename of the release.
    pub(super) release: &'static str,
    /// The name of its group.
    pub(super) group: &'static str,
    /// Its packages as `apt-cache search` patterns, the most wanted first.
    pub(super) patterns: &'static [&'static str],
}

impl Series {
    /// Its group of packages.
    pub(crate) fn group(self) -> Group {
        Group::Series(self)
    }
}

/// All series that `cargo xtask kernels` runs the root tests on.
pub(crate) const SERIES: [Series; 4] = [
    Series {
        name: "5.10",
        release: "bullseye",
        group: "kernel-5.10",
        patterns: &[r"^linux-image-5\.10\.[0-9].*-amd64-unsigned$"],
    },
    Series {
        name: "6.1",
        release: "bookworm",
        group: "kernel-6.1",
        patterns: &[r"^linux-image-6\.1\.[0-9].*-amd64-unsigned$"],
    },
    Series {
        name: "6.12",
        release: "trixie",
        group: "kernel-6.12",
        patterns: &[r"^linux-image-6\.12\.[0-9].*-amd64-unsigned$"],
    },
    Series {
        name: "newest",
        release: "sid",
        group: "kernel-newest",
        patterns: &[r"^linux-binary-unsigned-[0-9.]+.*-amd64$", r"^linux-image-[0-9.]+.*-amd64-unsigned$"],
    },
];

/// The newest kernel of the first pattern that finds one.
pub(super) fn packages(apt: &Apt, patterns: &[&str]) -> Result<Vec<String>> {
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

/// The numbers in a package's name, to sort versions by.
pub(super) fn numbers(name: &str) -> Vec<u64> {
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
