//! The platforms on which the crate runs, and its requirements.
//!
//! # Kernels
//!
//! The crate supports interface 4.0 (Linux 2.6) to 4.50 (Linux 6.16), and later minor versions. A kernel whose
//! interface has another major version is refused when the handle is opened.
//!
//! A command or option that an older kernel lacks is an [`Unsupported`](crate::Error::Unsupported) error that names the
//! required interface version. Many options have a method `if_possible`; with it, an older kernel carries out the
//! command without [most options](crate#interface-versions) that it lacks.
//!
//! `cargo xtask test` runs for every change, on Debian 12 with the kernels 6.1 and 6.12, on Debian 13 only with 6.12.
//! `cargo xtask kernels` runs the root tests on 5.10, 6.1, 6.12 and the newest kernel in Debian. The kernel in memory
//! of dm-testing emulates any version of the interface since 4.0, and some tests of dm-testing run with old versions.
//!
//! # Systems
//!
//! The crate uses the device mapper of Linux (`target_os = "linux"`, so not Android). On macOS and FreeBSD it compiles
//! with the same API, and works with [another transport](crate::Transport), such as the kernel in memory of dm-testing:
//! a program's tests can run there. Calls that need Linux fail or find nothing:
//!
//! | on other systems | |
//! |---|---|
//! | [`Dm::open`](crate::Dm::open), [`Host::open`](crate::Host::open) | [`OpenError::NotLinux`](crate::OpenError::NotLinux), for which [`is_no_device_mapper`](crate::OpenError::is_no_device_mapper) is true |
//! | [`BlockDevice`](crate::block::BlockDevice) | cannot be opened: [`is_unsupported`](crate::block::BlockError::is_unsupported) |
//! | [`Users`](crate::Users) | none are found, and the result is not [`complete`](crate::Users::complete) |
//! | [`udev`](crate::udev) | there is no udev, and neither cookies nor nodes can be made |
//!
//! Errnos have the numbers of the system that the program runs on, so compare them with the constants of `libc` or
//! `nix`, not with numbers.
//!
//! `cargo xtask platforms` compiles the crate for macOS (x86_64 and aarch64) and FreeBSD; its tests have not run there.
//! The crates dm-units, dm-sys and, without its feature `devices`, dm-targets run on any system.
//!
//! # Processors
//!
//! The fields of the interface's structures have the same sizes and offsets on all processors, so that a 32-bit program
//! works on a 64-bit kernel. Numbers have the byte order of the machine. On x86-64, all tests run for every change;
//! `cargo xtask platforms` runs the crate's tests on i686, armhf and s390x.
//!
//! # Privileges
//!
//! The kernel requires `CAP_SYS_ADMIN` in the initial user namespace for all commands of the control node, and the node
//! usually belongs to root. In a container the device cgroup must allow it (character device 10:236). Errors tell these
//! cases apart.
//!
//! # udev
//!
//! With [`Strategy::Auto`](crate::udev::Strategy::Auto), the default:
//!
//! | situation | what an operation does |
//! |---|---|
//! | udev with the device mapper's rules | waits for a cookie, as libdm does |
//! | udev in another IPC namespace, as for a container | waits for the node, or makes it in a private `/dev` |
//! | udev without the rules | makes nodes itself |
//! | no udev, as in some initramfs | makes nodes itself |
//! | udev that was killed and left its control socket | after a second, makes nodes itself, if `/proc` shows all processes |
//! | udev that hangs | returns an error after the timeout; a created device is removed, other operations take effect |
//!
//! The timeout is 30 seconds unless [`Udev::timeout`](crate::udev::Udev::timeout) sets another one.
//!
//! In an initramfs, a statically linked program needs no libraries. Where udev runs there, its rules can call the
//! example `dmsetup` of dm-testing, which `cargo xtask static` builds as one file.
//!
//! # Threads, signals, forks
//!
//! Handles, hosts, replies, plans and errors are `Send` and `Sync`. [`LogMark`](crate::LogMark) and the lines that
//! [`TargetLine::boxed`](crate::TargetLine::boxed) makes are neither.
//!
//! A signal ends a suspension that waits for I/O, and the device is then not suspended:
//! [`Dm::device_suspend`](crate::Dm::device_suspend) lists the exceptions, and what the attempt leaves changed.
//!
//! A child process may use a handle that no other thread of the parent was using at the `fork`; the handle then opens
//! the kernel's log again. Descriptors that the crate opens are closed on `exec`.
//!
//! # Memory
//!
//! A handle keeps up to four buffers of dropped replies, see [`Dm::idle_memory`](crate::Dm::idle_memory) and
//! [`Dm::free_memory`](crate::Dm::free_memory). A program must lock its memory (`mlockall`) before it suspends a device
//! that holds its own code or swap space.
