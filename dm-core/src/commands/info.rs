//! `DM_DEV_STATUS`.

use super::{TableSlot, dev_id};
use crate::error::Result;
use crate::id::AsDevId;
use crate::node::Dm;
use crate::wire::header::Request;
use crate::wire::{Command, DeviceInfo};

/// Options of [`Dm::device_info_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct InfoOptions {
    slot: TableSlot,
}

impl InfoOptions {
    /// What is reported about the table is about the active one.
    #[must_use]
    pub const fn new() -> Self {
        Self { slot: TableSlot::Active }
    }

    /// Which table [`target_count`](DeviceInfo::target_count) and [`is_read_only`](DeviceInfo::is_read_only) are about.
    /// For the inactive one: interface 4.16 and later.
    #[must_use]
    pub const fn slot(self, slot: TableSlot) -> Self {
        Self { slot }
    }
}

impl Dm {
    /// Looks up a device and reads its state.
    ///
    /// - Interface 4.0 and later.
    /// - Needs no table, wakes nothing, waits for nothing; nothing is allocated.
    ///
    /// ```no_run
    /// # let dm = dm_core::Dm::open()?;
    /// match dm.device_info("home") {
    ///     Ok(info) => println!("home is {}, open {} times", info.number(), info.open_count()),
    ///     Err(error) if error.is_not_found() => println!("home does not exist"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_STATUS")]
    #[inline]
    pub fn device_info(&self, id: impl AsDevId) -> Result<DeviceInfo> {
        self.device_info_with(id, InfoOptions::new())
    }

    /// Looks up a device and reads its state, with options.
    ///
    /// # Errors
    /// As [`device_info`](Self::device_info).
    #[inline]
    pub fn device_info_with(&self, id: impl AsDevId, options: InfoOptions) -> Result<DeviceInfo> {
        let id = dev_id(Command::DeviceInfo, &id)?;
        self.device_command(&options.slot.apply(Request::of(Command::DeviceInfo, id)))
    }
}
