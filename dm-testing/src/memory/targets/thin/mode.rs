//! The modes of a pool, and the changes between them.

use std::time::Duration;

use dm_targets::thin_pool::ThinPoolFeatures;

use super::pool::Pool;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;

/// The time after which a pool that is out of data space fails I/O instead of queueing it: the default of the module
/// parameter `no_space_timeout` (`NO_SPACE_TIMEOUT_SECS`).
const NO_SPACE_TIMEOUT: Duration = Duration::from_secs(60);

/// The modes from best to worst (`enum pool_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    #[default]
    Write,
    OutOfDataSpace,
    /// As [`ReadOnly`](Self::ReadOnly), but the pool may return to `Write` when the metadata device grows.
    OutOfMetadataSpace,
    ReadOnly,
    Fail,
}

impl Mode {
    pub(super) fn is_read_only(self) -> bool {
        matches!(self, Self::OutOfMetadataSpace | Self::ReadOnly)
    }
}

/// The features of a pool (`struct pool_features`), with the mode that is requested, or in [`Pool`] the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) mode: Mode,
    pub(super) zeroes_new_blocks: bool,
    pub(super) takes_discards: bool,
    pub(super) passes_discards_down: bool,
    pub(super) error_if_no_space: bool,
}

/// The features of a table without feature words.
impl Default for Features {
    fn default() -> Self {
        Self::of(&ThinPoolFeatures::default())
    }
}

impl Features {
    pub(super) fn of(features: &ThinPoolFeatures) -> Self {
        Self {
            mode: if features.read_only { Mode::ReadOnly } else { Mode::Write },
            zeroes_new_blocks: !features.skip_block_zeroing,
            takes_discards: !features.ignore_discard,
            passes_discards_down: !features.no_discard_passdown,
            error_if_no_space: features.error_if_no_space,
        }
    }
}

impl Pool {
    /// As `set_pool_mode`.
    pub(super) fn set_mode(&mut self, kernel: &mut Kernel, requested: Mode) {
        let old = self.features.mode;
        let mut new = requested;
        if new == Mode::Write && self.metadata.current.needs_check {
            self.log(kernel, "unable to switch pool to write mode until repaired.");
            new = if old == new { Mode::ReadOnly } else { old };
        }
        if old == Mode::Fail {
            new = old;
        }
        match new {
            Mode::Fail | Mode::OutOfMetadataSpace | Mode::ReadOnly => self.metadata.read_only = true,
            Mode::OutOfDataSpace => {
                self.out_of_data_space = true;
                if !self.features.error_if_no_space && self.no_space_at.is_none() {
                    self.no_space_at = Some(kernel.now.saturating_add(NO_SPACE_TIMEOUT));
                }
            }
            Mode::Write => {
                self.no_space_at = None;
                self.out_of_data_space = false;
                if let Some(control) = &self.control {
                    self.features.error_if_no_space = control.requested.error_if_no_space;
                }
                self.metadata.read_only = false;
            }
        }
        self.features.mode = new;
        if let Some(control) = &mut self.control {
            control.adjusted.mode = new;
        }
        if old != new {
            self.report_mode(kernel);
        }
    }

    /// As `notify_of_pool_mode_change`.
    pub(super) fn report_mode(&self, kernel: &mut Kernel) {
        let mode = match (self.features.mode, self.features.error_if_no_space) {
            (Mode::Write, _) => "write",
            (Mode::OutOfDataSpace, false) => "out-of-data-space (queue IO)",
            (Mode::OutOfDataSpace, true) => "out-of-data-space (error IO)",
            (Mode::OutOfMetadataSpace | Mode::ReadOnly, _) => "read-only",
            (Mode::Fail, _) => "fail",
        };
        self.raise_event(kernel);
        self.log(kernel, &format!("switching pool to {mode} mode"));
    }

    /// Raises an event on the pool's device, if a target controls the pool.
    pub(super) fn raise_event(&self, kernel: &mut Kernel) {
        if self.control.is_some() {
            kernel.event(self.minor);
        }
    }

    /// As `metadata_operation_failed`: rolls the transaction back and makes the metadata read-only until it is repaired.
    /// If the rollback fails, all I/O fails.
    pub(super) fn metadata_failed(&mut self, kernel: &mut Kernel, operation: &str, errno: Errno) {
        self.log(kernel, &format!("metadata operation '{operation}' failed: error = -{}", errno.0));
        self.log(kernel, "aborting current metadata transaction");
        if self.metadata.abort(kernel).is_err() {
            self.log(kernel, "failed to abort metadata transaction");
            self.set_mode(kernel, Mode::Fail);
        }
        if self.metadata.set_needs_check(kernel).is_err() {
            self.log(kernel, "failed to set 'needs_check' flag in metadata");
            self.set_mode(kernel, Mode::Fail);
        }
        self.set_mode(kernel, Mode::ReadOnly);
    }
}
