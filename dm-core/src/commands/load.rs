//! `DM_TABLE_LOAD` and `DM_TABLE_CLEAR`: fill and empty the inactive slot.

use core::mem::offset_of;

use dm_sys::{DM_MAX_TARGETS, dm_target_spec};

use super::dev_id;
use super::line::{TargetLine, TargetParams, is_secret, padded_type};
use super::payload::{ALIGN, PayloadWriter};
use crate::error::{Error, RequestFault, Result};
use crate::id::{AsDevId, DevId, Text};
use crate::node::Dm;
use crate::wire::buffer::{Buffer, MAX_SIZE};
use crate::wire::header::{HEADER_SIZE, Request};
use crate::wire::scan::{nul_terminated, u32_at};
use crate::wire::{Command, DeviceInfo, Flags};

/// Options of [`Dm::table_load_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    read_only: bool,
    secure: bool,
    if_possible: bool,
}

impl LoadOptions {
    /// The default: read-write. Copies of a table that may contain a key are wiped after use.
    #[must_use]
    pub const fn new() -> Self {
        Self { read_only: false, secure: false, if_possible: false }
    }

    /// Makes the mapped device read-only when the table becomes active. Most targets then also open the underlying
    /// devices read-only.
    #[must_use]
    #[doc(alias = "dm_task_set_ro")]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Treats the table as secret even if no line is known to contain a key: the kernel and this library wipe their
    /// copies after use. Requires ioctl interface 4.20, unless [`if_possible`](Self::if_possible) is set.
    #[must_use]
    #[doc(alias = "dm_task_secure_data")]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// Whether to load a table that is secret or may contain a key, as libdm does, even if the kernel is older than
    /// ioctl interface 4.20 and cannot wipe its copy. By default the command fails on such a kernel with
    /// [`Error::Unsupported`].
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }
}

/// Options of [`Dm::table_clear_with`]. There are no options yet.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ClearOptions {}

