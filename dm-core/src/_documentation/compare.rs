//! Other ways to drive the device mapper, and when to prefer them.
//!
//! The pages of [`migration`](crate::migration), and those of dm-targets, have a row for each public item of these
//! libraries.
//!
//! # libdevmapper
//!
//! The C library of LVM2, used by LVM2, cryptsetup, multipath-tools and dmeventd.
//!
//! Prefer it where a program is written in C, has to be built where no Rust compiler exists, or depends on a detail of
//! LVM2's tools: dmstats' groups and its mapping of files to regions are conventions of that program, and are not in
//! this crate. The library has been in use for twenty years.
//!
//! libdevmapper has typed statuses only for the targets that LVM2 uses, undoes only the creation of a device with its
//! table, waits for udev without a limit, and keeps its settings in global variables.
//!
//! # The crate `devicemapper`
//!
//! The library of Stratis. It has linear devices, also with lines of the target `flakey`, and thin-pool, thin and cache
//! devices.
//!
//! Prefer it where a program has to work with Stratis' types of devices, or where its `DmName` and `DmUuid` are part of
//! a public interface.
//!
//! It needs libdm's headers and libclang to build, requests the list of all devices before it sets one up, refuses
//! unknown words of newer kernels, and undoes nothing but the creation of a device whose table the kernel refuses.
//!
//! # Docker's package `devicemapper`
//!
//! A binding of libdevmapper in Go, with the thin pool of Docker's old storage driver. It is no longer developed.
//! The example `snapshotter` of dm-testing does the same work.
//!
//! # Running `dmsetup`
//!
//! Prefer it in scripts, and where a person reads the output. Each call starts a process, errors are text for people,
//! and the shell, dmsetup's arguments and dmsetup's output each quote unusual characters in a name in another way.
//!
//! # The kernel's own `dm-mod.create=`
//!
//! Devices on the kernel's command line need no program at all. Prefer it for a fixed root device; `Concise` in
//! dm-targets reads and writes the text. The kernel reports errors only in its log, and accepts only six targets there.
//!
//! # How they compare in instructions
//!
//! `cargo xtask costs --whole` counts the instructions of calls and operations, the kernel's part included, for
//! this crate, for libdm where it has the call, and for the same ioctls by hand. The README of the repository shows
//! the chart that it draws.
