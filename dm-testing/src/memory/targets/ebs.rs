//! `ebs` (drivers/md/dm-ebs-target.c). Disks in memory have sectors of 512 bytes, so nothing needs to be emulated.

use dm_targets::Ebs;
use dm_targets::ebs::EbsTable;

use super::part::DevicePart;
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct EbsTarget {
    table: EbsTable,
    part: DevicePart,
    length: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Ebs>(params)?;
    let part = DevicePart::open(construction, &mut table.device, table.offset, "Device lookup failed")?;
    Ok(Box::new(EbsTarget { table, part, length: construction.length }))
}

impl Target for EbsTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        self.part.io(kernel, start, io)
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.part.span(self.length)]
    }
}
