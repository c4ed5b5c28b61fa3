//! Extends a thin pool while it fills, as dmeventd does for LVM.
//!
//! ```text
//! extend POOL STEP LIMIT
//! ```
//!
//! `POOL` is the name of a pool whose data device has the target `linear`. Whenever four fifths of the pool are used,
//! or free space is below its low water mark, the data device and the pool are extended by `STEP` sectors, up to
//! `LIMIT`, from the last disk of the data device. Each change of the pool's health is printed.

mod extender;

use std::error::Error;

use dm_core::{DmName, Host};
use dm_units::Sectors;

use self::extender::Extender;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pool, step, limit] = arguments.as_slice() else { return Err("usage: extend POOL STEP LIMIT".into()) };
    let (step, limit) = (Sectors(step.parse()?), Sectors(limit.parse()?));
    let mut extender = Extender::open(&Host::open()?, DmName::new(pool)?, step, limit)?;
    loop {
        for alarm in extender.watch(None)? {
            println!("{alarm}");
        }
    }
}
