//! Snapshots of container images in a thin pool, as containerd's devmapper snapshotter keeps them: prepared, viewed,
//! committed, removed, and repaired after a crash.
//!
//! ```text
//! snapshotter POOL RECORDS create KEY SECTORS
//! snapshotter POOL RECORDS prepare KEY PARENT
//! snapshotter POOL RECORDS view KEY PARENT
//! snapshotter POOL RECORDS commit KEY NEW-KEY
//! snapshotter POOL RECORDS remove KEY
//! snapshotter POOL RECORDS list
//! ```
//!
//! `POOL` is the name of an existing pool, `RECORDS` a file, which is created if it does not exist.

mod records;
mod snapshotter;

use std::error::Error;
use std::path::Path;

use dm_core::Host;
use dm_targets::devices::ThinPoolDev;
use dm_units::Sectors;

use self::records::File;
use self::snapshotter::{Snapshotter, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [pool, file, command @ ..] = arguments.as_slice() else {
        return Err("usage: snapshotter POOL RECORDS COMMAND [KEY [PARENT]]".into());
    };
    let host = Host::open()?;
    let pool = ThinPoolDev::open(&host, *pool)?;
    let prefix = format!("{}-", pool.name());
    let (records, store) = File::load(Path::new(file))?;
    let mut snapshotter = Snapshotter::start(host, pool, &prefix, records, store)?;
    run(&mut snapshotter, command)
}

fn run<S: Store>(snapshotter: &mut Snapshotter<S>, command: &[&str]) -> Result<(), Box<dyn Error>> {
    match command {
        ["create", key, sectors] => println!("{}", snapshotter.create(key, Sectors(sectors.parse()?))?.name()),
        ["prepare", key, parent] => println!("{}", snapshotter.prepare(key, parent)?.name()),
        ["view", key, parent] => println!("{}", snapshotter.view(key, parent)?.name()),
        ["commit", key, new_key] => snapshotter.commit(key, new_key)?,
        ["remove", key] => snapshotter.remove(key)?,
        ["list"] => {
            for (key, record) in snapshotter.records() {
                println!("{key}\t{:?}\t{}\t{}", record.kind, record.id, record.length);
            }
        }
        other => return Err(format!("unknown command: {}", other.join(" ")).into()),
    }
    Ok(())
}
