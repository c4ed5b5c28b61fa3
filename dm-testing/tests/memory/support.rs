//! A pool on disks in memory.

use dm_core::{Host, TargetLine};
use dm_targets::devices::{DevError, ThinDev, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::{ThinPoolMessage, ThinPoolStatus, ThinPoolTable, WorkingPool};
use dm_targets::{Table, TableLine, Target};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

/// The length of the data device: 16 blocks.
pub(crate) const LENGTH: Sectors = Sectors(2048);
pub(crate) const BLOCK: Sectors = Sectors(128);

/// The data of a block.
pub(crate) fn block(byte: u8) -> Vec<u8> {
    vec![byte; 65536]
}

pub(crate) fn id(id: u32) -> ThinDevId {
    ThinDevId::new(id).unwrap()
}

pub(crate) fn one<T: Target>(length: Sectors, params: T::Table) -> Table<T> {
    Table::new([TableLine::<T> { start: Sectors(0), length, params }]).unwrap()
}

/// A line of `linear` that maps a whole device.
pub(crate) fn linear(length: Sectors, device: DeviceNumber) -> TargetLine<dm_core::LineText<'static, String>> {
    TargetLine::text(Sectors(0), length, "linear", format!("{device} 0"))
}

/// A pool of 16 blocks on a data device of 32 blocks, with 512 blocks of metadata.
pub(crate) struct Scene {
    pub(crate) memory: MemoryKernel,
    pub(crate) host: Host,
    pub(crate) metadata: MemoryDisk,
    pub(crate) data: MemoryDisk,
    pub(crate) table: ThinPoolTable,
    pub(crate) pool: ThinPoolDev,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|table| table)
    }

    pub(crate) fn with(features: fn(ThinPoolTable) -> ThinPoolTable) -> Self {
        let memory = MemoryKernel::new();
        let metadata = memory.disk(Bytes(2 << 20));
        let number = metadata.number();
        Self::on(memory, metadata, number, features)
    }

    /// A pool whose metadata device is not the disk.
    pub(crate) fn on(
        memory: MemoryKernel,
        metadata: MemoryDisk,
        device: DeviceNumber,
        features: fn(ThinPoolTable) -> ThinPoolTable,
    ) -> Self {
        let data = memory.disk(Bytes(2 << 20));
        let table = features(ThinPoolTable::new(device, data.number(), BLOCK, DataBlocks(0)));
        let host = memory.host();
        let pool = ThinPoolDev::create(&host, "pool", &one(LENGTH, table.clone())).unwrap();
        Self { memory, host, metadata, data, table, pool }
    }

    pub(crate) fn send(&self, message: &ThinPoolMessage) -> Result<(), DevError> {
        self.pool.message(&self.host, message).map(drop)
    }

    pub(crate) fn any_status(&self) -> ThinPoolStatus {
        self.pool.status(&self.host).unwrap()
    }

    pub(crate) fn status(&self) -> WorkingPool {
        match self.any_status() {
            ThinPoolStatus::Working(pool) => pool,
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) fn thin(&self, number: u32, name: &str) -> ThinDev {
        self.pool.create_thin(&self.host, id(number), name, Sectors(2 * LENGTH.0)).unwrap()
    }

    /// A thin device `full` that uses all blocks.
    pub(crate) fn fill(&self) -> ThinDev {
        let thin = self.thin(0, "full");
        (0..2048).step_by(128).for_each(|at| self.memory.write("full", Sectors(at), &block(1)).unwrap());
        thin
    }

    pub(crate) fn events(&self) -> u32 {
        self.pool.info(&self.host).unwrap().event_nr()
    }

    /// The byte that fills a sector.
    pub(crate) fn byte(&self, device: &str, at: u64) -> u8 {
        let mut sector = [0xee; 512];
        self.memory.read(device, Sectors(at), &mut sector).unwrap();
        assert!(sector.iter().all(|byte| *byte == sector[0]), "{at}");
        sector[0]
    }

    /// Whether a line of the log ends with this text.
    pub(crate) fn logged(&self, text: &str) -> bool {
        self.memory.log().iter().any(|line| line.ends_with(text))
    }
}
