//! The reply to `DM_TABLE_STATUS` and `DM_DEV_WAIT`.

use core::fmt;
use core::mem::offset_of;

use dm_sys::{DM_MAX_TYPE_NAME, dm_target_spec};
use dm_units::Sectors;

use super::line::{FieldDifference, TargetLine, TargetParams, field_takes_keys, takes_keys};
use super::payload::{Payload, PayloadWriter};
use crate::error::Result;
use crate::id::Text;
use crate::wire::header::{self, HEADER_SIZE};
use crate::wire::reply::{Reply, ReplyError};
use crate::wire::scan::{field_text, nul_terminated, padded_text, u32_at, u64_at};
use crate::wire::{Command, DeviceInfo, Flags};

/// The lines that the targets of a table report, as returned by [`Dm::table_status`](crate::Dm::table_status).
///
/// The lines are decoded during the iteration. If a line may contain a key, the memory is wiped on drop.
#[derive(Clone, Debug)]
pub struct TableStatus {
    reply: Reply,
}

impl TableStatus {
    // Without inlining, the reply with its header is copied once more.
    #[inline(always)]
    pub(super) fn new(mut reply: Reply) -> Result<Self, ReplyError> {
        let is_table = header::flags(reply.header()).intersects(Flags::STATUS_TABLE.union(Flags::IMA_MEASUREMENT));
        if is_table && !reply.is_secret() && has_keys(&reply) {
            reply.set_secret();
        }
        reply.check_info()?;
        Ok(Self { reply })
    }

    /// The state of the mapped device when the kernel sent the reply.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        self.reply.info()
    }

    /// Iterates over the lines in the order of the table. There are none if the slot has no table.
    #[must_use]
    #[doc(alias = "dm_get_next_target")]
    pub fn iter(&self) -> TargetStatuses<'_> {
        TargetStatuses::new(&self.reply, header::target_count(self.reply.header()))
    }

    /// Whether this is the table of a `crypt` device that was locked with the message `key wipe`. Such a device is
    /// suspended, and the kernel prints a key of zeros (`crypt_wipe_key` in drivers/md/dm-crypt.c).
    ///
    /// Do not load such a table again: the device would use a key of zeros. A suspended device whose real key is all
    /// zeros looks the same.
    #[must_use]
    pub fn has_wiped_key(&self) -> bool {
        self.info().is_suspended() && self.iter().flatten().any(is_key_zero)
    }

    /// Whether both replies have the same lines.
    pub(crate) fn has_lines_of(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

/// Whether the key, the second word of a `crypt` line, is all zeros.
fn is_key_zero(line: TargetStatus<'_>) -> bool {
    let key = line.params.as_bytes().split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    line.target_type == *"crypt" && !key.is_empty() && key.iter().all(|byte| *byte == b'0')
}

/// Whether a line belongs to a target that takes keys, or cannot be decoded.
///
/// This runs on every reply with params, so it reads only the target type and the offset of the next line.
fn has_keys(reply: &Reply) -> bool {
    let bytes = reply.payload().unwrap_or_default();
    let mut at = 0;
    (0..header::target_count(reply.header())).any(|_| {
        let Some((next, target_type)) = bytes.get(at..).and_then(next_and_type).filter(|&(next, _)| next > at) else {
            return true;
        };
        at = next;
        field_takes_keys(target_type)
    })
}

#[inline]
fn next_and_type(line: &[u8]) -> Option<(usize, &[u8; DM_MAX_TYPE_NAME])> {
    let spec = line.first_chunk::<SPEC_SIZE>()?;
    Some((u32_at(spec, offset_of!(dm_target_spec, next))? as usize, spec.last_chunk()?))
}

impl<'a> IntoIterator for &'a TableStatus {
    type Item = Result<TargetStatus<'a>, ReplyError>;
    type IntoIter = TargetStatuses<'a>;

    fn into_iter(self) -> TargetStatuses<'a> {
        self.iter()
    }
}

/// A line that the kernel reports: a range of the device, its target, and the target's status or params.
///
/// `Display` and `Debug` do not show params that may contain a key; [`Text::as_bytes`] returns them.
///
/// The kernel prints words without escapes but reads them with escapes, so the text cannot always be loaded again as it
/// is. [`to_line`](Self::to_line) adds the escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetStatus<'a> {
    /// The first sector of the range.
    pub start: Sectors,
    /// The number of sectors in the range.
    pub length: Sectors,
    /// The target type, such as `linear`.
    pub target_type: Text<'a>,
    /// The status, the params or the IMA measurement, whichever was requested.
    pub params: Text<'a>,
}

impl<'a> TargetStatus<'a> {
    /// Makes a line as the kernel would report it, for programs that read saved output. If the target takes keys, the
    /// params become secret.
    #[must_use]
    pub fn new(start: Sectors, length: Sectors, target_type: Text<'a>, params: Text<'a>) -> Self {
        let secret = params.is_secret() || takes_keys(target_type.as_bytes());
        Self { start, length, target_type, params: params.secret(secret) }
    }

