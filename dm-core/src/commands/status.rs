//! `DM_TABLE_STATUS` and `DM_DEV_WAIT`, which answer alike.

use core::mem::offset_of;

use dm_sys::{DM_MAX_TYPE_NAME, dm_target_spec};
use dm_units::Sectors;

use crate::commands::{TableSlot, TargetLine};
use crate::error::{ReplyError, Result};
use crate::id::dev_id::DevId;
use crate::id::text::Text;
use crate::node::dm::{Answer, Dm, Room};
use crate::node::transport::Transport;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, HEADER_SIZE, Request};
use crate::wire::info::DeviceInfo;

/// The interface version that reads without committing metadata first.
const NOFLUSH_MINOR: u32 = 12;
/// The interface version that wipes buffers.
pub(super) const SECURE_DATA_MINOR: u32 = 20;
/// The interface version that has measurements. Kernels that have it but not them answer with the status.
const IMA_MINOR: u32 = 45;

/// What the targets are asked to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusKind {
    /// Their state, `STATUSTYPE_INFO`.
    #[default]
    Status,
    /// The params that would load them, `STATUSTYPE_TABLE`.
    Table,
    /// What the integrity measurement architecture records of them, `STATUSTYPE_IMA`.
    ///
    /// Linux 5.15 and later. It came without a version number of its own, so some kernels that have interface 4.45 or
    /// later but not this answer with the status instead: a measurement starts with `target_name=`.
    Ima,
}

/// Options of [`Dm::table_status`] and [`Dm::device_wait`].
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusOptions {
    kind: StatusKind,
    slot: TableSlot,
    noflush: bool,
    secure: bool,
}

impl StatusOptions {
    /// The status of the active table; thin pools, caches and clones commit their metadata first.
    #[must_use]
    pub const fn new() -> Self {
        Self { kind: StatusKind::Status, slot: TableSlot::Active, noflush: false, secure: false }
    }

    /// The text of the active table.
    #[must_use]
    pub const fn table() -> Self {
        Self::new().kind(StatusKind::Table)
    }

    /// What to print.
    #[must_use]
    pub const fn kind(self, kind: StatusKind) -> Self {
        Self { kind, ..self }
    }

    /// Which table. For the inactive one: interface 4.16 and later.
    #[must_use]
    pub const fn slot(self, slot: TableSlot) -> Self {
        Self { slot, ..self }
    }

    /// Takes the figures as they are, without committing metadata first. Interface 4.12 and later.
    #[must_use]
    pub const fn noflush(self, noflush: bool) -> Self {
        Self { noflush, ..self }
    }

    /// The kernel wipes its copy, and the buffer is wiped before its next use: for tables with keys. Interface 4.20 and
    /// later.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    #[inline]
    fn apply(self, request: Request<'_>) -> Request<'_> {
        self.slot
            .apply(request)
            .flag(Flags::STATUS_TABLE, self.kind == StatusKind::Table)
            .flag_since(IMA_MINOR, Flags::IMA_MEASUREMENT, self.kind == StatusKind::Ima)
            .flag_since(NOFLUSH_MINOR, Flags::NOFLUSH, self.noflush)
            .flag_since(SECURE_DATA_MINOR, Flags::SECURE_DATA, self.secure)
    }
}

/// The lines of a table, or of its status: see [`Dm::table_status`].
///
/// It borrows the caller's buffer; [`to_owned`](Self::to_owned) makes one that stands on its own.
#[derive(Clone, Debug)]
pub struct TableStatus<B = Box<[u8]>> {
    info: DeviceInfo,
    command: Command,
    bytes: B,
}

impl<B: AsRef<[u8]>> TableStatus<B> {
    /// The device's state at the same moment.
    #[must_use]
    pub const fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// The lines, in the order of the table; none where there is no table in the slot.
    pub fn iter(&self) -> TargetLines<'_> {
        let bytes = self.bytes.as_ref();
        TargetLines { command: self.command, bytes, at: 0, left: self.info.target_count() }
    }

    /// Whether the text is the same, byte for byte.
    pub(crate) fn has_lines_of(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }

    /// A copy that does not borrow the buffer, made with one allocation.
    #[must_use]
    pub fn to_owned(&self) -> TableStatus {
        TableStatus { info: self.info.clone(), command: self.command, bytes: self.bytes.as_ref().into() }
    }
}

impl<'a, B: AsRef<[u8]>> IntoIterator for &'a TableStatus<B> {
    type Item = Result<TargetLine<'a>, ReplyError>;
    type IntoIter = TargetLines<'a>;

    fn into_iter(self) -> TargetLines<'a> {
        self.iter()
    }
}

/// The iterator over a [`TableStatus`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct TargetLines<'a> {
    command: Command,
    bytes: &'a [u8],
    /// Where the next line starts in `bytes`.
    at: usize,
    left: u32,
}

impl<'a> Iterator for TargetLines<'a> {
    type Item = Result<TargetLine<'a>, ReplyError>;

    // Where it is not inlined, each line is first put together in memory, which takes as long as reading it.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.decode().map_err(|what| {
            self.left = 0;
            ReplyError { command: self.command, what, at: HEADER_SIZE.saturating_add(self.at) }
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left as usize))
    }
}

const SPEC_SIZE: usize = size_of::<dm_target_spec>();
const _: () = assert!(offset_of!(dm_target_spec, target_type) + DM_MAX_TYPE_NAME == SPEC_SIZE);