impl ClearOptions {
    /// Creates an empty set of options.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl Dm {
    /// Loads a table into the inactive slot, and replaces any table there. The next
    /// [`device_resume`](Self::device_resume) makes the new table active.
    ///
    /// - Ioctl interface 4.0 and later. A line that may contain a key requires 4.20, unless
    ///   [`if_possible`](LoadOptions::if_possible) is set.
    /// - The active table continues to serve I/O; the device need not be suspended.
    /// - The kernel opens the devices that the table uses, and loads the modules of the targets.
    /// - Lines are printed directly into the request. Repeated calls allocate nothing.
    ///
    /// ```
    /// use dm_core::TargetLine;
    /// use dm_units::Sectors;
    ///
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # memory.disk_at(dm_units::DeviceNumber::new(7, 0), dm_units::Bytes(1 << 21));
    /// # let dm = memory.dm();
    /// # dm.device_create("home")?;
    /// let line = TargetLine::text(Sectors(0), Sectors(2048), "linear", "7:0 0");
    /// dm.table_load("home", [line])?;
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`is_invalid`](Error::is_invalid): the kernel refuses the table. The error has the reason if the kernel's log
    ///   can be read.
    /// - [`is_disk_unusable`](Error::is_disk_unusable): usually a device that the table uses is missing, busy or cannot
    ///   be opened. A target can return any other errno.
    /// - [`is_not_found`](Error::is_not_found): the device to load the table into does not exist.
    /// - [`Error::Request`]: the table has no line, or a line that cannot be sent.
    /// - [`Error::Unsupported`]: the kernel cannot wipe a table that may contain a key.
    ///
    /// If the kernel refuses the table, both slots stay unchanged.
    #[doc(alias = "DM_TABLE_LOAD")]
    #[doc(alias = "DM_DEVICE_RELOAD")]
    #[doc(alias = "dmsetup load")]
    pub fn table_load<P: TargetParams>(
        &self,
        id: impl AsDevId,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo> {
        self.table_load_with(id, lines, LoadOptions::new())
    }

    /// Loads a table into the inactive slot. The options can make the device read-only or the table secret.
    ///
    /// # Errors
    /// As [`table_load`](Self::table_load).
    pub fn table_load_with<P: TargetParams>(
        &self,
        id: impl AsDevId,
        lines: impl IntoIterator<Item = TargetLine<P>>,
        options: LoadOptions,
    ) -> Result<DeviceInfo> {
        let id = dev_id(Command::TableLoad, &id)?;
        let mut table = self.prepare_table(lines)?;
        let loaded = self.load_prepared(id, &mut table, options);
        self.give_back(table.buffer);
        loaded
    }

    /// Writes a table into a request that can be sent later.
    pub(crate) fn prepare_table<P: TargetParams>(
        &self,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<PreparedTable> {
        let (mut buffer, _) = self.take_buffer(Command::TableLoad, 0);
        buffer.start_payload();
        match write_table(&mut buffer, lines) {
            Ok(target_count) => Ok(PreparedTable { buffer, target_count }),
            Err(fault) => {
                self.give_back(buffer);
                Err(Error::request(Command::TableLoad, fault))
            }
        }
    }

    /// Sends a table that was prepared, and keeps it: it can be read, or sent again if the kernel has refused it.
    pub(crate) fn load_and_keep(
        &self,
        id: DevId<'_>,
        table: &mut PreparedTable,
        options: LoadOptions,
    ) -> Result<DeviceInfo> {
        if options.secure {
            table.buffer.set_secret();
        }
        if !table.buffer.is_secret() {
            return self.load_prepared(id, table, options);
        }
        // The kernel clears the memory of a secret request (`copy_params` in drivers/md/dm-ioctl.c).
        let mut copy = PreparedTable { buffer: Buffer::copy_of(&table.buffer), target_count: table.target_count };
        self.load_prepared(id, &mut copy, options)
    }

    /// Sends a table that was prepared.
    fn load_prepared(&self, id: DevId<'_>, table: &mut PreparedTable, options: LoadOptions) -> Result<DeviceInfo> {
        let PreparedTable { buffer, target_count } = table;
        if options.secure {
            buffer.set_secret();
        }
        let request = Request { target_count: *target_count, ..Request::of(Command::TableLoad, id) }
            .flag(Flags::READONLY, options.read_only)
            .secure_if_possible(options.if_possible)
            .secure(buffer.is_secret());
        buffer.finish(&request, 0);
        self.send_encoded(&request, buffer.bytes_mut())?;
        Ok(DeviceInfo::new(Command::TableLoad, buffer.header())?)
    }

    /// Removes the inactive table.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - The active table continues to serve I/O. If there is no inactive table, the call does nothing.
    /// - Kernels built with IMA have a bug, from 5.15 to at least 6.12. It needs two steps: this call removes the
    ///   inactive table of a device that also has an active table, and the device is then renamed or given a uuid.
    ///   After that, removing the device or loading another table frees memory twice, which can crash the kernel
    ///   (`dm_ima_measure_on_table_clear` and `dm_ima_measure_on_device_rename` in drivers/md/dm-ima.c). To prevent
    ///   this, load a table before the second step.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    #[doc(alias = "DM_TABLE_CLEAR")]
    #[doc(alias = "DM_DEVICE_CLEAR")]
    #[doc(alias = "dmsetup clear")]
    pub fn table_clear(&self, id: impl AsDevId) -> Result<DeviceInfo> {
        self.table_clear_with(id, ClearOptions::new())
    }

    /// Removes the inactive table, with options.
    ///
    /// # Errors
    /// As [`table_clear`](Self::table_clear).
    pub fn table_clear_with(&self, id: impl AsDevId, options: ClearOptions) -> Result<DeviceInfo> {
        let ClearOptions {} = options;
        self.device_command(&Request::of(Command::TableClear, dev_id(Command::TableClear, &id)?))
    }
}

/// A request with a table, complete except for its header. Wiped on drop if the table may contain a key.
#[derive(Debug)]
pub(crate) struct PreparedTable {
    buffer: Buffer,
    target_count: u32,
}

impl PreparedTable {
    /// The params of each line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.buffer.bytes().get(HEADER_SIZE..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (spec, text) = rest.split_first_chunk::<SPEC_SIZE>()?;
            // Written by `write_line`, so the offsets are valid.
            let next = u32_at(spec, offset_of!(dm_target_spec, next))? as usize;
            rest = rest.get(next..).unwrap_or_default();
            nul_terminated(text)
        })
        .take(self.target_count as usize)
    }
}

