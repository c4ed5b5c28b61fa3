//! [`Concern`]: the problems that a status can show, with the kernel's states behind them.

use core::fmt;

/// The severity of a target's condition, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum HealthState {
    /// No action is necessary.
    Good,
    /// The target works, but perhaps not fully. An administrator should check it.
    Attention,
    /// The target does not work, or its contents are lost or corrupted.
    Failed,
}

/// A problem of a target.
///
/// Each variant lists the statuses that lead to it. A letter or mode that this crate does not know leads to
/// [`Unknown`](Self::Unknown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Concern {
    /// The target cannot serve requests, or can no longer be relied on. Severity: [failed](HealthState::Failed).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | clone, thin-pool `Fail` | the metadata cannot be used, and all I/O fails (`CM_FAIL`, `PM_FAIL`) |
    /// | cache `Fail` | the metadata cannot be used, and flushes fail (`CM_FAIL`). Other I/O uses the mappings in memory, which are not stored |
    /// | thin `Fail` | the metadata of its pool cannot be used |
    /// | mirror without a letter `A` | no leg is free of errors. Reads find no leg (`choose_mirror`), and writes fail (`do_failures`) |
    /// | multipath without a path `A` | no path can be used. Requests fail, or wait while `queue_if_no_path` is set |
    /// | raid with more devices that are `D`, `-` or being rebuilt than the level tolerates | raid0 tolerates none, raid1 all but one, raid4 and raid5 one, raid6 two, and raid10 one of each pair that may hold the same data. The status does not contain the number of copies of a raid10, so this crate assumes the default of 2 (`validate_raid_redundancy`, `_enough` in raid10.c) |
    Failed,
    /// The contents of the target are lost. Severity: [failed](HealthState::Failed).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | snapshot, snapshot-merge `Invalid` | the exception store has failed, or was full when a chunk had to be copied |
    Invalid,
    /// The image does not match its root hash. Severity: [failed](HealthState::Failed).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | verity `C` | since the table was loaded, a block has failed verification and could not be corrected (`hash_failed`) |
    Corrupted,
    /// Blocks do not match their tags or their copies. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | integrity with mismatches | since the table was loaded, tags or MACs have not matched. Reads of blocks with a wrong tag failed; a RAID that uses the device may have repaired the blocks |
    /// | raid with mismatches | the last `check` found sectors that differ between devices, although md regards the devices as in sync |
    Mismatches,
    /// The kernel could not read the figures of the status. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | cache, clone, era, thin, thin-pool `Error` | reading the metadata for the status failed |
    /// | thin `-` | the target has not opened the thin device in the pool's metadata |
    /// | snapshot, snapshot-merge `Unknown` | the exception store cannot report how much space it uses |
    /// | raid with an empty status | md reports a layout that has no name |
    NoFigures,
    /// Some or all writes fail, or cannot be made durable. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | cache, clone `ro` | an error has occurred. The metadata cannot be changed, and flushes fail (`CM_READ_ONLY`) |
    /// | thin-pool `ro` | an error has occurred, no metadata block is free, or the table has `read_only` (`PM_READ_ONLY`, `PM_OUT_OF_METADATA_SPACE`). Writes that need a new block fail; writes to blocks that are mapped and not shared succeed |
    /// | snapshot `Overflow` | the COW device is full. Writes fail, reads do not |
    /// | vdo `read-only` | the volume has had an error and must be repaired |
    /// | writecache with an error | writes and flushes fail, and blocks in the cache are not written back |
    /// | raid with a journal `D` | the parity levels fail writes without their journal (`log_failed` in raid5.c) |
    ReadOnly,
    /// No space is left for data. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | thin-pool `out_of_data_space` | writes that need a new block wait or fail |
    /// | thin-pool, snapshot, vdo with all blocks used | the next write that needs a new block waits or fails |
    /// | snapshot `Overflow` | the COW device of a store `PO` was full when a chunk of the snapshot was written. For snapshot-merge, `Overflow` is good, because a merge writes to the origin |
    OutOfDataSpace,
    /// The space for metadata is almost or completely used. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | thin-pool with at most as many free metadata blocks as its low water mark | the kernel has sent an event or will send one when fewer are free. The status counts the reserve (a tenth of the blocks, at most 4096) as used, but the event counts it as free (`metadata_reserve` in dm-thin-metadata.c) |
    /// | cache, clone, era, thin-pool with all metadata blocks used | the next change of the metadata fails |
    LowMetadataSpace,
    /// The metadata must be checked, and repaired if the check finds an error. Severity:
    /// [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | cache, thin-pool `needs_check` | a transaction was aborted. Until the metadata has been checked, a pool stays read-only, and the table of a cache cannot be loaded |
    NeedsCheck,
    /// Some devices of the target, or requests to them, have failed. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | mirror with a letter other than `A` | a request to the leg has failed. With `handle_errors` and without `keep_log`, writes can wait until an administrator acts (`hold_bio`) |
    /// | striped with a `D` | since the table was loaded, a request to the device has failed; read-ahead and unsupported operations do not count. The kernel still sends requests to the device |
    /// | raid with a `D` or `-`, or a journal `D` | the device has failed or is missing |
    /// | multipath with a path `F` | the path is not used |
    FailedLegs,
    /// The log of the target has failed. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | mirror with a log device `D` or `F`, or a log in user space that reports an error or does not answer (`COM_FAILURE`) | the kernel no longer records which regions are in sync. With `handle_errors`, writes to regions in sync wait until an administrator acts. With `keep_log`, they fail |
    FailedLog,
    /// The devices of the target, or its data and tags, are not in sync. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | mirror with fewer regions in sync than it has | the other regions are being copied or wait to be copied |
    /// | raid with a letter `a` | the device is being rebuilt, or the array is being resynchronized or reshaped |
    /// | raid `idle` or `resync` before all sectors are in sync | the initial synchronization was interrupted or is in progress |
    /// | integrity that has recalculated less than its length | later sectors have no tags yet and are not checked. Only [`StatusLine::health`](crate::StatusLine::health) knows the length |
    NotInSync,
    /// The target is recovering from a crash. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | vdo with `recovering` as its mode or its recovery state | the usage of some blocks is unknown until recovery has finished |
    Recovering,
    /// Part of the target's work has stopped, while I/O continues. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | log-writes `logging_disabled` | the log device is full or has failed, or memory for a log entry was not available |
    /// | snapshot, snapshot-merge `Merge failed` | merging has stopped because of an error (`merge_failed`). Writes that waited for the merge have failed; later I/O continues |
    /// | multipath with a group `D` | the group is bypassed, because of a message or because its controller was busy when a path was initialized. The group is used only if no other group works |
    /// | vdo with an index `error` | data is not deduplicated |
    Disabled,
    /// The status contains a state that this crate does not know. Severity: [attention](HealthState::Attention).
    ///
    /// | status | state of the kernel |
    /// |---|---|
    /// | a letter, mode or check word that this crate does not know | a state of a later kernel |
    /// | raid `undef`, vdo with an index `unknown` | a state that the kernel has no name for |
    Unknown,
}

impl Concern {
    /// The severity of the concern.
    #[must_use]
    pub const fn state(self) -> HealthState {
        match self {
            Self::Failed | Self::Invalid | Self::Corrupted => HealthState::Failed,
            _ => HealthState::Attention,
        }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failed => "cannot serve requests",
            Self::Invalid => "contents are lost",
            Self::Corrupted => "data is corrupted",
            Self::Mismatches => "blocks do not match",
            Self::NoFigures => "figures could not be read",
            Self::ReadOnly => "writes fail",
            Self::OutOfDataSpace => "out of data space",
            Self::LowMetadataSpace => "low on metadata space",
            Self::NeedsCheck => "metadata must be checked",
            Self::FailedLegs => "devices have failed",
            Self::FailedLog => "the log has failed",
            Self::NotInSync => "not in sync",
            Self::Recovering => "recovering from a crash",
            Self::Disabled => "part of its work has stopped",
            Self::Unknown => "unknown state",
        })
    }
}
