//! The status of a `writecache` target.

use alloc::vec::Vec;
use core::fmt;

use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf};

/// How full a `writecache` target is, what it counted, and whether it has failed.
///
/// ```
/// use dm_targets::{Target, Writecache};
///
/// let status = Writecache::parse_status("0 8160 7960 0")?;
/// assert_eq!((status.blocks, status.used()), (8160, 200));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WritecacheStatus {
    /// 1 if an error has stopped the cache, otherwise 0. A stopped cache fails all writes, flushes and discards.
    pub error: u64,
    /// The number of blocks of the cache.
    pub blocks: u64,
    /// The number of free blocks.
    pub free: u64,
    /// The number of blocks that are being written back.
    pub writeback: u64,
    /// The counters; `None` before target version 1.6.0.
    pub counts: Option<WritecacheCounts>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl WritecacheStatus {
    /// The number of used blocks. All of them are dirty, because a block is freed as soon as it has been written back.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.blocks.saturating_sub(self.free)
    }

    pub(super) fn health(&self) -> Health {
        let used = self.used();
        let failed = self.error != 0;
        Health { dirty: Some(Usage { used, total: self.blocks }), repairs: failed.into(), ..Health::default() }
            .concern(Concern::ReadOnly, failed)
    }
}

/// The counters of a `writecache` target since the table was loaded or the counters were reset.
///
/// In Linux 6.1 and later, they count blocks, with three exceptions: `flushes` counts requests,
/// `writes_blocked_on_freelist` counts waits, and with an SSD, the write hits count parts of requests. A part is a run
/// of blocks that are adjacent in the cache. A write that hits a committed block and waits for a free block is counted
/// as a hit again after each wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WritecacheCounts {
    /// Reads in total.
    pub reads: u64,
    /// Reads that were served from the cache.
    pub read_hits: u64,
    /// Writes in total.
    pub writes: u64,
    /// Writes to a cached block that was not yet committed.
    pub write_hits_uncommitted: u64,
    /// Writes to a cached block that was already committed.
    pub write_hits_committed: u64,
    /// Writes that bypassed the cache and went to the origin.
    pub writes_around: u64,
    /// Writes that allocated a free block. With an SSD, a part that is counted as a write hit also adds all its blocks
    /// except the first.
    pub writes_allocate: u64,
    /// How often a write waited for a free block; a write that waits again is counted again.
    pub writes_blocked_on_freelist: u64,
    /// Flushes in total.
    pub flushes: u64,
    /// Discards in total.
    pub discards: u64,
}

impl WritecacheCounts {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reads: fields.read("reads")?,
            read_hits: fields.read("read hits")?,
            writes: fields.read("writes")?,
            write_hits_uncommitted: fields.read("write hits uncommitted")?,
            write_hits_committed: fields.read("write hits committed")?,
            writes_around: fields.read("writes around")?,
            writes_allocate: fields.read("writes allocate")?,
            writes_blocked_on_freelist: fields.read("writes blocked on freelist")?,
            flushes: fields.read("flushes")?,
            discards: fields.read("discards")?,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        out.put(&self.reads).put(&self.read_hits).put(&self.writes);
        out.put(&self.write_hits_uncommitted).put(&self.write_hits_committed);
        out.put(&self.writes_around).put(&self.writes_allocate).put(&self.writes_blocked_on_freelist);
        out.put(&self.flushes).put(&self.discards);
    }
}

impl Params for WritecacheStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            error: fields.read("error")?,
            blocks: fields.read("blocks")?,
            free: fields.read("free blocks")?,
            writeback: fields.read("blocks under writeback")?,
            counts: if fields.is_empty() { None } else { Some(WritecacheCounts::parse(fields)?) },
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for WritecacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.error).put(&self.blocks).put(&self.free).put(&self.writeback);
        if let Some(counts) = &self.counts {
            counts.print(&mut out);
        }
        out.all(&self.extra).end()
    }
}
