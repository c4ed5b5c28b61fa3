//! Every target that a kernel here has: the typed table is loaded, and what the kernel then prints is typed again.
//!
//! What the kernel prints must parse and print back byte for byte, and where it prints what it was given that must be what
//! was loaded. Messages are sent typed, their effect looked at. Where the environment variable `DM_TESTING_GOLDEN` names a
//! folder (below `DM_TESTING_DIR`, if that is set), all that was read is kept there: `cargo xtask golden` does so.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod caches;
mod capture;
mod crypt;
mod faults;
mod integrity;
mod keyring;
mod mirror;
mod paths;
mod plain;
mod raid;
mod raid_states;
mod scsi;
mod snapshot;
mod stats;
mod support;
mod thin;
mod vdo;
mod verity;
mod zoned;
mod zoned_disk;
