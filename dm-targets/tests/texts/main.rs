//! Properties of the texts of all targets.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod allocations;
mod concise;
mod device;
mod differences;
mod golden;
mod hashes;
mod health;
mod limits;
mod lines;
mod messages;
mod options;
mod oracle_findings;
mod properties;
mod readme;
mod tables;
mod words;
