//! Methods of thin pools: growth, features, transaction ids, snapshots of the metadata.

use dm_core::block::BlockOpenOptions;
use dm_core::{Host, ReloadOptions};
use dm_units::{MetaBlocks, Sectors};

use super::block::NamedBlock;
use super::error::steps::unless_in_effect;
use super::{DevError, MappedDev};
use crate::thin_pool::{PoolCheck, PoolMode, ThinPoolFeatures, ThinPoolMessage, ThinPoolStatus, WorkingPool};
use crate::{Device, ThinPool};

/// The largest number of metadata blocks that a pool uses (`DM_SM_METADATA_MAX_BLOCKS` in
/// drivers/md/persistent-data/dm-space-map-metadata.h).
const MAX_METADATA: MetaBlocks = MetaBlocks(255 * 16_320);

/// A pool from which thin devices allocate blocks when they are first written.
///
/// The metadata device of a new pool must begin with 4096 bytes of zeros. [`setup_pool`](MappedDev::setup_pool) checks
/// this, and activates a pool that it finds there. To change fields of the pool's table that have no method here, call
/// [`change`](MappedDev::change).
///
/// A pool that is read-only, out of metadata space or failed refuses messages. Methods that send a message then return
/// an error whose [`is_read_only`](DevError::is_read_only) is true.
///
/// Pools are hidden from programs that search for file systems, unless
/// [`SetupOptions::visibility`](dm_core::SetupOptions::visibility) is set.
impl MappedDev<ThinPool> {
    /// Extends the pool while it is in use. The pool then uses `length` of its data device, rounded down to whole
    /// blocks, and all of its metadata device, up to the kernel's limit of nearly 16 GiB.
    ///
    /// Call it after the data or metadata device has grown. A pool never shrinks.
    ///
    /// # Errors
    ///
    /// As [`change`](MappedDev::change). [`is_invalid`](DevError::is_invalid): `length` exceeds the data device, or is
    /// less than the current size. [`DevError::NotGrown`], [`DevError::MetadataNotGrown`]: the kernel accepted the
    /// table, but the pool did not grow, because it cannot write its metadata. [`DevError::PoolFailed`]. A pool whose
    /// metadata must be checked can also return [`DevError::Block`]: the size of its metadata device cannot be read.
    pub fn grow(&self, host: &Host, length: Sectors) -> Result<(), DevError> {
        self.grow_with(host, length, ReloadOptions::new())
    }

    /// Extends the pool, with options such as those of the suspension.
    ///
    /// # Errors
    ///
    /// As [`grow`](Self::grow).
    pub fn grow_with(&self, host: &Host, length: Sectors, options: ReloadOptions) -> Result<(), DevError> {
        let (mut block_size, mut metadata) = (Sectors(1), None);
        let changed = unless_in_effect(self.change_with(host, options, |lines| {
            for line in lines {
                line.length = length;
                block_size = line.params.block_size;
                metadata = Some(line.params.metadata.clone());
            }
        }))?;
        // A pool that cannot write its metadata keeps its size, and the resume succeeds (`maybe_resize_data_dev` and
        // `maybe_resize_metadata_dev` in drivers/md/dm-thin.c).
        let pool = self.figures(host)?;
        let wanted = length.to_data_blocks_floor(block_size);
        match (wanted.filter(|blocks| pool.data.total < *blocks), metadata) {
            (Some(wanted), _) => Err(DevError::NotGrown {
                pool: self.to_id(),
                blocks: pool.data.total,
                wanted,
                mode: pool.mode.unwrap_or(PoolMode::ReadOnly),
                needs_check: pool.check == Some(PoolCheck::Needed),
            }),
            (None, Some(metadata)) if pool.check == Some(PoolCheck::Needed) => {
                self.check_metadata_size(host, &metadata, pool.metadata.total)
            }
            (None, _) => Ok(()),
        }?;
        changed
    }

    /// Checks that a pool that needs a check uses all of its metadata device.
    fn check_metadata_size(&self, host: &Host, device: &Device, blocks: MetaBlocks) -> Result<(), DevError> {
        let size = NamedBlock::open(host, device, BlockOpenOptions::new())?.size()?;
        let wanted = size.to_meta_blocks_floor().min(MAX_METADATA);
        if wanted <= blocks {
            return Ok(());
        }
        Err(DevError::MetadataNotGrown { pool: self.to_id(), blocks, wanted })
    }

    /// Changes the features of the pool while it is in use. The feature `ignore_discard` cannot be changed while the
    /// pool is active.
    ///
    /// # Errors
    ///
    /// As [`change`](MappedDev::change). [`is_invalid`](DevError::is_invalid): `ignore_discard` would change.
    pub fn set_features(&self, host: &Host, change: impl FnOnce(&mut ThinPoolFeatures)) -> Result<(), DevError> {
        self.change(host, |lines| {
            if let Some(line) = lines.first_mut() {
                change(&mut line.params.features);
            }
        })
    }

    /// Reads the figures in the status: usage, mode, transaction id. The metadata is not committed first.
    ///
    /// # Errors
    ///
    /// [`DevError::PoolFailed`].
    pub fn figures(&self, host: &Host) -> Result<WorkingPool, DevError> {
        match self.unflushed_status(host)? {
            ThinPoolStatus::Working(pool) => Ok(pool),
            _ => Err(DevError::PoolFailed(self.id().to_owned())),
        }
    }

    /// Changes the transaction id from `current` to `new`. If a program stores the same number in its own records, it
    /// can tell later whether a change of both the pool and the records was completed.
    ///
    /// # Errors
    ///
    /// [`DevError::TransactionId`]: the pool has another id, set by another program or an earlier run.
    pub fn set_transaction_id(&self, host: &Host, current: u64, new: u64) -> Result<(), DevError> {
        let sent = self.message(host, &ThinPoolMessage::SetTransactionId { current, new });
        sent.map(drop).map_err(|error| match self.figures(host) {
            Ok(pool) if error.is_invalid() && pool.transaction_id != current => {
                DevError::TransactionId { pool: self.id().to_owned(), expected: current, found: pool.transaction_id }
            }
            _ => error,
        })
    }

    /// Takes a snapshot of the metadata, and returns the snapshot's block on the metadata device. Programs such as
    /// `thin_dump` and `thin_delta` can read the snapshot while the pool is in use.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the pool already has a metadata snapshot.
    pub fn reserve_metadata_snapshot(&self, host: &Host) -> Result<MetaBlocks, DevError> {
        self.message(host, &ThinPoolMessage::ReserveMetadataSnap)?;
        self.figures(host)?.held_root.ok_or_else(|| DevError::PoolFailed(self.id().to_owned()))
    }

    /// Releases the snapshot of the metadata.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): the pool has no metadata snapshot.
    pub fn release_metadata_snapshot(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &ThinPoolMessage::ReleaseMetadataSnap).map(drop)
    }
}
