//! The target `thin-pool` (`pool_ctr` and the other functions of `pool_target`).

use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Device, ThinPool};
use dm_units::DeviceNumber;

use super::metadata::MAX_BLOCKS;
use super::mode::{Features, Mode};
use super::pool::{Control, Pool};
use super::superblock::METADATA_BLOCK_SECTORS;
use super::{LOG_PREFIX, messages, put_pool, status, with_pool};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;
use crate::memory::targets::{Construction, Target};

/// The kernel warns if the metadata device is larger (`THIN_METADATA_MAX_SECTORS_WARNING`).
const WARNED_SECTORS: u64 = 1 << 25;

#[derive(Debug)]
struct PoolTarget {
    /// Distinguishes this target from those of other tables of the pool.
    number: u64,
    minor: u32,
    table: ThinPoolTable,
    data: DeviceNumber,
    length: u64,
}

pub(in crate::memory::targets) fn construct(
    construction: &mut Construction<'_>,
    params: &str,
) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<ThinPool>(params)?;
    construction.only_known(&table.features.other_features, "Unrecognised pool feature requested")?;
    let features = Features::of(&table.features);
    let may_write = features.mode != Mode::ReadOnly;
    let metadata = construction.device_for(&table.metadata, may_write, "Error opening metadata block device")?;
    warn_of_size(construction.kernel, metadata);
    let data = construction.device_for(&table.data, true, "Error getting data device")?;
    (table.metadata, table.data) = (Device::Number(metadata), Device::Number(data));
    let found = find(construction.kernel, construction.minor, &table, [metadata, data], features);
    if let Err((errno, reason)) = found {
        return construction.refuse(errno, reason);
    }
    let number = construction.kernel.shared.thin.next_target();
    Ok(Box::new(PoolTarget { number, minor: construction.minor, table, data, length: construction.length }))
}

fn warn_of_size(kernel: &mut Kernel, metadata: DeviceNumber) {
    if kernel.sectors(metadata).is_some_and(|sectors| sectors > WARNED_SECTORS) {
        let most = MAX_BLOCKS.saturating_mul(METADATA_BLOCK_SECTORS);
        let text = format!("Metadata device {metadata} is larger than {most} sectors: excess space will not be used.");
        kernel.log(LOG_PREFIX, &text);
    }
}

/// Takes a reference to the pool of these devices, and creates the pool if it does not exist (`__pool_find`).
fn find(
    kernel: &mut Kernel,
    minor: u32,
    table: &ThinPoolTable,
    [metadata, data]: [DeviceNumber; 2],
    features: Features,
) -> Result<(), (Errno, &'static str)> {
    let number = kernel.device(minor).map_err(|errno| (errno, "Unknown error"))?.number();
    if let Some(pool) = kernel.shared.thin.by_metadata(metadata) {
        if pool.minor != minor {
            return Err((Errno::EBUSY, "metadata device already in use by a pool"));
        }
        if pool.data_device != data {
            return Err((Errno::EBUSY, "data device already in use by a pool"));
        }
    }
    let checked = with_pool(kernel, minor, |kernel, pool| {
        if pool.metadata_device != metadata || pool.data_device != data {
            return Err((Errno::EINVAL, "different pool cannot replace a pool"));
        }
        if features.takes_discards != pool.features.takes_discards {
            return Err((Errno::EINVAL, "Discard support cannot be disabled once enabled"));
        }
        register_threshold(kernel, pool)?;
        pool.references = pool.references.saturating_add(1);
        Ok(())
    });
    checked.unwrap_or_else(|| {
        let may_format = features.mode != Mode::ReadOnly;
        let mut pool = Pool::create(kernel, number, metadata, data, table.block_size.0, may_format)
            .map_err(|errno| (errno, "Error creating metadata object"))?;
        register_threshold(kernel, &mut pool)?;
        kernel.shared.thin.pools.insert(minor, pool);
        Ok(())
    })
}

fn register_threshold(kernel: &Kernel, pool: &mut Pool) -> Result<(), (Errno, &'static str)> {
    let threshold = pool.metadata_threshold(kernel);
    pool.metadata.set_threshold(threshold).map_err(|errno| (errno, "Error registering metadata threshold"))
}

impl PoolTarget {
    fn with<T: Default>(&self, kernel: &mut Kernel, work: impl FnOnce(&mut Kernel, &mut Pool) -> T) -> T {
        with_pool(kernel, self.minor, work).unwrap_or_default()
    }
}

impl Target for PoolTarget {
    fn table(&self, _: &Kernel) -> String {
        self.table.to_string()
    }

    fn status(&mut self, kernel: &mut Kernel, noflush: bool) -> String {
        self.with(kernel, |kernel, pool| status::print(kernel, pool, noflush))
    }

    /// I/O to the pool's device goes to the data device.
    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        kernel.io(self.data, start, io)
    }

    fn discards(&self, _: &Kernel) -> bool {
        !self.table.features.ignore_discard && !self.table.features.no_discard_passdown
    }

    fn spans(&self) -> Vec<Span> {
        vec![Span { number: self.data, start: 0, length: self.length }]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Result<Option<String>, Errno>> {
        let done = with_pool(kernel, self.minor, |kernel, pool| messages::carry_out(kernel, pool, words));
        Some(done.unwrap_or(Err(Errno::EINVAL)).map(|()| None))
    }

    fn presuspend(&mut self, kernel: &mut Kernel, _: bool) {
        self.with(kernel, |kernel, pool| pool.suspend(kernel));
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        self.with(kernel, |kernel, pool| pool.suspended(kernel));
    }

    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        let features = Features::of(&self.table.features);
        let control =
            Control { target: self.number, low_water: self.table.low_water.0, requested: features, adjusted: features };
        let resumed = with_pool(kernel, self.minor, |kernel, pool| {
            pool.bind(kernel, control);
            pool.resize(kernel, self.length)
        });
        resumed.unwrap_or(Err(Errno::EINVAL))
    }

    fn resume(&mut self, kernel: &mut Kernel) {
        self.with(kernel, |kernel, pool| pool.resume(kernel));
    }

    fn destroy(&mut self, kernel: &mut Kernel) {
        self.with(kernel, |_, pool| pool.unbind(self.number));
        put_pool(kernel, self.minor);
    }
}
