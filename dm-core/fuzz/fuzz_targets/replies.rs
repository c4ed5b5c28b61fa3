//! Decodes any bytes as the kernel's answer to any command.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| dm_core_fuzz::decode(input));
