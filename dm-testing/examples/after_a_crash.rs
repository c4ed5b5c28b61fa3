//! Finds the devices that a killed program has left incomplete or suspended, and repairs them.
//!
//! ```text
//! after_a_crash PREFIX
//! ```
//!
//! `PREFIX` is the prefix of the names of that program's devices. Complete devices are not changed.

use std::error::Error;
use std::fmt::Write as _;

use dm_core::{DmName, Host, Prefix};

/// Returns a line for each device that was found. Those without an active table are removed, and the others are resumed
/// with their active table.
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
