//! Parses any text as a status of any target.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| dm_targets_fuzz::status(input));