/// Writes the lines and returns their number.
fn write_table<P: TargetParams>(
    buffer: &mut Buffer,
    lines: impl IntoIterator<Item = TargetLine<P>>,
) -> Result<u32, RequestFault> {
    let lines = lines.into_iter();
    let expected = lines.size_hint().0.min(DM_MAX_TARGETS as usize);
    buffer.reserve(expected.saturating_mul(USUAL_LINE));
    let mut count: u32 = 0;
    for line in lines {
        if count == DM_MAX_TARGETS {
            return Err(RequestFault::TooManyLines);
        }
        write_line(buffer, count, &line)?;
        count = count.saturating_add(1);
    }
    match count {
        0 => Err(RequestFault::NoLines),
        // Each text was written within the limit, so only the padding of the last can exceed it.
        _ if buffer.bytes().len() > MAX_SIZE => Err(RequestFault::TooLarge),
        _ => Ok(count),
    }
}

const SPEC_SIZE: usize = size_of::<dm_target_spec>();
/// The size of a line with a text of typical length.
const USUAL_LINE: usize = SPEC_SIZE + 24;

/// Writes one line: its `dm_target_spec`, the text with its NUL, and zeros up to a multiple of eight bytes.
///
/// Most callers pass a constant target type; with inlining, it is checked and copied at compile time.
#[inline(always)]
fn write_line<P: TargetParams>(buffer: &mut Buffer, index: u32, line: &TargetLine<P>) -> Result<(), RequestFault> {
    if is_secret(&line.params) {
        buffer.set_secret();
    }
    let at = buffer.bytes().len();
    let spec = spec(line).ok_or(RequestFault::TargetType { line: Some(index) })?;
    buffer.append(&spec);
    let end = PayloadWriter::append(buffer, &line.params, Some(index))?;
    let padded = end.next_multiple_of(ALIGN);
    buffer.truncate(padded);
    // When loading, `next` is relative to its own line.
    let next = u32::try_from(padded.saturating_sub(at)).map_err(|_| RequestFault::TooLarge)?;
    let next_at = at.saturating_add(offset_of!(dm_target_spec, next));
    if let Some(place) = buffer.bytes_mut().get_mut(next_at..).and_then(<[u8]>::first_chunk_mut) {
        *place = next.to_ne_bytes();
    }
    Ok(())
}

/// The fixed part of a line, all but `next`. `None` if the target type is not valid.
#[inline]
fn spec<P: TargetParams>(line: &TargetLine<P>) -> Option<[u8; SPEC_SIZE]> {
    let mut spec = [0; SPEC_SIZE];
    let target_type = padded_type(line.params.target_type().as_bytes())?;
    put(&mut spec, offset_of!(dm_target_spec, sector_start), &line.start.0.to_ne_bytes())?;
    put(&mut spec, offset_of!(dm_target_spec, length), &line.length.0.to_ne_bytes())?;
    put(&mut spec, offset_of!(dm_target_spec, target_type), &target_type)?;
    Some(spec)
}

#[inline]
fn put(spec: &mut [u8; SPEC_SIZE], at: usize, value: &[u8]) -> Option<()> {
    spec.get_mut(at..)?.get_mut(..value.len())?.copy_from_slice(value);
    Some(())
}

/// The printed text of params, wiped on drop if it may contain a key.
pub(super) struct PrintedParams {
    buffer: Buffer,
    len: usize,
}

impl PrintedParams {
    pub(super) fn text(&self) -> Text<'_> {
        Text::new(self.buffer.bytes().get(..self.len).unwrap_or_default()).secret(self.buffer.is_secret())
    }
}

/// Prints params to be examined here, not to be sent to the kernel.
pub(super) fn printed(params: &(impl TargetParams + ?Sized)) -> Result<PrintedParams, RequestFault> {
    let mut buffer = Buffer::default();
    if is_secret(params) {
        buffer.set_secret();
    }
    let end = PayloadWriter::append(&mut buffer, &params, None)?;
    Ok(PrintedParams { buffer, len: end.saturating_sub(1) })
}
