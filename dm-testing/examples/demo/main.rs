//! Guided tours of the library. Each step shows its purpose, the call, and the reply of the kernel.
//!
//! `cargo xtask demo` runs all tours on a throw-away kernel, `cargo xtask demo NAME` runs one, and `cargo xtask demo
//! --list` lists them.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers that are known")]

mod basics;
mod cache;
mod crypt;
mod pool;
mod raid;
mod tour;
mod verity;

use dm_testing::Scratch;

use self::tour::{Result, Tour};

/// The name of a tour, its title, and the function that runs it.
type Entry = (&'static str, &'static str, fn(&mut Tour, &Scratch) -> Result<()>);

const TOURS: [Entry; 6] = [
    ("basics", "Commands and operations on a device over two disks", basics::show),
    ("pool", "A thin pool with a snapshot, which is extended while it fills", pool::show),
    ("crypt", "An encrypted device whose key is wiped and set again", crypt::show),
    ("verity", "A read-only device that detects a changed block", verity::show),
    ("cache", "A cache that is attached to a device in use, and detached", cache::show),
    ("raid", "A raid1 that loses a leg and rebuilds it on another disk", raid::show),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|name| name == "--list") {
        TOURS.iter().for_each(|(name, title, _)| println!("{name:8} {title}"));
        return Ok(());
    }
    if let Some(unknown) = wanted.iter().find(|name| TOURS.iter().all(|(known, ..)| known != name)) {
        return Err(format!("there is no tour '{unknown}'; --list names them").into());
    }
    for (name, title, show) in
        TOURS.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|one| one == name))
    {
        // Each tour has separate devices, which are removed at its end.
        let Some(scratch) = Scratch::new(&[]) else { return Err("this needs root and a device mapper".into()) };
        show(&mut Tour::new(title), &scratch).map_err(|error| format!("the tour '{name}' failed: {error}"))?;
    }
    Ok(())
}
