//! `thin-pool` and `thin` (drivers/md/dm-thin.c, drivers/md/dm-thin-metadata.c).
//!
//! A [`Pool`] is what the kernel calls `struct pool`: it lives as long as a table of the pool's device or of a thin device
//! refers to it, and is found by the minor number of the pool's device. The [targets](pool_target) only hold that number, so
//! a thin device reaches the pool without reaching through the other device's table.
//!
//! While a function works with a pool, the pool is out of the list. It then does no I/O that may reach a thin device of the
//! same pool, which an external origin can be.

mod content;
mod discard;
mod messages;
mod metadata;
mod mode;
mod pool;
pub(super) mod pool_target;
mod space;
mod status;
mod superblock;
mod thin_io;
pub(super) mod thin_target;

use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use self::content::Content;
use self::pool::Pool;
use crate::memory::kernel::Kernel;

/// The prefix of most lines in the log.
const LOG: &str = "thin";

/// All pools, and the metadata that are on disks.
#[derive(Debug, Default)]
pub(crate) struct ThinPools {
    /// By the minor numbers of their devices.
    pools: BTreeMap<u32, Pool>,
    /// What was committed last, by the number that the superblock has.
    contents: BTreeMap<u64, Content>,
    /// Numbers the targets of pools.
    next_target: u64,
}

impl ThinPools {
    /// The pool that has a metadata device.
    fn by_metadata(&self, device: DeviceNumber) -> Option<&Pool> {
        self.pools.values().find(|pool| pool.metadata_device == device)
    }

    fn next_target(&mut self) -> u64 {
        self.next_target = self.next_target.wrapping_add(1);
        self.next_target
    }
}

/// Works with a pool. `None` if there is no pool on the device.
fn with_pool<T>(kernel: &mut Kernel, minor: u32, work: impl FnOnce(&mut Kernel, &mut Pool) -> T) -> Option<T> {
    let mut pool = kernel.shared.thin.pools.remove(&minor)?;
    let result = work(kernel, &mut pool);
    kernel.shared.thin.pools.insert(minor, pool);
    Some(result)
}

/// A reference to a pool is given back; the last one closes it (`__pool_dec`).
fn put_pool(kernel: &mut Kernel, minor: u32) {
    let is_last = with_pool(kernel, minor, |kernel, pool| {
        pool.references = pool.references.saturating_sub(1);
        if pool.references == 0 {
            pool.close(kernel);
        }
        pool.references == 0
    });
    if is_last == Some(true) {
        kernel.shared.thin.pools.remove(&minor);
    }
}

/// The clock has moved: what waits for it is done.
pub(crate) fn tick(kernel: &mut Kernel) {
    let minors: Vec<u32> = kernel.shared.thin.pools.keys().copied().collect();
    for minor in minors {
        with_pool(kernel, minor, |kernel, pool| pool.tick(kernel));
    }
}
