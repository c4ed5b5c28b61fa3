//! The decisions behind the crate, and the alternatives that were rejected.
//!
//! # Two levels
//!
//! A command, as a method of [`Dm`], is one ioctl. An operation, as a method of [`Host`], is several commands, waiting,
//! retry and undo. One level would be simpler to explain, but each user needs the other level at times: an operation
//! cannot offer every order of commands, and a program that sends the commands itself has to write the undo itself.
//! Both are public, and operations use only commands that callers can send, too.
//!
//! # Options
//!
//! A method has a short form with what the command needs, and a form `…_with` that takes options. The short form
//! gets no optional arguments later, and options are types with setters, so a new kernel's flag does not change a
//! signature. One type of options for all commands was rejected: most combinations mean nothing, and the kernel
//! ignores them silently.
//!
//! # The transport is behind one dynamic call
//!
//! [`Dm`] is a concrete type. In an earlier version it was generic over [`Transport`], and the type parameter appeared
//! in every signature, even in those of dm-targets' whole devices. A dynamic call costs a few of the thousand
//! instructions that the shortest command takes. In return a kernel in memory, a recorder, or a transport that lets the
//! *n*-th command fail can stand in for the kernel anywhere.
//!
//! # Replies own their memory
//!
//! A reply takes a buffer from its handle, and returns it when it is dropped. An earlier version took a buffer from the
//! caller; a handle then needed no pool of buffers, but a reply had a lifetime, and callers wrote `&mut Buffer::new()`
//! everywhere. Buffers that held a key are wiped before they are reused.
//!
//! A handle remembers the size of the last reply to each command. For a command with a payload, the kernel copies all
//! memory that it is offered, used or not, so a large buffer for every command, as other libraries have it, makes those
//! with a short payload slower.
//!
//! # The lowest interface version
//!
//! The kernel ignores flags that it does not know. A command is therefore sent with the lowest interface version
//! that has the command and nearly all of its options, so that an older kernel refuses it instead of doing something
//! else.
//! With `if_possible`, most options do not raise that version: they are sent, and a kernel that lacks them ignores
//! them. To leave them out would take a command to learn the version, and the kernel would do the same.
//!
//! # Lines to load and lines that were read are two types
//!
//! The kernel prints the words of a table as they are, and reads them with backslash as an escape. A table that was
//! read can therefore not always be loaded: a separate step escapes a line that was read and makes a [`TargetLine`] of
//! it. Other libraries have one type, and may load a table that differs from the one they read.
//!
//! # An operation suspends last
//!
//! A suspended device holds its users' I/O, possibly also that of the program that suspended it. So an operation does
//! all other work that can fail or block before it suspends: it loads tables, creates semaphores, takes locks. Between
//! suspend and resume it calls no code of the caller, such as a logger: log records are kept and passed on after the
//! resume. The resume never depends on udev: a failure to wait for udev is reported after the device serves I/O again.
//!
//! # Undo
//!
//! Each operation knows which of its steps must be undone. If undo fails as well, [`OpError`] says what is left: a
//! device without a table, a suspended device, a table in the inactive slot. A journal on disk was rejected: the
//! kernel knows the state of each device, and [`Host::recover`] reads it from there.
//!
//! # Each operation decides how to wait for udev
//!
//! The facts are cheap to read: whether udev's control socket exists, whether the rule that completes cookies is
//! installed, and whether the thread is in the initial IPC namespace. A decision at start-up would be wrong once udev
//! is stopped or started; a search through `/proc` in each operation would cost more than the operation. udev's
//! process is searched for only if a cookie or a node is overdue, after a deferred removal, and in a container, which
//! has few processes.
//!
//! # Devices are not found by number
//!
//! The kernel reuses numbers at once. An operation that has to act on a device later keeps its name or uuid as
//! well, and checks it before it returns a path, removes a node or resumes the device.
//!
//! # No process-wide settings
//!
//! libdm keeps its log function, its buffer and its mode of mangling names in global variables, so that two libraries
//! in one process can disturb each other. Here all settings and caches belong to a handle or a host, apart from the
//! environment variable `DM_DISABLE_UDEV`, which libdm reads as well. One list is global: the child processes that a
//! suspension with a timeout has left behind (see below), so that a later call can reap them.
//!
//! # A suspension with a timeout runs in a child process
//!
//! The kernel has no timeout for a suspension that waits for I/O, but a signal ends it. A signal to the caller's own
//! thread would require one of the program's signal handlers, so the ioctl runs in a child process that shares the open
//! control node, and the signal is sent to the child.
//!
//! # Not asynchronous
//!
//! Commands are ioctls, which block in the kernel whatever the program does. [`EventPoller`] has a descriptor for
//! `poll`, which every runtime can wait for; the examples `events_poll`, `events_mio` and `events_tokio` show it.
//!
//! # The order of the modules
//!
//! Each top-level module uses only those before it in an order that `cargo xtask tidy` checks: text and bytes, errors,
//! commands, the machine and udev, operations, plans.

#[cfg(doc)]
use crate::{Dm, EventPoller, Host, OpError, TargetLine, Transport};
