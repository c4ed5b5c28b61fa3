//! `verity` (drivers/md/dm-verity-target.c), without error correction. Each read block is checked against its hash;
//! with an algorithm that the library does not support, data is not checked.

use dm_targets::Verity;
use dm_targets::devices::{VerityError, VerityTree};
use dm_targets::verity::{OnCorruption, VerityTable};
use dm_units::Sectors;

use super::part::DevicePart;
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

/// The maximum number of corrupted blocks that are logged (`DM_VERITY_MAX_CORRUPTED_ERRS`).
const MAX_LOGGED: u32 = 100;

#[derive(Debug)]
struct VerityTarget {
    table: VerityTable,
    data: DevicePart,
    hash: DevicePart,
    length: u64,
    /// The lengths of data and hash blocks in sectors.
    blocks: [u64; 2],
    tree: Option<VerityTree>,
    is_corrupted: bool,
    logged: u32,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    if !construction.read_only {
        return construction.refuse(Errno::EINVAL, "Device must be readonly");
    }
    let mut table = construction.params::<Verity>(params)?;
    let mut open = |device, failure| DevicePart::open_for(construction, device, Sectors(0), false, failure);
    let data = open(&mut table.data.device, "Data device lookup failed")?;
    let hash = open(&mut table.hash.device, "Hash device lookup failed")?;
    construction.only_known(&table.options.other_options, "Unrecognized verity feature request")?;
    if let Some(fec) = &mut table.options.use_fec_from_device {
        DevicePart::open_for(construction, fec, Sectors(0), false, "FEC device lookup failed")?;
        table.options.fec_start.get_or_insert_default();
    }
    let tree = match VerityTree::of_table(&table) {
        Ok(tree) => Some(tree),
        Err(VerityError::RootHash { .. }) => return construction.refuse(Errno::EINVAL, "Invalid root digest"),
        Err(_) => None,
    };
    let blocks = [table.data.block_size, table.hash.block_size].map(|size| u64::from(size >> 9));
    let hash_end = tree.as_ref().map_or(table.hash_start, VerityTree::end).saturating_mul(blocks[1]);
    if hash.device_len(construction.kernel) < hash_end {
        return construction.refuse(Errno::E2BIG, "Hash device is too small");
    }
    let length = construction.length;
    Ok(Box::new(VerityTarget { table, data, hash, length, blocks, tree, is_corrupted: false, logged: 0 }))
}

/// The reason why a block is not returned.
enum Fault {
    Io(IoFault),
    /// With the block's name in the kernel's log.
    Corrupted(String),
}

impl From<IoFault> for Fault {
    fn from(fault: IoFault) -> Self {
        Self::Io(fault)
    }
}

impl From<VerityError> for Fault {
    fn from(error: VerityError) -> Self {
        Self::Corrupted(match error {
            VerityError::OtherRoot { block, .. } | VerityError::CorruptedHashes { block, .. } => {
                format!("metadata block {block}")
            }
            other => other.to_string(),
        })
    }
}

impl VerityTarget {
    /// Reads and checks a data block (`verity_verify_io`).
    fn read_block(&mut self, kernel: &mut Kernel, start: u64, content: &mut [u8]) -> IoResult {
        match self.checked(kernel, start, content) {
            Ok(()) => Ok(()),
            Err(Fault::Io(fault)) => Err(fault),
            Err(Fault::Corrupted(block)) => self.corrupted(kernel, &block),
        }
    }

    fn checked(&mut self, kernel: &mut Kernel, start: u64, content: &mut [u8]) -> Result<(), Fault> {
        self.data.io(kernel, start, Io::Read(content))?;
        let Some(tree) = &mut self.tree else { return Ok(()) };
        let number = start.checked_div(self.blocks[0]).unwrap_or(0);
        let (hash, length) = (self.hash, self.blocks[1]);
        let expected = tree.expected(number, |block, content| {
            Ok::<_, Fault>(hash.io(kernel, block.saturating_mul(length), Io::Read(content))?)
        })?;
        if self.table.options.ignore_zero_blocks && tree.hash(&vec![0; content.len()]) == expected {
            content.fill(0);
        }
        if tree.hash(content) == expected {
            return Ok(());
        }
        Err(Fault::Corrupted(format!("data block {number}")))
    }

    /// Records a corrupted block (`verity_handle_err`). If the table requests a restart or panic, the read fails, since
    /// there is no machine.
    fn corrupted(&mut self, kernel: &mut Kernel, block: &str) -> IoResult {
        self.is_corrupted = true;
        if self.logged < MAX_LOGGED {
            self.logged = self.logged.saturating_add(1);
            kernel.log("verity", &format!("{}: {block} is corrupted", self.data.device));
        }
        match self.table.options.on_corruption {
            Some(OnCorruption::Ignore) => Ok(()),
            _ => Err(Errno::EIO.into()),
        }
    }
}

impl Target for VerityTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        if self.is_corrupted { "C" } else { "V" }.to_owned()
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        let end = start.saturating_add(io.sectors());
        let block = self.blocks[0];
        let refusal = match &io {
            Io::Flush => return Ok(()),
            Io::Discard(_) => return Err(Errno::EOPNOTSUPP.into()),
            _ if (start | end).checked_rem(block) != Some(0) => "unaligned io",
            _ if end.checked_div(block).is_none_or(|end| end > self.table.data_blocks.0) => "io out of range",
            Io::Write(_) => return Err(Errno::EIO.into()),
            Io::Read(_) => {
                return io.by_blocks(start, block, |at, part| match part {
                    Io::Read(content) => self.read_block(kernel, at, content),
                    _ => Ok(()),
                });
            }
        };
        kernel.log("verity", refusal);
        Err(Errno::EIO.into())
    }

    fn discards(&self, _: &Kernel) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.data.span(self.length)]
    }
}
