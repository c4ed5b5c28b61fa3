//! `unstriped` (drivers/md/dm-unstripe.c).

use dm_targets::Unstriped;
use dm_targets::unstriped::UnstripedTable;

use super::part::DevicePart;
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct UnstripedTarget {
    table: UnstripedTable,
    part: DevicePart,
    length: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Unstriped>(params)?;
    let part = DevicePart::open(construction, &mut table.device, table.offset, "Couldn't get striped device")?;
    Ok(Box::new(UnstripedTarget { table, part, length: construction.length }))
}

impl UnstripedTarget {
    /// Maps a sector of the stripe to a sector of the striped device.
    fn place(&self, sector: u64) -> Option<u64> {
        let [stripes, chunk, stripe] = [self.table.stripes, self.table.chunk_size, self.table.stripe].map(u64::from);
        let row = sector.checked_div(chunk)?;
        let others = stripes.checked_sub(1)?.checked_mul(chunk)?.checked_mul(row)?;
        sector.checked_add(others)?.checked_add(stripe.checked_mul(chunk)?)
    }
}

impl Target for UnstripedTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        match io {
            // The target requests no flushes.
            Io::Flush => Ok(()),
            _ => io.by_blocks(start, u64::from(self.table.chunk_size), |at, part| {
                let at = self.place(at).ok_or(Errno::EIO)?;
                self.part.io(kernel, at, part)
            }),
        }
    }

    fn discards(&self, _: &Kernel) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.part.span(self.length)]
    }
}
