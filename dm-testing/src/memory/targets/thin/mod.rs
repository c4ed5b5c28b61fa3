//! `thin-pool` and `thin` (drivers/md/dm-thin.c, drivers/md/dm-thin-metadata.c).
//!
//! A [`Pool`] corresponds to the kernel's `struct pool`: it exists as long as a table of the pool's device or of a thin
//! device refers to it, and is found by the minor number of the pool's device. The [targets](pool_target) store only
//! that number, so a thin device reaches the pool without the other device's table.
//!
//! While a function works with a pool, the pool is not in the list, so the function must not do I/O that may reach a
//! thin device of the same pool, such as an external origin.

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
const LOG_PREFIX: &str = "thin";

/// All pools, and the metadata on disks.
#[derive(Debug, Default)]
pub(crate) struct ThinPools {
    /// The pools by the minor number of their device.
    pools: BTreeMap<u32, Pool>,
    /// The last committed contents by the number in their superblock.
    contents: BTreeMap<u64, Content>,
    /// The number of the next pool target.
    next_target: u64,
}

impl ThinPools {
    /// Finds the pool with a metadata device.
    fn by_metadata(&self, device: DeviceNumber) -> Option<&Pool> {
        self.pools.values().find(|pool| pool.metadata_device == device)
    }

    fn next_target(&mut self) -> u64 {
        self.next_target = self.next_target.wrapping_add(1);
        self.next_target
    }
}

/// Calls a function with a pool. `None` if the device has no pool.
fn with_pool<T>(kernel: &mut Kernel, minor: u32, work: impl FnOnce(&mut Kernel, &mut Pool) -> T) -> Option<T> {
    let mut pool = kernel.shared.thin.pools.remove(&minor)?;
    let result = work(kernel, &mut pool);
    kernel.shared.thin.pools.insert(minor, pool);
    Some(result)
}

/// Drops a reference to a pool; the last one closes it (`__pool_dec`).
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

/// Runs expired timers after the clock has advanced.
pub(crate) fn tick(kernel: &mut Kernel) {
    let minors: Vec<u32> = kernel.shared.thin.pools.keys().copied().collect();
    for minor in minors {
        with_pool(kernel, minor, |kernel, pool| pool.tick(kernel));
    }
}
