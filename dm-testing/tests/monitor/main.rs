//! `Monitor` of dm-targets on a kernel in memory: each change of health is reported once, whatever happens meanwhile.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod costs;
mod devices;
mod failures;
mod health;
mod support;
