//! The platforms on which the crate runs, and its requirements.
//!
//! # Kernels
//!
//! The crate supports the ioctl interface 4.0 (Linux 2.6) to 4.50 (Linux 6.16), and later minor versions. A kernel
//! whose interface has another major version is refused when the handle is opened.
//!
//! If the kernel lacks a command or an option, the error is [`Unsupported`](crate::Error::Unsupported), which names the
//! required interface version. Many types of options have a method `if_possible`. With it, an older kernel executes the
//! command without the options that it lacks. There are [three exceptions](crate#interface-versions).
//!
//! `cargo xtask test` runs for every change: on Debian 12 with kernels 6.1 and 6.12, and on Debian 13 with kernel 6.12.
//! `cargo xtask kernels` runs the tests that need root on 5.10, 6.1, 6.12 and the newest kernel in Debian. The kernel
//! in memory of dm-testing emulates any version of the interface since 4.0, and some tests of dm-testing run with old
//! versions.
//!
//! # Systems
//!
//! The crate uses the device mapper of Linux (`target_os = "linux"`, so not Android). On macOS and FreeBSD it compiles
//! with the same API. There it works with [another transport](crate::Transport), such as the kernel in memory of
//! dm-testing, so the tests of a program can run on these systems. Calls that need Linux fail or find nothing:
//!
//! | item | on other systems |
//! |---|---|
//! | [`Dm::open`](crate::Dm::open), [`Host::open`](crate::Host::open) | [`OpenError::NotLinux`](crate::OpenError::NotLinux), for which [`is_no_device_mapper`](crate::OpenError::is_no_device_mapper) is true |
//! | [`BlockDevice`](crate::block::BlockDevice) | cannot be opened: [`is_unsupported`](crate::block::BlockError::is_unsupported) |
//! | [`Users`](crate::Users) | none are found, and the result is not [`complete`](crate::Users::complete) |
//! | [`udev`](crate::udev) | there is no udev, and neither cookies nor nodes can be made |
//!
//! The values of errnos depend on the system, so compare them with the constants of `libc` or `nix`, not with numbers.
//!
//! `cargo xtask platforms` compiles the crate for macOS (x86_64 and aarch64) and FreeBSD; its tests have not run on
//! these systems. The crates dm-units and dm-sys run on any system. So does dm-targets without its feature `devices`.
//!
//! # Processors
//!
//! The fields of the interface's structures have the same sizes and offsets on all processors, so a 32-bit program
//! works on a 64-bit kernel. Numbers have the byte order of the machine. On x86-64, all tests run for every change;
//! `cargo xtask platforms` runs the crate's tests on i686, armhf and s390x.
//!
//! # Privileges
//!
//! The kernel requires `CAP_SYS_ADMIN` in the initial user namespace for all commands of the control node, and the node
//! usually belongs to root. In a container, the device cgroup must allow access to the node (character device 10:236).
//! The error says which of these permissions is missing.
//!
//! # udev
//!
//! With [`Strategy::Auto`](crate::udev::Strategy::Auto), the default:
//!
//! | situation | what an operation does |
//! |---|---|
//! | udev with the device mapper's rules | waits for a cookie, as libdm does |
//! | udev in another IPC namespace, usually outside a container | waits for the node; in a private `/dev`, makes the node itself |
//! | udev without the rules | makes nodes itself |
//! | no udev, as in some initramfs | makes nodes itself |
//! | udev that was killed and left its control socket | makes nodes itself after one second, if `/proc` shows all processes |
//! | udev that hangs | returns an error after the timeout; a created device is removed, other operations take effect |
//!
//! The timeout is 30 seconds unless [`Udev::timeout`](crate::udev::Udev::timeout) sets another one.
//!
//! For an initramfs, link the program statically, so that it needs no libraries. If udev runs in the initramfs, its
//! rules can call the example `dmsetup` of dm-testing, which `cargo xtask static` builds as one file.
//!
//! # Threads, signals, forks
//!
//! Handles, hosts, replies, plans and errors are `Send` and `Sync`. [`LogMark`](crate::LogMark) and the lines that
//! [`TargetLine::boxed`](crate::TargetLine::boxed) makes are neither.
//!
//! A signal that arrives while a suspension waits for I/O ends the wait, and the device is then not suspended.
//! [`Dm::device_suspend`](crate::Dm::device_suspend) lists the exceptions, and the changes that remain after the
//! signal.
//!
//! After a `fork`, the child process can use a handle, unless another thread of the parent was using the handle at that
//! moment. In the child, the handle opens the kernel's log again. Descriptors that the crate opens are closed on
//! `exec`.
//!
//! # Memory
//!
//! A handle keeps up to four buffers of dropped replies: see [`Dm::idle_memory`](crate::Dm::idle_memory) and
//! [`Dm::free_memory`](crate::Dm::free_memory). Before a program suspends a device that holds the program's code or
//! swap space, it must lock its memory (`mlockall`).
