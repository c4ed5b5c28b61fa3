//! The metadata of a pool: transactions, and the device to which they are committed (`struct dm_pool_metadata`).

use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

use super::content::{BITMAP_ENTRIES, Content};
use super::superblock::{METADATA_BLOCK, METADATA_BLOCK_SECTORS, Superblock};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault};

/// The maximum number of metadata blocks that a pool uses (`DM_SM_METADATA_MAX_BLOCKS`).
pub(super) const MAX_BLOCKS: u64 = 255 * 16_320;

/// The prefix of its lines in the log.
const LOG_PREFIX: &str = "thin metadata";

#[derive(Debug)]
pub(super) struct Metadata {
    device: DeviceNumber,
    /// The length of a data block in sectors.
    data_block_size: u64,
    /// The number of the content in the superblock.
    number: u64,
    pub(super) current: Content,
    committed: Content,
    /// The number of data blocks that this transaction has allocated.
    allocated: u64,
    /// The first candidate for the next allocated data block.
    next_data: u64,
    /// The number of times each thin device is open.
    open: BTreeMap<u32, usize>,
    /// Thin devices that were changed since the last commit.
    changed: BTreeSet<u32>,
    /// Thin devices that lost changes when a transaction was aborted.
    aborted: BTreeSet<u32>,
    /// Whether a rollback has failed.
    pub(super) failed: bool,
    /// Whether something was changed since it was opened. Until then, commits do nothing.
    in_service: bool,
    pub(super) read_only: bool,
    /// The number of metadata blocks that are kept free for a commit.
    reserve: u64,
    /// The number of free metadata blocks at which an event is raised.
    threshold: u64,
    /// The number of free blocks at the last comparison with the threshold.
    compared: Option<u64>,
}

impl Metadata {
    /// As `dm_pool_metadata_open`.
    pub(super) fn open(
        kernel: &mut Kernel,
        device: DeviceNumber,
        data_block_size: u64,
        may_format: bool,
    ) -> Result<Self, Errno> {
        let mut block = vec![0; METADATA_BLOCK];
        read(kernel, device, &mut block)?;
        let is_new = block.iter().all(|byte| *byte == 0);
        match (is_new, may_format) {
            (true, true) => Self::format(kernel, device, data_block_size)?,
            (true, false) => return Err(Errno::EPERM),
            (false, _) => {}
        }
        let (current, number) = load(kernel, device, data_block_size)?;
        let reserve = reserve(current.metadata_blocks);
        Ok(Self {
            device,
            data_block_size,
            number,
            committed: current.clone(),
            current,
            allocated: 0,
            next_data: 0,
            open: BTreeMap::new(),
            changed: BTreeSet::new(),
            aborted: BTreeSet::new(),
            failed: false,
            in_service: false,
            read_only: false,
            reserve,
            threshold: 0,
            compared: None,
        })
    }

    /// Writes the metadata of a pool without devices.
    fn format(kernel: &mut Kernel, device: DeviceNumber, data_block_size: u64) -> Result<(), Errno> {
        let metadata_blocks = device_blocks(kernel, device);
        let content = Content::new(metadata_blocks);
        if content.used_metadata() > metadata_blocks {
            kernel.log(LOG_PREFIX, "tm_create_with_sm failed");
            return Err(Errno::ENOSPC);
        }
        let contents = &kernel.shared.thin.contents;
        let number = contents.keys().next_back().map_or(1, |last| last.saturating_add(1));
        write(kernel, device, superblock(&content, number, data_block_size))?;
        kernel.shared.thin.contents.insert(number, content);
        Ok(())
    }

    // Transactions.

    /// As `__commit_transaction`. While the metadata or the data device holds I/O, the transaction stays open.
    pub(super) fn commit(&mut self, kernel: &mut Kernel, data: DeviceNumber) -> Result<(), Errno> {
        if self.failed {
            return Err(Errno::EINVAL);
        }
        if !self.in_service {
            return Ok(());
        }
        if let Err(IoFault::Failed(errno)) = kernel.io(data, 0, Io::Flush) {
            kernel.log(LOG_PREFIX, "pre-commit callback failed");
            return Err(errno);
        }
        if !write(kernel, self.device, superblock(&self.current, self.number, self.data_block_size))? {
            return Ok(());
        }
        self.committed = self.current.clone();
        kernel.shared.thin.contents.insert(self.number, self.committed.clone());
        self.allocated = 0;
        self.changed.clear();
        Ok(())
    }

