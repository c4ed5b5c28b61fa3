//! Whole devices of dm-targets on a real kernel: their life cycles, and their states after a failed step.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alarms;
mod caches;
mod crypt;
mod integrity;
mod monitor;
mod pool_tools;
mod stats;
mod support;
mod thin;
mod verity;
