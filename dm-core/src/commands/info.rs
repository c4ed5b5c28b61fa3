//! `DM_DEV_STATUS`: reads the state of a device.

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
    if_possible: bool,
}

impl InfoOptions {
    /// The default: the active table.
    #[must_use]
    pub const fn new() -> Self {
        Self { slot: TableSlot::Active, if_possible: false }
    }

    /// Selects the table that [`target_count`](DeviceInfo::target_count) and [`is_read_only`](DeviceInfo::is_read_only)
    /// describe. The inactive table requires ioctl interface 4.16.
    #[must_use]
    pub const fn slot(self, slot: TableSlot) -> Self {
        Self { slot, ..self }
    }

    /// Whether to accept the active table instead of the inactive table from a kernel older than ioctl interface 4.16,
    /// as libdm does. By default the command fails on such a kernel with
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }
}

impl Dm {
    /// Looks up a device and reads its state.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - The device needs no table. The call does not wait for I/O and allocates nothing.
    ///
    /// ```
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let dm = memory.dm();
    /// # dm.device_create("home")?;
    /// match dm.device_info("home") {
    ///     Ok(info) => println!("home is {}, open {} times", info.number(), info.open_count()),
    ///     Err(error) if error.is_not_found() => println!("home does not exist"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found): the device does not exist.
    #[doc(alias = "DM_DEV_STATUS")]
    #[inline]
    pub fn device_info(&self, id: impl AsDevId) -> Result<DeviceInfo> {
        self.device_info_with(id, InfoOptions::new())
    }

    /// Looks up a device and reads its state. The options select the table to describe.
    ///
    /// # Errors
    /// As [`device_info`](Self::device_info). [`is_unsupported`](crate::Error::is_unsupported): the kernel cannot
    /// report about the inactive table.
    #[inline]
    pub fn device_info_with(&self, id: impl AsDevId, options: InfoOptions) -> Result<DeviceInfo> {
        let id = dev_id(Command::DeviceInfo, &id)?;
        self.device_command(&options.slot.apply(Request::of(Command::DeviceInfo, id), options.if_possible))
    }
}
