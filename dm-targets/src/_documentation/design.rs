//! The decisions behind the crate, and the alternatives that were rejected.
//!
//! # Text first
//!
//! Tables, statuses and messages are text. A tool exchanges this text with the kernel, or reads it from a log or a bug
//! report, perhaps on another machine. The crate therefore parses and prints text without a kernel, libc or operating
//! system. The types in [`devices`](crate::devices) need all three, so they are behind the feature `devices`.
//!
//! # Parsed text is printed back
//!
//! A line that was parsed from a kernel's output is printed back byte for byte, even if it contains words that this
//! crate does not know. There is one exception: in a status of an unknown target, `*` replaces words that look like a
//! key.
//!
//! Newer kernels add words. A parser that refuses them breaks after an update, and a parser that drops them produces a
//! table with another meaning. Malformed text is an error. Examples are a number that is too large for its field, and a
//! count that exceeds the number of words after it.
//!
//! Kernels print some tables in unusual ways, for example with a wrong count or a space at the end. A private type
//! stores the original text of such a table. The comparison ignores this text: two tables are equal if their fields are
//! equal.
//!
//! # Each option is declared once
//!
//! The declaration of an option contains its word and type, and optionally limits and the first target version that
//! supports it. Parsing, counting, printing, the error for repeated options and
//! [`Target::has_feature`](crate::Target::has_feature) are derived from it. In an earlier design, each option appeared
//! in six to eight places, and users found the places that had been forgotten. A derive macro in a separate crate was
//! rejected, because it would hide what happens and would be the largest dependency.
//!
//! # `check` predicts the kernel's reply
//!
//! Code can build tables that the kernel refuses, often with nothing but `EINVAL`. [`Table::new`](crate::Table::new)
//! therefore checks a table by the rules of the target's constructor. `cargo xtask oracle` tests these rules: it loads
//! random tables, both valid and nearly valid, into a real kernel and compares the results.
//!
//! # Anything that may be a key is treated as one
//!
//! A key can be in an unexpected place: a crypt table may be parsed as a status by mistake, a line may be truncated,
//! or a key may be given instead of a device. If a target can have keys, all its text is therefore treated as secret
//! until it is known not to be. Secrets are zeroed on drop, and neither `Debug` nor errors show them.
//!
//! # Health
//!
//! A status contains what the kernel counts, but not whether an administrator must act. [`Health`](crate::Health)
//! judges this, by rules that were derived from the kernel's source. [`Concern`](crate::Concern) lists the rules for
//! each state. "Good" means that no action is necessary.
//!
//! # Traits
//!
//! The crate implements foreign traits only for its own types, with one `impl` for each type. For example, the trait
//! `Payload` of dm-core has an `impl` for the table type of each target. A blanket implementation would prevent users
//! from implementing the trait for their types. A separate test crate checks this with all combinations of features.
//!
//! # The types in `devices` do not poll in a thread
//!
//! [`Monitor`](crate::devices::Monitor) and the progress iterators do nothing between calls. A call waits at most for
//! the timeout or interval that the caller sets. Your program decides whether to use threads.
