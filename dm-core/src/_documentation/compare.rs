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
//! LVM2's tools: dmstats' groups and its mapping of files to regions are conventions of that program, and are not
//! in this crate. It has been in use for twenty years.
//!
//! It has typed statuses only for the targets that LVM2 uses, undoes only the creation of a device with its table,
//! waits for udev without a limit, and keeps its settings in global variables.
//!
//! # The crate `devicemapper`
//!
//! Stratis' library, in use by a product. Up to 0.32 it has linear, thin, cache and flakey devices.
//!
//! Prefer it where a program has to build against exactly the devices that Stratis has, or on top of its `DmUuid`
//! and `DmName` types in public interfaces.
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
//! Prefer it in scripts, and where a person reads the output. Each call starts a process, errors are text for
//! people, and a name with an unusual character is quoted by the shell, by dmsetup and in its output, each in
//! another way.
//!
//! # The kernel's own `dm-mod.create=`
//!
//! Devices on the kernel's command line need no program at all. Prefer it for a fixed root device; `Concise` in
//! dm-targets reads and writes the text. It has no way to report an error but the log, and only six targets.
//!
//! # How they compare in instructions
//!
//! `cargo xtask costs --whole` counts the instructions of calls and operations, the kernel's part included, for
//! this crate, for libdm where it has the call, and for the same ioctls by hand. The README of the repository shows
//! the chart that it draws.
