//! Whole devices of dm-targets on a real kernel: their lives, and what becomes of them when a step fails.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod caches;
mod crypt;
mod linear;
mod setup;
mod support;
mod thin;
