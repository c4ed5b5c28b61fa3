//! `DM_TABLE_LOAD` and `DM_TABLE_CLEAR`.

use core::fmt::{self, Display, Write};
use core::mem::offset_of;

use dm_sys::{DM_MAX_TARGETS, DM_MAX_TYPE_NAME, dm_target_spec};
use dm_units::Sectors;

use crate::commands::status::SECURE_DATA_MINOR;
use crate::error::{Error, RequestFault, Result};
use crate::id::dev_id::DevId;
use crate::id::text::Text;
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::buffer::{Buffer, MAX_SIZE};
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, Request};
use crate::wire::info::DeviceInfo;

/// A line of a table: a stretch of the device, and the target that serves it.
///
/// Read from the kernel, `params` is [`Text`]; made by [`new`](Self::new), it is anything that can be printed: a `&str`, or
/// a typed table of the crate `dm-targets`. A line that was read can be loaded again, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetLine<'a, P = Text<'a>> {
    /// Where the stretch starts.
    pub start: Sectors,
    /// How long it is.
    pub length: Sectors,
    /// The target, as `linear`: 1 to 15 bytes.
    pub target_type: Text<'a>,
    /// The target's arguments, or what it reports.
    pub params: P,
}

impl<'a, P: Display> TargetLine<'a, Printed<P>> {
    /// Puts a line together from what can be printed.
    pub fn new(start: Sectors, length: Sectors, target_type: &'a str, params: P) -> Self {
        Self { start, length, target_type: target_type.into(), params: Printed(params) }
    }
}

/// Prints the line as `dmsetup table` does: `0 2048 linear 7:0 0`.
impl<P: Display> Display for TargetLine<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.start, self.length, self.target_type, self.params)
    }
}

/// The params of a line that is to be loaded: [`Text`], which is written byte for byte, or [`Printed`].
pub trait WriteParams {
    /// Writes the params.
    ///
    /// # Errors
    /// The params can't be printed, or they are larger than any request.
    fn write(&self, out: &mut ParamsWriter<'_>) -> fmt::Result;
}

impl WriteParams for Text<'_> {
    #[inline]
    fn write(&self, out: &mut ParamsWriter<'_>) -> fmt::Result {
        out.write_bytes(self.as_bytes())
    }
}

/// Params that are written as their `Display` prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed<P>(pub P);

impl<P: Display> WriteParams for Printed<P> {
    #[inline]
    fn write(&self, out: &mut ParamsWriter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl<P: Display> Display for Printed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Serialises as a structure of four fields, texts as strings.
#[cfg(feature = "serde")]
impl<P: serde::Serialize> serde::Serialize for TargetLine<'_, P> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("TargetLine", 4)?;
        fields.serialize_field("start", &self.start)?;
        fields.serialize_field("length", &self.length)?;
        fields.serialize_field("target_type", &self.target_type)?;
        fields.serialize_field("params", &self.params)?;
        fields.end()
    }
}

/// Options of [`Dm::table_load`].
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    read_only: bool,
    secure: bool,
}

impl LoadOptions {
    /// Read-write, without secrets.
    #[must_use]
    pub const fn new() -> Self {
        Self { read_only: false, secure: false }
    }

    /// Opens the devices below, and makes the device, read-only.
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    pub(crate) const fn is_secure(self) -> bool {
        self.secure
    }

    /// Wipes the table after use, the kernel its copy and this library the buffer: for keys. Interface 4.20 and later.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }
}

impl<T: Transport> Dm<T> {
    /// Loads a table into the inactive slot, where it takes the place of another one; the next
    /// [`device_resume`](Self::device_resume) puts it in force.
    ///
    /// - Interface 4.0 and later.
    /// - The active table goes on serving; the device need not be suspended.
    /// - The devices below are opened now, and the modules of the targets loaded.
    /// - Lines are printed straight into the buffer: nothing else is allocated.
    ///
    /// # Errors
    /// [`is_invalid`](crate::Error::is_invalid): the kernel refuses the table; the error has the reason from its log. A
    /// device below is missing or busy: the errno of opening it. [`is_not_found`](crate::Error::is_not_found): this device
    /// is missing.
    /// [`Error::Request`]: there is no line, or one that the kernel could not take.
    #[doc(alias = "DM_TABLE_LOAD")]
    pub fn table_load<'a, 'l, P: WriteParams>(
        &self,
        buffer: &mut Buffer,
        id: impl Into<DevId<'a>>,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
        options: LoadOptions,
    ) -> Result<DeviceInfo> {
        let request = Request::of(Command::TableLoad, id.into()).flag(Flags::READONLY, options.read_only).flag_since(
            SECURE_DATA_MINOR,
            Flags::SECURE_DATA,
            options.secure,
        );
        buffer.start(&request);
        buffer.start_payload();
        let sent = write_table(buffer, lines).map_err(|fault| Error::request(Command::TableLoad, fault)).and_then(
            |target_count| {
                let request = Request { target_count, ..request };
                buffer.finish(&request, 0);
                self.send_buffer(&request, buffer)
            },
        );
        let info = sent.and_then(|()| Ok(DeviceInfo::new(Command::TableLoad, buffer.header())?));
        buffer.wipe();
        info
    }

