//! The targets of a kernel in memory behave like the kernel's, or as the docs of `dm_testing::memory` describe.
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
mod hung_udev;
mod lives;
mod mirrors;
mod paths;
mod raids;
mod simple;
mod stats;
mod support;
mod udev;
