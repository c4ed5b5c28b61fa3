//! The requests of each command, and how replies and errors are decoded. The kernel is a script.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod devices;
mod errors;
mod handle;
mod info;
mod load;
mod malformed;
mod options;
mod secrets;
mod shown;
mod sizes;
