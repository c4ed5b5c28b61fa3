//! `thin-pool` and `thin`.

mod devices;
mod pools;

use std::time::Duration;

use dm_core::{Host, RemovePolicy, Retry};
use dm_targets::devices::{DevError, ThinDev, ThinPoolDev};
use dm_targets::thin::{ThinDevId, ThinStatus};
use dm_targets::thin_pool::{ThinPoolMessage, ThinPoolStatus, ThinPoolTable, WorkingPool};
use dm_targets::{Table, TableLine, Target};
use dm_testing::TestKernel;
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

/// The length of the data device: 16 blocks.
pub(super) const LENGTH: Sectors = Sectors(2048);
pub(super) const BLOCK: Sectors = Sectors(128);
const BLOCK_BYTES: usize = 65536;

pub(super) fn id(id: u32) -> ThinDevId {
    ThinDevId::new(id).unwrap()
}

pub(super) fn one<T: Target>(length: Sectors, params: T::Table) -> Table<T> {
    Table::new([TableLine::<T> { start: Sectors(0), length, params }]).unwrap()
}

/// A pool of 16 blocks, with 512 blocks of metadata.
pub(super) struct Scene<'k> {
    pub(super) kernel: &'k dyn TestKernel,
    pub(super) host: Host,
    pub(super) table: ThinPoolTable,
    pub(super) pool: ThinPoolDev,
}

impl<'k> Scene<'k> {
    pub(super) fn new(kernel: &'k dyn TestKernel) -> Self {
        Self::with(kernel, |table| table)
    }

    pub(super) fn with(kernel: &'k dyn TestKernel, features: fn(ThinPoolTable) -> ThinPoolTable) -> Self {
        let (metadata, data) = (kernel.disk(Bytes(2 << 20)), kernel.disk(Bytes(2 << 20)));
        let table = features(ThinPoolTable::new(metadata, data, BLOCK, DataBlocks(0)));
        let host = kernel.host();
        let pool = ThinPoolDev::create(&host, kernel.name("pool"), &one(LENGTH, table.clone())).unwrap();
        Self { kernel, host, table, pool }
    }

    pub(super) fn send(&self, message: &ThinPoolMessage) -> Result<(), DevError> {
        self.pool.message(&self.host, message).map(drop)
    }

    pub(super) fn status(&self) -> WorkingPool {
        match self.pool.status(&self.host).unwrap() {
            ThinPoolStatus::Working(pool) => pool,
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.status().data.used.0
    }

    pub(super) fn thin(&self, number: u32, name: &str) -> ThinDev {
        let name = self.kernel.name(name);
        self.pool.create_thin(&self.host, id(number), name, LENGTH).unwrap()
    }

    pub(super) fn mapped(&self, thin: &ThinDev) -> (Sectors, Option<Sectors>) {
        match thin.status(&self.host).unwrap() {
            ThinStatus::Working { mapped, highest, .. } => (mapped, highest),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn fill(&self, device: DeviceNumber, start: Sectors, byte: u8) {
        self.kernel.write(device, start, &vec![byte; BLOCK_BYTES]).unwrap();
    }

    pub(super) fn byte(&self, device: DeviceNumber, at: Sectors) -> u8 {
        let mut sector = [0xee; 512];
        self.kernel.read(device, at, &mut sector).unwrap();
        assert!(sector.iter().all(|byte| *byte == sector[0]), "{at:?}");
        sector[0]
    }

    pub(super) fn number(&self, device: &ThinDev) -> DeviceNumber {
        device.number(&self.host).unwrap()
    }

    pub(super) fn swap(&self, length: Sectors, table: ThinPoolTable) -> Result<(), DevError> {
        self.pool.set_table(&self.host, &one(length, table))
    }

    pub(super) fn remove(&self, device: DeviceNumber) {
        self.host.remove_with(device, patiently()).unwrap();
    }
}

/// Other programs may open a device for a moment.
pub(super) fn patiently() -> RemovePolicy {
    RemovePolicy::new().retry(Retry::within(Duration::from_secs(20)))
}
