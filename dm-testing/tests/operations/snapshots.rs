//! Snapshots of one origin by several threads and processes, each taken while the origin is suspended.

use std::io;
use std::path::Path;
use std::process::Child;
use std::thread;

use dm_core::udev::{Strategy, Udev};
use dm_core::{Command, Dm, DmName, DmNameBuf, Host, Message, OpError, Steps, TargetLine};
use dm_testing::{Scratch, require};
use dm_units::{Bytes, Sectors};

use crate::child;
use crate::support::{before, in_full, info, settle};
use crate::sweep::for_many_uevents;

/// A pool with the active thin device 0.
struct Pool {
    pool: DmNameBuf,
    origin: DmNameBuf,
}

impl Pool {
    fn new(scratch: &Scratch) -> Self {
        let [metadata, data] = [Bytes(4 << 20), Bytes(16 << 20)].map(|size| scratch.loop_device(size).unwrap());
        let [pool, origin] = ["pool", "origin"].map(|suffix| scratch.name(suffix).unwrap());
        let params = format!("{} {} 128 0 1 skip_block_zeroing", metadata.number(), data.number());
        let host = scratch.host();
        let line = TargetLine::text(Sectors(0), data.size(), "thin-pool", params);
        let number = host.create(&pool, [line]).unwrap().number();
        host.message(&pool, Message::new("create_thin 0")).unwrap();
        let thin = TargetLine::text(Sectors(0), Sectors(2048), "thin", format!("{number} 0"));
        host.create(&origin, [thin]).unwrap();
        settle();
        Self { pool, origin }
    }
}

/// Longer than a turn takes in the slowest guest.
const SLOW: std::time::Duration = std::time::Duration::from_secs(300);

/// A host whose messages fail unless the origin is suspended.
fn watchful(origin: &DmName) -> Host {
    let (dm, origin) = (Dm::open().unwrap(), origin.to_owned());
    let dm = before(move |command| {
        let is_live = command == Command::TargetMsg && !dm.device_info(&origin).unwrap().is_suspended();
        if is_live { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    });
    // udev would process hundreds of uevents for longer than the test.
    Host::new(dm).with_udev(Udev::new(Strategy::None).timeout(SLOW))
}

fn take(host: &Host, pool: &DmName, origin: &DmName, ids: std::ops::Range<u32>) -> Result<(), OpError> {
    ids.into_iter().try_for_each(|id| {
        let steps = Steps::new().message(host, pool, Message::new(format!("create_snap {id} 0"))).unwrap();
        host.while_suspended(origin, steps).map(drop)
    })
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn four_threads_take_a_hundred_snapshots_each_while_the_origin_is_suspended() {
    let Some(scratch) = Scratch::new(&["thin-pool", "thin"].map(require::target)) else { return };
    let Pool { pool, origin } = Pool::new(&scratch);
    let _gone = for_many_uevents();
    let host = watchful(&origin);
    thread::scope(|threads| {
        for index in 0..4_u32 {
            let (host, pool, origin) = (host.clone(), &pool, &origin);
            let first = index.saturating_mul(100).saturating_add(1);
            threads.spawn(move || take(&host, pool, origin, first..first.saturating_add(100)).unwrap());
        }
    });
    assert!(!info(&scratch, &origin).is_suspended());
    // All snapshots were taken, since the pool has each id.
    let error = scratch.host().message(&pool, Message::new("create_snap 400 0")).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
}

/// A process that is killed on drop, unless it has ended.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn two_processes_take_turns_by_a_lock_directory() {
    if let Some(order) = child::order() {
        let [folder, pool, origin, first] = order.split(' ').collect::<Vec<_>>()[..] else { unreachable!("{order}") };
        let [pool, origin] = [pool, origin].map(|name| DmName::new(name).unwrap());
        let (first, folder): (u32, _) = (first.parse().unwrap(), Path::new(folder));
        let host = watchful(origin).with_lock_dir(folder);
        if let Err(error) = take(&host, pool, origin, first..first.saturating_add(40)) {
            std::fs::write(folder.join("error"), in_full(&error)).unwrap();
        }
        return;
    }
    let Some(scratch) = Scratch::new(&["thin-pool", "thin"].map(require::target)) else { return };
    let Pool { pool, origin } = Pool::new(&scratch);
    let _gone = for_many_uevents();
    let folder = tempfile::tempdir().unwrap();
    let order = |first| {
        let names = [&pool, &origin].map(|name| String::from_utf8(name.as_bytes().to_vec()).unwrap());
        format!("{} {} {} {first}", folder.path().display(), names[0], names[1])
    };
    let mut others = [1, 101].map(|first| Other(child::command(&order(first), &[]).spawn().unwrap()));
    for other in &mut others {
        assert!(other.0.wait().unwrap().success());
    }
    let error = std::fs::read_to_string(folder.path().join("error"));
    assert!(error.is_err(), "{error:?}");
    assert!(!info(&scratch, &origin).is_suspended());
}
