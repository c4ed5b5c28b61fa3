//! The decisions behind the crate, and the alternatives that were rejected.
//!
//! # Two levels
//!
//! A *command* is a method of [`Dm`] and sends one ioctl. An *operation* is a method of [`Host`]: it sends several
//! commands, waits, retries, and undoes its steps after a failure. One level would be simpler to explain, but programs
//! need both. Operations cannot offer every order of commands, and a program that sends commands itself must also write
//! the undo itself. Both levels are public, and operations use only commands that callers can send too.
//!
//! # Options
//!
//! A method has a short form, which takes only what the command needs, and a form `…_with`, which also takes options.
//! Options are types with setters, so a flag of a new kernel does not change a signature. One type of options for all
//! commands was rejected: most combinations would mean nothing, and the kernel would silently ignore them.
//!
//! # The transport is behind one dynamic call
//!
//! [`Dm`] is a concrete type. In an earlier version it was generic over [`Transport`], and the type parameter appeared
//! in every signature, even in dm-targets. A dynamic call costs a few instructions, and the shortest command takes
//! about a thousand. In return, any [`Dm`] can use another transport than the kernel: a kernel in memory, a recorder,
//! or a transport that lets the *n*-th command fail.
//!
//! # Replies own their memory
//!
//! A reply takes a buffer from its handle, and returns the buffer when the reply is dropped. In an earlier version, the
//! caller passed the buffer. Handles then needed no pool of buffers, but replies had a lifetime, and callers wrote
//! `&mut Buffer::new()` everywhere. Buffers that held a key are wiped before they are reused.
//!
//! A handle remembers the size of the last reply to each command, and offers the kernel a buffer of that size. For a
//! command with a payload, the kernel copies the whole buffer, used or not. With one large buffer for every command, as
//! in other libraries, commands with a short payload are slower.
//!
//! # The lowest interface version
//!
//! The kernel ignores flags that it does not know. Each command is therefore sent with the lowest interface version
//! that has the command and nearly all options that are set. An older kernel then refuses the command instead of
//! ignoring an option.
//!
//! With `if_possible`, most options do not raise that version. They are sent, and a kernel that lacks them ignores
//! them. Leaving them out would have the same effect, but would take another command to learn the kernel's version.
//!
//! # Lines to load and lines that were read are two types
//!
//! When the kernel prints a table, it does not escape backslashes. When it loads a table, it treats a backslash as an
//! escape. A line that was read can therefore not always be loaded unchanged: a separate step escapes it and makes a
//! [`TargetLine`]. Other libraries have one type for both, and may load a table that differs from the one that they
//! read.
//!
//! # An operation suspends last
//!
//! I/O to a suspended device blocks, possibly even I/O of the program that suspended it. Before an operation suspends a
//! device, it therefore does all other work that can fail or block: it loads tables, creates semaphores and takes
//! locks. Between suspend and resume it calls no code of the caller, not even a logger; it passes log records on after
//! the resume. The resume never depends on udev. If the wait for udev fails, the error is returned after the device
//! serves I/O again.
//!
//! # Undo
//!
//! Each operation knows which of its steps must be undone. If the undo fails as well, [`OpError`] says what is left: a
//! device without a table, a suspended device, or a table in the inactive slot. A journal on disk was rejected, since
//! the kernel knows the state of each device: [`Host::recover`] reads that state.
//!
//! # Each operation decides how to wait for udev
//!
//! Each operation checks three facts, which are cheap to read: whether udev's control socket exists, whether the rule
//! that completes cookies is installed, and whether the thread is in the initial IPC namespace. A decision at program
//! start would become wrong when udev is stopped or started.
//!
//! A search for udev's process in `/proc` would cost more than the operation. It is made only in three
//! cases: a cookie or a node is overdue, a removal was deferred, or the program runs in a container, which has few
//! processes.
//!
//! # Devices are not found by number
//!
//! The kernel reuses a device number as soon as it is free. An operation that acts on a device later therefore also
//! keeps the device's name or uuid. It checks the name or uuid before it returns a path, removes a node or resumes the
//! device.
//!
//! # No process-wide settings
//!
//! libdm keeps its log function, its buffer and its mode of mangling names in global variables, so two libraries in one
//! process can disturb each other. Here all settings and caches belong to a handle or a host, with two exceptions. The
//! environment variable `DM_DISABLE_UDEV` applies to the whole process, as in libdm. A global list holds the child
//! processes that suspensions with a timeout have left behind (see below), so that a later call can reap them.
//!
//! # A suspension with a timeout runs in a child process
//!
//! The kernel has no timeout for a suspension that waits for I/O, but a signal ends the wait. To signal the caller's
//! thread, the crate would have to install a signal handler in the program. The ioctl therefore runs in a child process
//! that shares the open control node, and the crate signals that process.
//!
//! # Not asynchronous
//!
//! Commands are ioctls, and an ioctl always blocks the thread. To wait for events, [`EventPoller`] has a descriptor for
//! `poll`, which every async runtime supports: see the examples `events_poll`, `events_mio` and `events_tokio`.
//!
//! # The order of the modules
//!
//! Each top-level module uses only modules that come before it in this order: text and bytes, errors, commands, the
//! machine and udev, operations, plans. `cargo xtask tidy` checks this.

#[cfg(doc)]
use crate::{Dm, EventPoller, Host, OpError, TargetLine, Transport};
