//! `verity` (drivers/md/dm-verity-target.c), without hashes: all data are right.

use dm_targets::Verity;
use dm_targets::verity::VerityTable;
use dm_units::Sectors;

use super::part::Part;
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct VerityTarget {
    table: VerityTable,
    data: Part,
    length: u64,
    /// The length of a block in sectors.
    block: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    if !construction.read_only {
        return construction.refuse(Errno::EINVAL, "Device must be readonly");
    }
    let mut table = construction.params::<Verity>(params)?;
    let mut open = |device, failure| Part::open_for(construction, device, Sectors(0), false, failure);
    let data = open(&mut table.data.device, "Data device lookup failed")?;
    let hash = open(&mut table.hash.device, "Hash device lookup failed")?;
    construction.only_known(&table.options.other_options, "Unrecognized verity feature request")?;
    if let Some(fec) = &mut table.options.use_fec_from_device {
        Part::open_for(construction, fec, Sectors(0), false, "FEC device lookup failed")?;
        table.options.fec_start.get_or_insert_default();
    }
    let hash_end = table.hash_start.saturating_mul(u64::from(table.hash.block_size >> 9));
    if hash.device_len(construction.kernel) < hash_end {
        return construction.refuse(Errno::E2BIG, "Hash device is too small");
    }
    let block = u64::from(table.data.block_size >> 9);
    Ok(Box::new(VerityTarget { table, data, length: construction.length, block }))
}

impl Target for VerityTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        "V".to_owned()
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        let end = start.saturating_add(io.sectors());
        let refusal = match &io {
            Io::Flush => return Ok(()),
            Io::Discard(_) => return Err(Errno::EOPNOTSUPP.into()),
            _ if (start | end).checked_rem(self.block) != Some(0) => "unaligned io",
            _ if end.checked_div(self.block).is_none_or(|end| end > self.table.data_blocks.0) => "io out of range",
            Io::Write(_) => return Err(Errno::EIO.into()),
            Io::Read(_) => return self.data.io(kernel, start, io),
        };
        kernel.log("verity", refusal);
        Err(Errno::EIO.into())
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.data.span(self.length)]
    }
}
