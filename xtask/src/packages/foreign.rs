//! The packages for platforms other than the machine's: linkers, C libraries, emulators, and Rust's standard libraries.

/// Compilers that link for other platforms, their C libraries, and the emulators of their processors.
pub(super) const TOOLS: [&str; 7] = [
    "gcc-i686-linux-gnu",
    "gcc-arm-linux-gnueabihf",
    "gcc-s390x-linux-gnu",
    "libc6-dev-i386-cross",
    "libc6-dev-armhf-cross",
    "libc6-dev-s390x-cross",
    "qemu-user",
];

/// The architectures with a standard library, under Debian's names.
pub(super) const ARCHITECTURES: [&str; 6] = ["i386", "armhf", "s390x", "arm64", "riscv64", "ppc64el"];

/// The packages of Rust's standard libraries. Their dependencies are needed only by programs that run on
/// such a machine.
pub(super) fn libraries() -> Vec<String> {
    let foreign = ARCHITECTURES.iter().map(|architecture| format!("libstd-rust-dev:{architecture}"));
    foreign.chain(["libstd-rust-dev-wasm32".to_owned()]).collect()
}
