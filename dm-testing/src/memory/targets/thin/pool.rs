//! A pool, which its tables and its thin devices share (`struct pool`).

use std::time::Duration;

use dm_units::DeviceNumber;

use super::LOG_PREFIX;
use super::metadata::{Metadata, device_blocks};
use super::mode::{Features, Mode};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;

/// The interval at which a pool commits changes (`COMMIT_PERIOD`).
const COMMIT_PERIOD: Duration = Duration::from_secs(1);

/// The maximum of the metadata low water mark, in blocks. An event is raised when the free blocks fall to the mark.
const MAX_THRESHOLD: u64 = 1024;

/// The target that controls the pool (`struct pool_c`).
#[derive(Debug)]
pub(super) struct Control {
    /// The serial number of the target.
    pub(super) target: u64,
    /// The low water mark, in data blocks.
    pub(super) low_water: u64,
    /// The features in the table.
    pub(super) requested: Features,
    /// The features adjusted to the present mode of the pool.
    pub(super) adjusted: Features,
}

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) minor: u32,
    pub(super) number: DeviceNumber,
    pub(super) metadata_device: DeviceNumber,
    pub(super) data_device: DeviceNumber,
    /// The length of a data block in sectors.
    pub(super) block_size: u64,
    pub(super) metadata: Metadata,
    pub(super) control: Option<Control>,
    pub(super) features: Features,
    /// The low water mark, in data blocks.
    pub(super) low_water: u64,
    /// Whether the low water mark was reached and an event was sent.
    pub(super) low_water_triggered: bool,
    pub(super) suspended: bool,
    pub(super) out_of_data_space: bool,
    /// The number of tables of the pool's device and of thin devices.
    pub(super) references: usize,
    /// The devices of all thin targets, including those in inactive tables.
    pub(super) thins: Vec<u32>,
    /// The time at which I/O that waits for space fails.
    pub(super) no_space_at: Option<Duration>,
    last_commit: Duration,
}

impl Pool {
    /// As `pool_create`.
    pub(super) fn create(
        kernel: &mut Kernel,
        number: DeviceNumber,
        metadata_device: DeviceNumber,
        data_device: DeviceNumber,
        block_size: u64,
        may_format: bool,
    ) -> Result<Self, Errno> {
        let metadata = Metadata::open(kernel, metadata_device, block_size, may_format)?;
        Ok(Self {
            minor: number.minor,
            number,
            metadata_device,
            data_device,
            block_size,
            metadata,
            control: None,
            features: Features::default(),
            low_water: 0,
            low_water_triggered: false,
            suspended: true,
            out_of_data_space: false,
            references: 1,
            thins: Vec::new(),
            no_space_at: None,
            last_commit: kernel.now,
        })
    }

    /// As `dm_pool_metadata_close`.
    pub(super) fn close(&mut self, kernel: &mut Kernel) {
        if self.metadata.failed || self.metadata.read_only {
            return;
        }
        if let Err(errno) = self.metadata.commit(kernel, self.data_device) {
            kernel.log(
                "thin metadata",
                &format!("dm_pool_metadata_close: __commit_transaction() failed, error = -{}", errno.0),
            );
        }
    }

    /// Adds a line to the log that begins with the pool's number.
    pub(super) fn log(&self, kernel: &mut Kernel, text: &str) {
        kernel.log(LOG_PREFIX, &format!("{}: {text}", self.number));
    }

    /// As `commit`. After an error the metadata is read-only until it is repaired.
    pub(super) fn commit(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.features.mode >= Mode::OutOfMetadataSpace {
            return Err(Errno::EINVAL);
        }
        if let Err(errno) = self.metadata.commit(kernel, self.data_device) {
            self.metadata_failed(kernel, "dm_pool_commit_metadata", errno);
            return Err(errno);
        }
        self.last_commit = kernel.now;
        self.check_for_metadata_space(kernel);
        self.check_for_data_space(kernel);
        Ok(())
    }

    /// The first half of `pool_preresume`: a target takes control.
    pub(super) fn bind(&mut self, kernel: &mut Kernel, control: Control) {
        let control = match self.control.take() {
            Some(same) if same.target == control.target => same,
            _ => control,
        };
        let mode = control.adjusted.mode;
        // The mode is changed below, with its consequences.
        self.features = Features { mode: self.features.mode, ..control.adjusted };
        self.low_water = control.low_water;
        self.control = Some(control);
        self.set_mode(kernel, mode);
    }

    pub(super) fn unbind(&mut self, target: u64) {
        if self.control.as_ref().is_some_and(|control| control.target == target) {
            self.control = None;
        }
    }