impl<'a> TargetLines<'a> {
    #[inline(always)]
    fn decode(&mut self) -> Result<TargetLine<'a>, &'static str> {
        let line = self.bytes.get(self.at..).ok_or("a line behind the end")?;
        let (spec, text) = line.split_first_chunk::<SPEC_SIZE>().ok_or("a cut line")?;
        let word = |at| header::u64_at(spec, at).ok_or("a cut line");
        let target_type = spec.last_chunk::<DM_MAX_TYPE_NAME>().ok_or("a cut line")?;
        // Here `next` counts from the first line: it is where the next one starts, and up to where the text is padded
        // (`retrieve_status` in drivers/md/dm-ioctl.c).
        let next = header::u32_at(spec, offset_of!(dm_target_spec, next)).ok_or("a cut line")? as usize;
        let text_at = self.at.wrapping_add(SPEC_SIZE);
        let params = match self.bytes.get(text_at..next).and_then(header::padded_text) {
            Some(params) => params,
            None => unpadded(text, self.left == 0, next <= self.at)?,
        };
        self.at = next;
        Ok(TargetLine {
            start: Sectors(word(offset_of!(dm_target_spec, sector_start))?),
            length: Sectors(word(offset_of!(dm_target_spec, length))?),
            target_type: Text::new(header::field_text(target_type).ok_or("an endless target type")?),
            params: Text::new(params),
        })
    }
}

/// The text of the last line, which need not be padded; of any other one, what is wrong with it.
#[cold]
#[inline(never)]
fn unpadded(text: &[u8], is_last: bool, leads_back: bool) -> Result<&[u8], &'static str> {
    match header::nul_terminated(text) {
        Some(params) if is_last => Ok(params),
        Some(_) if leads_back => Err("a line that leads back"),
        _ => Err("an endless text"),
    }
}

/// The size offered first: enough for the table of most devices.
const FIRST_SIZE: usize = 1024;

/// An answer that does not fit tells how many lines there are, and holds those that did fit: from their length follows what
/// all of them need.
fn grow(answer: &Answer<'_>, offered: usize) -> usize {
    let payload = answer.payload.unwrap_or_default();
    let complete = complete_lines(payload);
    match payload.len().checked_div(complete) {
        Some(mean) => {
            let line = mean.saturating_add(mean / 8).saturating_add(ROOM_FOR_DIGITS);
            line.saturating_mul(header::target_count(answer.header) as usize).saturating_add(FIRST_SIZE)
        }
        // Not even the first line did fit.
        None => offered.saturating_mul(8),
    }
}

/// Sectors are small in the first lines of a table and have some digits more in the last.
const ROOM_FOR_DIGITS: usize = 16;

/// How many lines the chain in an answer has; in one that did not fit, the last has no successor.
fn complete_lines(payload: &[u8]) -> usize {
    let next = |at: usize| {
        let spec = payload.get(at..)?;
        Some(header::u32_at(spec, offset_of!(dm_target_spec, next))? as usize)
    };
    core::iter::successors(Some(0), |&at| next(at).filter(|&next| next > at && next < payload.len()))
        .count()
        .min(payload.len())
}

impl<T: Transport> Dm<T> {
    /// Reads the status, or the text, of a table.
    ///
    /// - Interface 4.0 and later.
    /// - Of the active table, or of the inactive one where that was asked for; none is no error.
    /// - The device need not be suspended. Thin pools, caches and clones that are not commit their metadata first, unless
    ///   [`noflush`](StatusOptions::noflush) is set.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found). [`is_unsupported`](crate::Error::is_unsupported): an option, on an
    /// older kernel.
    #[doc(alias = "DM_TABLE_STATUS")]
    pub fn table_status<'a, 'b>(
        &self,
        buffer: &'b mut Buffer,
        id: impl Into<DevId<'a>>,
        options: StatusOptions,
    ) -> Result<TableStatus<&'b [u8]>> {
        self.status(buffer, &options.apply(Request::of(Command::TableStatus, id.into())))
    }

    /// Waits until a device's event number is another than `event_nr`, then reads the status or the text of its table.
    ///
    /// - Interface 4.0 and later.
    /// - Returns at once if the number is another one already, so nothing is lost between two calls.
    /// - Waits for ever if nothing happens. A removal is an event only if there is an active table; without one, it waits
    ///   for the waiter to go. To wait with a deadline use [`wait_event`](Self::wait_event), and for many devices an
    ///   [`EventPoller`](crate::EventPoller).
    ///
    /// # Errors
    /// [`is_interrupted`](crate::Error::is_interrupted): a signal came. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_WAIT")]
    pub fn device_wait<'a, 'b>(
        &self,
        buffer: &'b mut Buffer,
        id: impl Into<DevId<'a>>,
        event_nr: u32,
        options: StatusOptions,
    ) -> Result<TableStatus<&'b [u8]>> {
        let request = Request { event_nr, ..Request::of(Command::DeviceWait, id.into()) };
        self.status(buffer, &options.apply(request))
    }

    #[inline]
    fn status<'b>(&self, buffer: &'b mut Buffer, request: &Request<'_>) -> Result<TableStatus<&'b [u8]>> {
        let answer = self.ask(buffer, request, &Room { first: FIRST_SIZE, least: 0, grow }, |_| Ok(()))?;
        TableStatus::new(&answer)
    }
}

impl<'b> TableStatus<&'b [u8]> {
    #[inline]
    fn new(answer: &Answer<'b>) -> Result<Self> {
        let info = DeviceInfo::new(answer.command, answer.header)?;
        Ok(Self { info, command: answer.command, bytes: answer.payload.unwrap_or_default() })
    }
}

#[cfg(feature = "serde")]
impl<B: AsRef<[u8]>> serde::Serialize for TableStatus<B> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error as _, SerializeSeq as _};
        let mut lines = serializer.serialize_seq(None)?;
        for line in self {
            lines.serialize_element(&line.map_err(S::Error::custom)?)?;
        }
        lines.end()
    }
}
