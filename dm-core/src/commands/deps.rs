//! `DM_TABLE_DEPS`: lists the devices that a table uses.

use core::mem::offset_of;

use dm_sys::dm_target_deps;
use dm_units::DeviceNumber;

use super::{TableSlot, dev_id};
use crate::error::Result;
use crate::id::AsDevId;
use crate::node::{Dm, ReplySizes};
use crate::wire::header::{HEADER_SIZE, Request};
use crate::wire::reply::{Reply, ReplyError};
use crate::wire::scan::u32_at;
use crate::wire::{Command, DeviceInfo};

/// Options of [`Dm::table_deps_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DepsOptions {
    slot: TableSlot,
    if_possible: bool,
}

impl DepsOptions {
    /// The default: the active table.
    #[must_use]
    pub const fn new() -> Self {
        Self { slot: TableSlot::Active, if_possible: false }
    }

    /// Selects the active or the inactive table. The inactive table requires ioctl interface 4.16.
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

/// The devices that a table uses, each once and in no particular order, as returned by [`Dm::table_deps`].
#[derive(Clone, Debug)]
pub struct Deps {
    reply: Reply,
    count: usize,
}

const NUMBER_SIZE: usize = size_of::<u64>();
const NUMBERS_AT: usize = offset_of!(dm_target_deps, dev);
/// The half of a 64-bit number that the kernel's encoding uses; the other half is zero.
const LOW_HALF: usize = if cfg!(target_endian = "little") { 0 } else { 4 };

impl Deps {
    // Without inlining, the reply with its header is copied once more.
    #[inline(always)]
    fn new(reply: Reply) -> Result<Self, ReplyError> {
        reply.check_info()?;
        // Without a table there is no payload at all, not even a count of 0.
        let count = match reply.payload() {
            None => 0,
            Some(payload) => {
                counted(payload).map_err(|(what, at)| reply.fault(what, HEADER_SIZE.saturating_add(at)))?
            }
        };
        Ok(Self { reply, count })
    }

    /// Iterates over the numbers of the devices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = DeviceNumber> + Clone + '_ {
        let numbers = self.reply.payload().and_then(|payload| payload.get(NUMBERS_AT..)).unwrap_or_default();
        let numbers = numbers.chunks_exact(NUMBER_SIZE).take(self.count);
        numbers.map(|number| DeviceNumber::from_dev_t(u64::from(u32_at(number, LOW_HALF).unwrap_or(0))))
    }

    /// The state of the mapped device when the kernel sent the reply.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        self.reply.info()
    }

    /// The number of devices that the table uses.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether the table uses no devices. Also `true` if the slot has no table.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The number of device numbers that follow, or what is wrong and at which offset.
fn counted(payload: &[u8]) -> Result<usize, (&'static str, usize)> {
    let count = u32_at(payload, offset_of!(dm_target_deps, count)).ok_or(("a truncated count", 0))? as usize;
    let size = count.checked_mul(NUMBER_SIZE).and_then(|size| size.checked_add(NUMBERS_AT));
    match size {
        Some(size) if size <= payload.len() => Ok(count),
        _ => Err(("fewer devices than the count says", payload.len())),
    }
}

/// The size offered first: enough for 150 devices. A reply that does not fit does not tell the size that it needs.
const FIRST_SIZE: usize = 1536;

impl Dm {
    /// Reads which devices the active table uses, including those that are not mapped devices.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - If the device has no active table, the reply is empty.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found): the device does not exist.
    #[doc(alias = "DM_TABLE_DEPS")]
    #[doc(alias = "DM_DEVICE_DEPS")]
    #[doc(alias = "dm_task_get_deps")]
    #[doc(alias = "dmsetup deps")]
    pub fn table_deps(&self, id: impl AsDevId) -> Result<Deps> {
        self.table_deps_with(id, DepsOptions::new())
    }

    /// Reads which devices a table uses. The options select the active or the inactive table.
    ///
    /// # Errors
    /// As [`table_deps`](Self::table_deps). [`is_unsupported`](crate::Error::is_unsupported): the kernel cannot report
    /// about the inactive table.
    pub fn table_deps_with(&self, id: impl AsDevId, options: DepsOptions) -> Result<Deps> {
        const COMMAND: Command = Command::TableDeps;
        let request = options.slot.apply(Request::of(COMMAND, dev_id(COMMAND, &id)?), options.if_possible);
        let sizes = ReplySizes { first: FIRST_SIZE, least: 0, grow: |_, size| size.saturating_mul(4) };
        Ok(Deps::new(self.ask(&request, &sizes, |_| Ok(()))?)?)
    }
}

/// Serializes as a sequence of device numbers.
#[cfg(feature = "serde")]
impl serde::Serialize for Deps {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