    /// The second half of `pool_preresume`: the pool grows with its devices.
    pub(super) fn resize(&mut self, kernel: &mut Kernel, length: u64) -> Result<(), Errno> {
        let resized = self.resize_data(kernel, length).and_then(|data| Ok(self.resize_metadata(kernel)? || data));
        if resized == Ok(true) {
            let _ = self.commit(kernel);
        }
        // A failed pool can be resumed, so that pending I/O fails.
        if self.features.mode == Mode::Fail { Ok(()) } else { resized.map(drop) }
    }

    /// As `maybe_resize_data_dev`; returns whether the size has changed.
    fn resize_data(&mut self, kernel: &mut Kernel, length: u64) -> Result<bool, Errno> {
        if self.metadata.failed {
            self.log(kernel, "failed to retrieve data device size");
            return Err(Errno::EINVAL);
        }
        let new = length.checked_div(self.block_size).unwrap_or(0);
        let old = self.metadata.data_blocks();
        if new < old {
            self.log(kernel, &format!("pool target ({new} blocks) too small: expected {old}"));
            return Err(Errno::EINVAL);
        }
        if new == old {
            return Ok(false);
        }
        if self.metadata.current.needs_check {
            self.log(kernel, "unable to grow the data device until repaired.");
            return Ok(false);
        }
        if old > 0 {
            self.log(kernel, &format!("growing the data device from {old} to {new} blocks"));
        }
        if let Err(errno) = self.metadata.resize_data(new) {
            self.metadata_failed(kernel, "dm_pool_resize_data_dev", errno);
            return Err(errno);
        }
        Ok(true)
    }

    /// As `maybe_resize_metadata_dev`.
    fn resize_metadata(&mut self, kernel: &mut Kernel) -> Result<bool, Errno> {
        let new = device_blocks(kernel, self.metadata_device);
        let old = self.metadata.current.metadata_blocks;
        if new < old {
            self.log(kernel, &format!("metadata device ({new} blocks) too small: expected {old}"));
            return Err(Errno::EINVAL);
        }
        if new == old {
            return Ok(false);
        }
        if self.metadata.current.needs_check {
            self.log(kernel, "unable to grow the metadata device until repaired.");
            return Ok(false);
        }
        self.log(kernel, &format!("growing the metadata device from {old} to {new} blocks"));
        if self.features.mode == Mode::OutOfMetadataSpace {
            self.set_mode(kernel, Mode::Write);
        }
        if let Err(errno) = self.metadata.resize_metadata(new) {
            self.metadata_failed(kernel, "dm_pool_resize_metadata_dev", errno);
            return Err(errno);
        }
        Ok(true)
    }

    /// As `calc_metadata_threshold`.
    pub(super) fn metadata_threshold(&self, kernel: &Kernel) -> u64 {
        (device_blocks(kernel, self.metadata_device) / 4).min(MAX_THRESHOLD)
    }

    // Suspending the pool suspends its thin devices.

    pub(super) fn suspend(&mut self, kernel: &mut Kernel) {
        self.suspended = true;
        for minor in &self.thins {
            if let Ok(thin) = kernel.device_mut(*minor) {
                thin.internal_suspensions = thin.internal_suspensions.saturating_add(1);
            }
        }
    }

    /// As `pool_postsuspend`.
    pub(super) fn suspended(&mut self, kernel: &mut Kernel) {
        self.no_space_at = None;
        let _ = self.commit(kernel);
    }

    /// As `pool_resume`.
    pub(super) fn resume(&mut self, kernel: &mut Kernel) {
        for minor in &self.thins {
            if let Ok(thin) = kernel.device_mut(*minor) {
                thin.internal_suspensions = thin.internal_suspensions.saturating_sub(1);
            }
        }
        self.low_water_triggered = false;
        self.suspended = false;
    }

    // The clock.

    /// As `do_no_space_timeout` and `do_waker`.
    pub(super) fn tick(&mut self, kernel: &mut Kernel) {
        if self.no_space_at.is_some_and(|at| at <= kernel.now) {
            self.no_space_at = None;
            if self.features.mode == Mode::OutOfDataSpace && !self.features.error_if_no_space {
                self.features.error_if_no_space = true;
                self.report_mode(kernel);
            }
        }
        let is_due = kernel.now.saturating_sub(self.last_commit) > COMMIT_PERIOD;
        if is_due && !self.suspended && self.metadata.has_changes() {
            let _ = self.commit(kernel);
        }
    }
}
