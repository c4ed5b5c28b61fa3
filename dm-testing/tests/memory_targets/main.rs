//! What the targets of a kernel in memory do: as the kernel's do, or as the docs of `dm_testing::memory` say.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod caches;
mod crypt;
mod every;
mod faulty;
mod mirrors;
mod paths;
mod raids;
mod simple;
mod stats;
mod support;
mod udev;
