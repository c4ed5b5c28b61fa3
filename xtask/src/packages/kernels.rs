//! Kernels of several releases of Debian, which `cargo xtask kernels` runs the root tests on.

use super::Group;

/// The longterm kernels that a release of Debian has, and the newest.
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
    /// The packages of it.
    pub(crate) fn group(self) -> Group {
        Group::Series(self)
    }
}

/// All that the root tests are run on.
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
