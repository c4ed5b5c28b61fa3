//! Finds the devices that a program left half-made or suspended when it was killed, and puts them right.
//!
//! ```text
//! after_a_crash PREFIX
//! ```
//!
//! `PREFIX` is the beginning of the names of that program's devices. Those that it had finished are left alone.

use std::error::Error;
use std::fmt::Write as _;

use dm_core::{DmName, Host, Prefix};

/// What was found, a line each. Afterwards, devices without a table are gone, and all others serve I/O.
pub(crate) fn recover(host: &Host, prefix: &str) -> Result<String, Box<dyn Error>> {
    let mut report = String::new();
    for leftover in host.recover(Prefix::Name(DmName::new(prefix)?))? {
        writeln!(report, "{} ({}): {:?}", leftover.name, leftover.number, leftover.kind)?;
    }
    Ok(report)
}

fn main() -> Result<(), Box<dyn Error>> {
    let prefix = std::env::args().nth(1).ok_or("usage: after_a_crash PREFIX")?;
    print!("{}", recover(&Host::open()?, &prefix)?);
    Ok(())
}
