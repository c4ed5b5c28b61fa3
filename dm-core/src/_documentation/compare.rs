//! Other ways to drive the device mapper, and when to prefer them.
//!
//! The migration pages of [this crate](crate::migration) and of dm-targets list every public item of these libraries,
//! with its replacement.
//!
//! # libdevmapper
//!
//! The C library of LVM2. LVM2, cryptsetup, multipath-tools and dmeventd use it.
//!
//! Prefer it if your program is written in C, must build where no Rust compiler exists, or depends on conventions of
//! LVM2's tools. For example, this crate has neither the groups of dmstats nor its mapping of files to regions. The
//! library has been in use for twenty years.
//!
//! Its limits:
//!
//! - It has typed statuses only for the targets that LVM2 uses.
//! - After a failure, it undoes only the creation of a device with its table.
//! - It waits for udev without a timeout.
//! - It keeps its settings in global variables.
//!
//! # The crate `devicemapper`
//!
//! The Rust library of Stratis. It has types for linear devices (also with `flakey` lines), thin pools, thin devices
//! and cache devices.
//!
//! Prefer it if your program works with Stratis' device types, or if the `DmName` and `DmUuid` of that crate are part
//! of your public interface.
//!
//! Its limits:
//!
//! - It needs libdm's headers and libclang to build.
//! - It lists all devices before it sets one up.
//! - It returns an error if a newer kernel reports a word that it does not know.
//! - It undoes only the creation of a device whose table the kernel refuses.
//!
//! # Docker's package `devicemapper`
//!
//! A Go binding of libdevmapper, with the thin pool of Docker's old storage driver. It is no longer developed. The
//! example `snapshotter` of dm-testing does the same work.
//!
//! # Running `dmsetup`
//!
//! Prefer it in scripts, and if a person reads the output. Each call starts a process, and errors are text for people.
//! The shell, dmsetup's arguments and dmsetup's output each quote unusual characters in names differently.
//!
//! # The kernel's own `dm-mod.create=`
//!
//! With this parameter, the kernel creates devices at boot, without any program. Prefer it for a fixed root device.
//! `Concise` in dm-targets reads and writes the text of the parameter. The kernel reports errors only in its log, and
//! this parameter accepts only six targets.
//!
//! # How they compare in instructions
//!
//! `cargo xtask costs --whole` counts the instructions of calls and operations, including those in the kernel. It
//! counts them for this crate, for the same call of libdm if there is one, and for the same ioctls without a library.
//! The README of the repository shows the resulting chart.