    /// Drops the inactive table.
    ///
    /// - Interface 4.0 and later.
    /// - The active table goes on serving. Without an inactive table nothing happens.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_TABLE_CLEAR")]
    pub fn table_clear<'a>(&self, id: impl Into<DevId<'a>>) -> Result<DeviceInfo> {
        self.device_command(&Request::of(Command::TableClear, id.into()))
    }
}

/// Writes the lines; says how many.
fn write_table<'l, P: WriteParams>(
    buffer: &mut Buffer,
    lines: impl IntoIterator<Item = TargetLine<'l, P>>,
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
    if count == 0 { Err(RequestFault::NoLines) } else { Ok(count) }
}

const SPEC_SIZE: usize = size_of::<dm_target_spec>();
/// How many bytes a line takes if its text is as long as those of most targets.
const USUAL_LINE: usize = SPEC_SIZE + 24;

/// Writes one line: its `dm_target_spec`, the text with its NUL, and zeros to a multiple of eight bytes.
fn write_line<P: WriteParams>(buffer: &mut Buffer, index: u32, line: &TargetLine<'_, P>) -> Result<(), RequestFault> {
    let at = buffer.bytes().len();
    buffer.append(&spec(line).ok_or(RequestFault::TargetType { line: Some(index) })?);
    let end = ParamsWriter::write(buffer, &line.params, Some(index))?;
    let padded = end.next_multiple_of(ALIGN);
    buffer.truncate(padded);
    if padded > MAX_SIZE {
        return Err(RequestFault::TooLarge);
    }
    // Here `next` counts from its own line. It fits, since the whole table does.
    let next = u32::try_from(padded.saturating_sub(at)).map_err(|_| RequestFault::TooLarge)?;
    let next_at = at.saturating_add(offset_of!(dm_target_spec, next));
    if let Some(place) = buffer.bytes_mut().get_mut(next_at..).and_then(<[u8]>::first_chunk_mut) {
        *place = next.to_ne_bytes();
    }
    Ok(())
}

const ALIGN: usize = 8;

/// The fixed part of a line, all but `next`. `None` where the target type is none.
fn spec<P>(line: &TargetLine<'_, P>) -> Option<[u8; SPEC_SIZE]> {
    let mut spec = [0; SPEC_SIZE];
    let target_type = checked_type(line.target_type.as_bytes())?;
    put(&mut spec, offset_of!(dm_target_spec, sector_start), &line.start.0.to_ne_bytes())?;
    put(&mut spec, offset_of!(dm_target_spec, length), &line.length.0.to_ne_bytes())?;
    put(&mut spec, offset_of!(dm_target_spec, target_type), target_type)?;
    Some(spec)
}

fn put(spec: &mut [u8; SPEC_SIZE], at: usize, value: &[u8]) -> Option<()> {
    spec.get_mut(at..)?.get_mut(..value.len())?.copy_from_slice(value);
    Some(())
}

/// A target type that the kernel would neither cut nor read as none. Most callers name a constant, so it costs nothing.
#[inline]
pub(super) fn checked_type(target_type: &[u8]) -> Option<&[u8]> {
    let right = (1..DM_MAX_TYPE_NAME).contains(&target_type.len()) && header::first_zero(target_type).is_none();
    right.then_some(target_type)
}

/// Where [`WriteParams`] writes to: the buffer that goes to the kernel.
#[derive(Debug)]
pub struct ParamsWriter<'b> {
    buffer: &'b mut Buffer,
    too_large: bool,
}

impl<'b> ParamsWriter<'b> {
    /// Writes a text, a NUL and more zeros; says where the text ends with its NUL.
    ///
    /// The text itself may have no NUL, since the kernel would cut it there.
    pub(super) fn write(
        buffer: &'b mut Buffer,
        params: &impl WriteParams,
        line: Option<u32>,
    ) -> Result<usize, RequestFault> {
        let start = buffer.bytes().len();
        let mut out = ParamsWriter { buffer, too_large: false };
        if params.write(&mut out).is_err() {
            return Err(if out.too_large { RequestFault::TooLarge } else { RequestFault::Display { line } });
        }
        let end = out.buffer.bytes().len();
        let text = out.buffer.bytes().get(start..).unwrap_or_default();
        if let Some(at) = header::first_zero(text) {
            return Err(RequestFault::Nul { line, at });
        }
        out.buffer.append(&[0; ALIGN]);
        Ok(end.saturating_add(1))
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The table is larger than any request. So a `Display` without an end is stopped before it takes all memory.
    #[inline]
    pub fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        if self.buffer.bytes().len().saturating_add(bytes.len()) > MAX_SIZE {
            self.too_large = true;
            return Err(fmt::Error);
        }
        self.buffer.append(bytes);
        Ok(())
    }
}

impl Write for ParamsWriter<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes())
    }
}
