//! `DM_TABLE_DEPS`.

use core::mem::offset_of;

use dm_sys::dm_target_deps;
use dm_units::DeviceNumber;

use crate::commands::TableSlot;
use crate::error::{ReplyError, Result};
use crate::id::dev_id::DevId;
use crate::node::dm::{Answer, Dm, Room};
use crate::node::transport::Transport;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, HEADER_SIZE, Request};

/// Options of [`Dm::table_deps`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DepsOptions {
    slot: TableSlot,
}

impl DepsOptions {
    /// Of the active table.
    #[must_use]
    pub const fn new() -> Self {
        Self { slot: TableSlot::Active }
    }

    /// Of which table. For the inactive one: interface 4.16 and later.
    #[must_use]
    pub const fn slot(self, slot: TableSlot) -> Self {
        Self { slot }
    }
}

/// The devices that a table uses, each once, in no particular order: see [`Dm::table_deps`].
///
/// It borrows the caller's buffer; [`to_owned`](Self::to_owned) makes one that stands on its own.
#[derive(Clone, Debug)]
pub struct Deps<B = Box<[u8]>> {
    flags: Flags,
    /// As many numbers as there are devices, in the kernel's encoding.
    numbers: B,
}

const NUMBER_SIZE: usize = size_of::<u64>();
/// Where in a number the half is that the kernel's encoding uses; the other one is zero.
const LOW_HALF: usize = if cfg!(target_endian = "little") { 0 } else { 4 };

impl<B: AsRef<[u8]>> Deps<B> {
    /// The numbers of the devices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = DeviceNumber> + Clone + '_ {
        let numbers = self.numbers.as_ref().chunks_exact(NUMBER_SIZE);
        numbers.map(|number| DeviceNumber::from_dev_t(u64::from(header::u32_at(number, LOW_HALF).unwrap_or(0))))
    }

    /// The device's flags at the same moment, which tell which tables it has.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// How many devices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether the table uses no device, or there is no table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.as_ref().is_empty()
    }

    /// A copy that does not borrow the buffer, made with one allocation.
    #[must_use]
    pub fn to_owned(&self) -> Deps {
        Deps { flags: self.flags, numbers: self.numbers.as_ref().into() }
    }
}

/// The size offered first: enough for 80 devices. An answer that does not fit gives no hint how long it is, so the next one
/// is sixteen times as large.
const FIRST_SIZE: usize = 1024;

impl<T: Transport> Dm<T> {
    /// Tells which devices a table uses.
    ///
    /// - Interface 4.0 and later.
    /// - Of the active table, or of the inactive one where that was asked for; without one the answer is empty.
    /// - Every device that the table has opened, mapped or not.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_TABLE_DEPS")]
    pub fn table_deps<'a, 'b>(
        &self,
        buffer: &'b mut Buffer,
        id: impl Into<DevId<'a>>,
        options: DepsOptions,
    ) -> Result<Deps<&'b [u8]>> {
        let request = options.slot.apply(Request::of(Command::TableDeps, id.into()));
        let room = Room { first: FIRST_SIZE, least: 0, grow: |_, size| size.saturating_mul(16) };
        let answer = self.ask(buffer, &request, &room, |_| Ok(()))?;
        Ok(Deps::new(&answer)?)
    }
}

impl<'b> Deps<&'b [u8]> {
    fn new(answer: &Answer<'b>) -> Result<Self, ReplyError> {
        // Without a table there is no payload, not one that counts nothing.
        let flags = header::flags(answer.header);
        let Some(payload) = answer.payload else { return Ok(Self { flags, numbers: &[] }) };
        let fault = |what, at| ReplyError { command: answer.command, what, at: HEADER_SIZE.saturating_add(at) };
        let count = header::u32_at(payload, offset_of!(dm_target_deps, count)).ok_or(fault("a cut count", 0))?;
        let numbers = payload
            .get(offset_of!(dm_target_deps, dev)..)
            .and_then(|rest| rest.get(..(count as usize).checked_mul(NUMBER_SIZE)?))
            .ok_or(fault("fewer devices than counted", payload.len()))?;
        Ok(Self { flags, numbers })
    }
}

/// Serialises as a sequence of device numbers.
#[cfg(feature = "serde")]
impl<B: AsRef<[u8]>> serde::Serialize for Deps<B> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
