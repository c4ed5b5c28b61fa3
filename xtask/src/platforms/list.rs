//! The platforms, and what is done for each.

/// The programs that build and run a platform's programs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tools {
    /// The C compiler, which links.
    pub(super) compiler: &'static str,
    /// The emulator of its processor.
    emulator: &'static str,
    /// The folder with its C library, for the option `-L` of the emulator.
    libraries: &'static str,
}

impl Tools {
    /// The command that cargo puts before the name of a program to run it.
    pub(super) fn runner(self) -> String {
        format!("{} -L {}", self.emulator, self.libraries)
    }
}

/// The checks of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// The tests of the crates without root tests run in an emulator.
    Test(Tools),
    /// Every target of every crate is checked.
    Check,
    /// Every target of every crate is checked, with a standard library that is built from its source.
    CheckBuilt,
    /// The libraries are checked with such a standard library, without the features that need a real kernel.
    CheckMemory,
    /// The crates that need no operating system are checked, with all of the standard library.
    Pure,
    /// As [`Pure`](Self::Pure), with nothing but `core` and `alloc`.
    Bare,
}

/// A platform that the crates are tested on or checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// Its name for the compiler.
    pub(super) target: &'static str,
    pub(super) work: Work,
}

/// The tools for i686, with which root tests are built as well.
pub(super) const I686: Tools =
    Tools { compiler: "i686-linux-gnu-gcc", emulator: "qemu-i386", libraries: "/usr/i686-linux-gnu" };

/// The target of [`I686`].
pub(super) const I686_TARGET: &str = "i686-unknown-linux-gnu";

const ARMHF: Tools =
    Tools { compiler: "arm-linux-gnueabihf-gcc", emulator: "qemu-arm", libraries: "/usr/arm-linux-gnueabihf" };

const S390X: Tools =
    Tools { compiler: "s390x-linux-gnu-gcc", emulator: "qemu-s390x", libraries: "/usr/s390x-linux-gnu" };

pub(super) const PLATFORMS: [Platform; 12] = [
    Platform { name: "i686", target: I686_TARGET, work: Work::Test(I686) },
    Platform { name: "armhf", target: "armv7-unknown-linux-gnueabihf", work: Work::Test(ARMHF) },
    Platform { name: "s390x", target: "s390x-unknown-linux-gnu", work: Work::Test(S390X) },
    Platform { name: "aarch64", target: "aarch64-unknown-linux-gnu", work: Work::Check },
    Platform { name: "riscv64", target: "riscv64gc-unknown-linux-gnu", work: Work::Check },
    Platform { name: "ppc64el", target: "powerpc64le-unknown-linux-gnu", work: Work::Check },
    Platform { name: "musl", target: "x86_64-unknown-linux-musl", work: Work::CheckBuilt },
    Platform { name: "macos", target: "x86_64-apple-darwin", work: Work::CheckMemory },
    Platform { name: "macos-arm64", target: "aarch64-apple-darwin", work: Work::CheckMemory },
    Platform { name: "freebsd", target: "x86_64-unknown-freebsd", work: Work::CheckMemory },
    Platform { name: "wasm32", target: BARE_TARGET, work: Work::Pure },
    Platform { name: "no_std", target: BARE_TARGET, work: Work::Bare },
];

/// The target whose `core` and `alloc` stand for those of any processor without an operating system.
pub(super) const BARE_TARGET: &str = "wasm32-unknown-unknown";

/// The part of the name of a variable of cargo's that stands for a target.
pub(super) fn in_variable(target: &str) -> String {
    target.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::{I686, I686_TARGET, PLATFORMS, in_variable};

    #[test]
    fn platforms_have_different_names() {
        let mut names = PLATFORMS.map(|platform| platform.name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PLATFORMS.len());
    }

    #[test]
    fn cargo_is_told_how_to_run_a_program() {
        assert_eq!(in_variable(I686_TARGET), "I686_UNKNOWN_LINUX_GNU");
        assert_eq!(I686.runner(), "qemu-i386 -L /usr/i686-linux-gnu");
    }
}
