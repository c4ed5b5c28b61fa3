//! For every target of the running kernel, a typed table is loaded, and the kernel's output is parsed.
//!
//! The output must parse and print back byte for byte, and where the kernel prints params as they were given, the
//! result must equal the loaded table. Messages are sent typed, and their effect is checked. If the environment
//! variable `DM_TESTING_GOLDEN` names a folder (in `DM_TESTING_DIR`, if that is set), all output is stored there, as
//! `cargo xtask golden` requests.
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
