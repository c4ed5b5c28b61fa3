//! Every operation of dm-core in memory, with failures or the end of the process at every command.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a panic is how a test fails"
)]

mod cases;
mod check;
mod costs;
mod creation;
mod devices;
mod errors;
#[path = "../memory_targets/hung_udev.rs"]
mod hung_udev;
mod internal;
mod kernel;
mod kinds;
mod late;
mod meanwhile;
mod merges;
mod model;
mod old_kernels;
mod plan_failures;
mod plans;
mod quiet;
mod races;
mod stacks;
mod stopped;
mod sweep;
mod uncertain;
mod unfinished;
