//! The decisions behind the crate, and the alternatives that were rejected.
//!
//! # Text first
//!
//! Tables, statuses and messages are text that two programs exchange, the kernel and a tool, and often a third one
//! reads later: a log, a bug report, another machine. So the crate reads and prints text and needs no kernel, no
//! libc and no operating system. Whole devices, which need all of these, are behind the feature `devices`.
//!
//! # What was read is printed back
//!
//! A line that a kernel printed is printed back byte for byte, also with words that this crate does not know. Newer
//! kernels add words; a reader that refuses them breaks on an update, and one that drops them makes a table that
//! means something else. Malformed text, in contrast, is an error: a number that does not fit, a count that is
//! wrong.
//!
//! Kernels print some tables in unusual ways, such as a wrong count or two spaces. One type next to the typed
//! value, and not a field in each table, remembers how the text looked. Two tables are equal if they mean the same.
//!
//! # Each option is declared once
//!
//! The declaration of an option has its word, type, limits and the version of the target that introduced it.
//! Reading, counting, printing, "given twice" and the check against a kernel's version follow from it. Before that
//! an option appeared in six to eight places, and a forgotten one was found by users. A derive macro in a crate of
//! its own was rejected: it hides what happens, and it would be the largest dependency.
//!
//! # `check` says what the kernel would say
//!
//! Tables can be built that the kernel refuses; [`Table::new`](crate::Table::new) checks them by the rules of the
//! target's constructor, since the kernel's own answer is often just `EINVAL`. That these rules are the kernel's is
//! tested: `cargo xtask oracle` loads random tables, valid and nearly valid, into a real kernel and compares.
//!
//! # Anything that may be a key is one
//!
//! A crypt table that is read by the wrong reader, a cut line, a key in the place of a device: what is read for a
//! target that may have a key is kept as a secret until it is known not to be. Secrets are wiped when they are
//! dropped, and `Debug`, `Display` of errors and serde show their length only.
//!
//! # Health
//!
//! A status says what the kernel counts, not whether somebody has to act. [`Health`](crate::Health) is that
//! judgement, derived from the kernel's source for each state, and each target's docs list the states. "Good" means
//! that nobody has to look.
//!
//! # Traits
//!
//! The crate implements foreign traits only for its own types by name. A blanket implementation would forbid users
//! to implement the trait for theirs; a crate downstream, with every set of features, is part of the tests.
//!
//! # Whole devices do not poll in a thread
//!
//! [`Monitor`](crate::devices::Monitor) and the iterators of progress do something only when they are called, and
//! never block longer than their timeout. A program decides itself about threads.