    /// As `dm_pool_abort_metadata`.
    pub(super) fn abort(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.failed {
            return Err(Errno::EINVAL);
        }
        self.aborted = self.changed.clone();
        self.allocated = 0;
        match load(kernel, self.device, self.data_block_size) {
            Ok((content, _)) => {
                self.committed = content.clone();
                self.current = content;
                Ok(())
            }
            Err(errno) => {
                self.failed = true;
                Err(errno)
            }
        }
    }

    /// As `dm_pool_metadata_set_needs_check`. An error of the device is ignored.
    pub(super) fn set_needs_check(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.failed {
            return Err(Errno::EINVAL);
        }
        if self.read_only {
            return Err(Errno::EPERM);
        }
        self.current.needs_check = true;
        self.committed.needs_check = true;
        let _ = write(kernel, self.device, superblock(&self.committed, self.number, self.data_block_size));
        Ok(())
    }

    /// Makes later commits write.
    pub(super) fn enter_service(&mut self) {
        self.in_service = true;
    }

    /// Begins a change that may allocate metadata blocks.
    pub(super) fn begin_change(&mut self) -> Result<(), Errno> {
        if self.failed {
            return Err(Errno::EINVAL);
        }
        self.enter_service();
        if self.unused() == 0 { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    pub(super) fn mark_changed(&mut self, id: u32) {
        self.changed.insert(id);
    }

    pub(super) fn is_changed(&self, id: u32) -> bool {
        self.changed.contains(&id)
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    pub(super) fn has_lost_changes(&self, id: u32) -> bool {
        self.aborted.contains(&id)
    }

    // Devices.

    /// As `dm_pool_open_thin_device`.
    pub(super) fn open_thin(&mut self, id: u32) -> Result<(), Errno> {
        if self.failed {
            return Err(Errno::EINVAL);
        }
        if !self.current.contains(id) && !self.is_open(id) {
            return Err(Errno::ENODATA);
        }
        let count = self.open.entry(id).or_insert(0);
        *count = count.saturating_add(1);
        Ok(())
    }

    pub(super) fn close_thin(&mut self, id: u32) {
        match self.open.get_mut(&id) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                self.open.remove(&id);
                self.aborted.remove(&id);
            }
        }
    }

    pub(super) fn is_open(&self, id: u32) -> bool {
        self.open.contains_key(&id)
    }

    // Space.

    /// The number of data blocks that can be allocated. Freed blocks count only after a commit.
    pub(super) fn free_data(&self) -> u64 {
        let in_use = self.committed.used_data().saturating_add(self.allocated);
        self.data_blocks().saturating_sub(in_use)
    }

    /// As `sm_disk_new_block`.
    pub(super) fn allocate(&mut self) -> Result<u64, Errno> {
        self.enter_service();
        let is_free = |block: &u64| !self.current.is_used(*block) && !self.committed.is_used(*block);
        let (start, end) = (self.next_data, self.current.data_blocks);
        let found = (start..end).find(is_free).or_else(|| (0..start.min(end)).find(is_free)).ok_or(Errno::ENOSPC)?;
        self.next_data = found.saturating_add(1);
        self.allocated = self.allocated.saturating_add(1);
        self.current.take(found);
        Ok(found)
    }

    /// Releases an allocated block that will not be used.
    pub(super) fn give_back(&mut self, block: u64) {
        self.allocated = self.allocated.saturating_sub(1);
        self.current.release(block);
    }

    /// The number of metadata blocks that are not in use.
    fn unused(&self) -> u64 {
        self.current.metadata_blocks.saturating_sub(self.current.used_metadata())
    }

    /// The number of metadata blocks that the pool reports as free, without the reserve for commits.
    pub(super) fn free_metadata(&self) -> u64 {
        self.unused().saturating_sub(self.reserve)
    }

    /// The size of the data device at the last commit (`sm_disk_get_nr_blocks`).
    pub(super) const fn data_blocks(&self) -> u64 {
        self.committed.data_blocks
    }

    /// As `dm_pool_resize_data_dev`. It adds the growth since the last commit, even if it was added before.
    pub(super) fn resize_data(&mut self, blocks: u64) -> Result<(), Errno> {
        let extended = self.current.data_blocks.saturating_add(blocks.saturating_sub(self.committed.data_blocks));
        if self.read_only {
            self.enter_service();
        } else {
            self.begin_change()?;
        }
        self.check_bitmaps(self.current.data_blocks, extended)?;
        self.current.data_blocks = extended;
        Ok(())
    }

    /// In read-only mode, a space map can grow only within its last bitmap (`sm_ll_extend`).
    fn check_bitmaps(&self, old: u64, new: u64) -> Result<(), Errno> {
        let grows = old.div_ceil(BITMAP_ENTRIES) < new.div_ceil(BITMAP_ENTRIES);
        if self.read_only && grows { Err(Errno::EPERM) } else { Ok(()) }
    }

    pub(super) fn resize_metadata(&mut self, blocks: u64) -> Result<(), Errno> {
        self.enter_service();
        self.check_bitmaps(self.current.metadata_blocks, blocks)?;
        self.current.metadata_blocks = blocks;
        self.reserve = reserve(blocks);
        Ok(())
    }

    /// As `dm_pool_register_metadata_threshold`.
    pub(super) fn set_threshold(&mut self, blocks: u64) -> Result<(), Errno> {
        if self.failed {
            return Err(Errno::EINVAL);
        }
        self.threshold = blocks;
        Ok(())
    }

    /// Whether the number of free blocks has just fallen to the threshold (`check_threshold`).
    pub(super) fn crosses_threshold(&mut self) -> bool {
        let is_low = |free: u64| free <= self.threshold;
        let was_low = self.compared.is_some_and(is_low);
        let free = self.unused();
        let crosses = is_low(free) && !was_low;
        self.compared = Some(free);
        crosses
    }
}

/// The number of blocks of a device that can hold metadata.
pub(super) fn device_blocks(kernel: &Kernel, device: DeviceNumber) -> u64 {
    (kernel.sectors(device).unwrap_or(0) / METADATA_BLOCK_SECTORS).min(MAX_BLOCKS)
}

/// As `__set_metadata_reserve`.
fn reserve(blocks: u64) -> u64 {
    (blocks / 10).min(4096)
}

fn superblock(content: &Content, number: u64, data_block_size: u64) -> Superblock {
    Superblock {
        needs_check: content.needs_check,
        time: content.time(),
        transaction_id: content.transaction_id,
        held_root: content.held_root().unwrap_or(0),
        content: number,
        data_block_size: u32::try_from(data_block_size).unwrap_or(u32::MAX),
        metadata_blocks: content.metadata_blocks,
    }
}

/// Loads the last committed content and its number (`__open_metadata`). The fields that the superblock contains itself
/// are read from it, since repair tools change them.
fn load(kernel: &mut Kernel, device: DeviceNumber, data_block_size: u64) -> Result<(Content, u64), Errno> {
    let mut block = vec![0; METADATA_BLOCK];
    read(kernel, device, &mut block)?;
    let superblock =
        Superblock::read(kernel, &block).inspect_err(|_| kernel.log(LOG_PREFIX, "couldn't read superblock"))?;
    if u64::from(superblock.data_block_size) != data_block_size {
        let old = superblock.data_block_size;
        let text = format!("changing the data block size (from {old} to {data_block_size}) is not supported");
        kernel.log(LOG_PREFIX, &text);
        return Err(Errno::EINVAL);
    }
    let Some(mut content) = kernel.shared.thin.contents.get(&superblock.content).cloned() else {
        kernel.log(LOG_PREFIX, "tm_open_with_sm failed");
        return Err(Errno::EILSEQ);
    };
    content.needs_check = superblock.needs_check;
    content.transaction_id = superblock.transaction_id;
    Ok((content, superblock.content))
}

fn read(kernel: &mut Kernel, device: DeviceNumber, block: &mut [u8]) -> Result<(), Errno> {
    match kernel.io(device, 0, Io::Read(block)) {
        Ok(()) => Ok(()),
        Err(IoFault::Failed(errno)) => Err(errno),
        // The kernel would wait here in an uninterruptible command.
        Err(IoFault::Held(_) | IoFault::Waits(_)) => Err(Errno::EIO),
    }
}

/// Writes the superblock. Returns `false` if the device holds I/O.
fn write(kernel: &mut Kernel, device: DeviceNumber, superblock: Superblock) -> Result<bool, Errno> {
    match kernel.io(device, 0, Io::Write(&superblock.to_bytes())) {
        Ok(()) => Ok(true),
        Err(IoFault::Failed(errno)) => Err(errno),
        Err(IoFault::Held(_) | IoFault::Waits(_)) => Ok(false),
    }
}
