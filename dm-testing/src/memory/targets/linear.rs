//! `linear` (drivers/md/dm-linear.c).

use dm_targets::Linear;
use dm_units::DeviceNumber;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct LinearTarget {
    device: DeviceNumber,
    start: u64,
    length: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let table = construction.params::<Linear>(params)?;
    let device = construction.device(&table.device, "Device lookup failed")?;
    Ok(Box::new(LinearTarget { device, start: table.start.0, length: construction.length }))
}

impl Target for LinearTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{} {}", self.device, self.start)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        kernel.io(self.device, self.start.saturating_add(start), io)
    }

    fn wants_flushes(&self) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        vec![Span { number: self.device, start: self.start, length: self.length }]
    }
}