    /// Converts a line of a reported table into a line to load, by escaping backslashes. A word that contains white
    /// space becomes several words, since the kernel prints white space without escapes.
    #[must_use]
    pub fn to_line(self) -> TargetLine<PrintedParams<'a>> {
        let Self { start, length, target_type, params } = self;
        TargetLine { start, length, params: PrintedParams { target_type, params } }
    }
}

/// The params of a line that the kernel reported, with backslashes escaped for loading. [`TargetStatus::to_line`]
/// returns them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintedParams<'a> {
    target_type: Text<'a>,
    params: Text<'a>,
}

impl Payload for PrintedParams<'_> {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_escaped(self.params.as_bytes())
    }

    fn may_hold_key(&self) -> bool {
        self.params.is_secret() || takes_keys(self.target_type.as_bytes())
    }
}

impl TargetParams for PrintedParams<'_> {
    /// The target type, such as `linear`. All target types of the kernel are ASCII. A type that is not UTF-8 becomes
    /// empty here, and loading the line fails.
    fn target_type(&self) -> &str {
        self.target_type.to_str().unwrap_or_default()
    }

    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        (self.params != printed).then_some(FieldDifference { field: "params", is_layout: true })
    }
}

/// Prints the line as `dmsetup table` does: `0 2048 linear 7:0 0`. Params that may contain a key are not shown.
impl fmt::Display for TargetStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.start, self.length, self.target_type, self.params)
    }
}

/// An iterator over a [`TableStatus`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct TargetStatuses<'a> {
    command: Command,
    bytes: Hidden<'a>,
    /// The offset of the next line in `bytes`.
    at: usize,
    left: u32,
    secret: bool,
}

/// Bytes that `Debug` does not show.
#[derive(Clone, Copy)]
struct Hidden<'a>(&'a [u8]);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

impl<'a> TargetStatuses<'a> {
    fn new(reply: &'a Reply, target_count: u32) -> Self {
        let bytes = Hidden(reply.payload().unwrap_or_default());
        Self { command: reply.command(), bytes, at: 0, left: target_count, secret: reply.is_secret() }
    }
}

impl<'a> Iterator for TargetStatuses<'a> {
    type Item = Result<TargetStatus<'a>, ReplyError>;

    // Without inlining, each line is first assembled in memory, which takes as long as reading it.
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

impl<'a> TargetStatuses<'a> {
    #[inline(always)]
    fn decode(&mut self) -> Result<TargetStatus<'a>, &'static str> {
        let bytes = self.bytes.0;
        let line = bytes.get(self.at..).ok_or("a line past the end")?;
        let (spec, text) = line.split_first_chunk::<SPEC_SIZE>().ok_or("a truncated line")?;
        let word = |at| u64_at(spec, at).ok_or("a truncated line");
        let target_type = spec.last_chunk::<DM_MAX_TYPE_NAME>().ok_or("a truncated line")?;
        // In a reply, `next` is relative to the first line; the text is padded up to there (`retrieve_status` in
        // drivers/md/dm-ioctl.c).
        let next = u32_at(spec, offset_of!(dm_target_spec, next)).ok_or("a truncated line")? as usize;
        let text_at = self.at.wrapping_add(SPEC_SIZE);
        let params = match bytes.get(text_at..next).and_then(padded_text) {
            Some(params) => params,
            None => unpadded(text, self.left == 0, next <= self.at)?,
        };
        let status = TargetStatus {
            start: Sectors(word(offset_of!(dm_target_spec, sector_start))?),
            length: Sectors(word(offset_of!(dm_target_spec, length))?),
            target_type: Text::new(field_text(target_type).ok_or("an unterminated target type")?),
            params: Text::new(params).secret(self.secret),
        };
        // Errors above concern the line at the old position.
        self.at = next;
        Ok(status)
    }
}

/// The text of the last line, which need not be padded; for any other line, the error.
#[cold]
#[inline(never)]
fn unpadded(text: &[u8], is_last: bool, leads_back: bool) -> Result<&[u8], &'static str> {
    match nul_terminated(text) {
        Some(params) if is_last => Ok(params),
        Some(_) if leads_back => Err("a line whose next one is not after it"),
        Some(_) => Err("a text that does not end in its line"),
        None => Err("an unterminated text"),
    }
}

/// Serializes as a structure of four fields, with texts as strings. Params that may contain a key are replaced by their
/// length.
#[cfg(feature = "serde")]
impl serde::Serialize for TargetStatus<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("TargetStatus", 4)?;
        fields.serialize_field("start", &self.start)?;
        fields.serialize_field("length", &self.length)?;
        fields.serialize_field("target_type", &self.target_type)?;
        fields.serialize_field("params", &self.params)?;
        fields.end()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TableStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error as _, SerializeSeq as _};
        let mut lines = serializer.serialize_seq(None)?;
        for line in self {
            lines.serialize_element(&line.map_err(S::Error::custom)?)?;
        }
        lines.end()
    }
}
