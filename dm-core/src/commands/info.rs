//! `DM_DEV_STATUS`.

use crate::commands::TableSlot;
use crate::error::Result;
use crate::id::dev_id::DevId;
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::command::Command;
use crate::wire::header::Request;
use crate::wire::info::DeviceInfo;

/// Options of [`Dm::device_info`].
#[derive(Clone, Copy, Debug, Default)]
pub struct InfoOptions {
    slot: TableSlot,
}

impl InfoOptions {
    /// What is said about the table is about the active one.
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

impl<T: Transport> Dm<T> {
    /// Looks up a device and tells its state.
    ///
    /// - Interface 4.0 and later.
    /// - Needs no table, wakes nothing, waits for nothing; nothing is allocated.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_STATUS")]
    #[inline]
    pub fn device_info<'a>(&self, id: impl Into<DevId<'a>>, options: InfoOptions) -> Result<DeviceInfo> {
        self.device_command(&options.slot.apply(Request::of(Command::DeviceInfo, id.into())))
    }
}
