//! The target `snapshot-origin` (`origin_ctr` and the other functions of `origin_target`).

use dm_targets::snapshot::SnapshotOriginTable;
use dm_targets::{Device, SnapshotOrigin};
use dm_units::DeviceNumber;

use super::before_write;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;
use crate::memory::targets::{Construction, Target};

#[derive(Debug)]
struct OriginTarget {
    device: DeviceNumber,
    length: u64,
}

pub(in crate::memory::targets) fn construct(
    construction: &mut Construction<'_>,
    params: &str,
) -> Result<Box<dyn Target>, Errno> {
    let table = construction.params::<SnapshotOrigin>(params)?;
    let device = construction.device(&table.origin, "Cannot get target device")?;
    Ok(Box::new(OriginTarget { device, length: construction.length }))
}

impl Target for OriginTarget {
    fn table(&self, _: &Kernel) -> String {
        SnapshotOriginTable::new(Device::Number(self.device)).to_string()
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        match io {
            Io::Write(_) => before_write(kernel, self.device, start, io.sectors())?,
            Io::Read(_) | Io::Discard(_) | Io::Flush => {}
        }
        kernel.io(self.device, start, io)
    }

    fn discards(&self, _: &Kernel) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        vec![Span { number: self.device, start: 0, length: self.length }]
    }
}
