//! The decisions behind the crate, and the alternatives that were rejected.
//!
//! # Text first
//!
//! Tables, statuses and messages are text that the kernel and a tool exchange, and that may be read later from a log, a bug
//! report or on another machine. The crate therefore parses and prints text without a kernel, libc or operating system.
//! Whole devices, which need all of these, are behind the feature `devices`.
//!
//! # Parsed text is printed back
//!
//! A line that a kernel printed and that was parsed is printed back byte for byte, even with words that this crate does
//! not know; only in a status of an unknown target, words that look like a key are replaced by `*`. Newer kernels add
//! words: a parser that refuses them breaks after an update, and one that drops them produces a table with another
//! meaning. Malformed text, such as a number that does not fit or a count of more words than follow, is an error.
//!
//! Kernels print some tables in unusual ways, for example with a wrong count or a space at the end. One private type
//! remembers the original text of such tables. It is not compared: two tables are equal if their fields are.
//!
//! # Each option is declared once
//!
//! The declaration of an option contains its word and type, and optionally limits and the first target version that
//! supports it. Parsing, counting, printing, the error for repeated options and
//! [`Target::has_feature`](crate::Target::has_feature) are derived from it. Before, each option appeared in six to
//! eight places, and users found the ones that were forgotten. A derive macro in a separate crate was rejected: it
//! would hide what happens, and be the largest dependency.
//!
//! # `check` predicts the kernel's reply
//!
//! Code can build tables that the kernel refuses. [`Table::new`](crate::Table::new) checks them by the rules of the target's
//! constructor, because the kernel itself often answers only `EINVAL`. `cargo xtask oracle` tests these rules: it loads
//! random tables, valid and nearly valid, into a real kernel and compares the results.
//!
//! # Anything that may be a key is treated as one
//!
//! A crypt table may be parsed as something else, a line may be truncated, or a key may be in the place of a device. Text of
//! a target that may contain keys is therefore treated as secret until it is known not to be. Secrets are zeroed on drop,
//! and neither `Debug` nor errors show them.
//!
//! # Health
//!
//! A status contains what the kernel counts, but not whether an administrator must act. [`Health`](crate::Health) makes this
//! judgement; for each state it is derived from the kernel's source, and [`Concern`](crate::Concern) lists the states.
//! "Good" means that no action is necessary.
//!
//! # Traits
//!
//! The crate implements foreign traits only for its own types, by name. A blanket implementation would prevent users
//! from implementing the trait for their types. A separate test crate checks this with all combinations of features.
//!
//! # Whole devices do not poll in a thread
//!
//! [`Monitor`](crate::devices::Monitor) and the progress iterators work only while they are called, and wait at most
//! for the timeout or interval that the caller gives. The program decides about threads.
