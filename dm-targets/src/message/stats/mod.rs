//! I/O statistics, which the kernel keeps for any device, independent of its targets.
//!
//! ```text
//! message = @stats_create <range> <step> [<#options> {<option>}] [<program> [<aux>]]    answered with the region id
//!         | @stats_delete <id>
//!         | @stats_clear <id>
//!         | @stats_list [<program>]                              answered with a line for each region
//!         | @stats_print <id> [<first> <count>]                  answered with a line for each area
//!         | @stats_print_clear <id> [<first> <count>]            the same
//!         | @stats_set_aux <id> <aux>
//! option  = precise_timestamps | histogram:<boundary>[,<boundary>]…
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | range | [`StatsRange`] or `-` | sectors of the device | `-`: the whole device, with its length at creation |
//! | step | [`StatsStep`] | sectors of an area, or `/` and the largest number of areas | at least 1 |
//! | boundary | `u64` | milliseconds; nanoseconds with `precise_timestamps` | from 1, each larger than the one before |
//! | program, aux | [`WordBuf`] | | `-` if not given |
//! | id | `u32` | | at most 2147483647 |
//! | first | `u64` or `-` | number of the first area, from 0 | `-`: 0 |
//! | count | `u64` or `-` | areas | `-`: all from the first one on |
//!
//! A region is a part of a device for which the kernel counts requests. It is divided into areas of the same size; the
//! last area may be shorter. Statistics are lost when the device is removed. In Linux 6.12, creating a region fails
//! with `EOVERFLOW` if it has more than 8388608 areas or 134217728 histogram counters. It fails with `ENOMEM` if it
//! would exceed the kernel's limit on memory for statistics.
//!
//! Interface version 4.32 added histograms and precise timestamps. The list of regions shows them only since 4.33.
//!
//! Kernel: `dm_stats_message` in `drivers/md/dm-stats.c`.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::{Fields, Limits, Params, ParseError, Printer, Problem, TextKind, WordBuf};

mod area;
mod create;
mod region;

pub use area::{StatsArea, StatsCounts};
pub use create::{StatsCreate, StatsRange, StatsStep};
pub use region::StatsRegion;

const REGION_ID: Limits = Limits::new("region id", 0, i32::MAX as u64);
const PROGRAM: &str = "program id";
const AUX: &str = "aux data";

/// A message about I/O statistics. You can send it to any sector of a device. A message with the id of a region fails
/// with `ENOENT` if the region does not exist.
///
/// ```
/// use dm_targets::stats::{StatsCreate, StatsMessage, StatsReply, StatsStep};
///
/// let message = StatsMessage::Create(StatsCreate::new(None, StatsStep::Areas(4)));
/// assert_eq!(message.to_string(), "@stats_create - /4 0");
/// assert_eq!(message.parse_reply("7"), Ok(StatsReply::Created(7)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatsMessage {
    /// Creates a region and starts to count. The reply is [`StatsReply::Created`].
    Create(StatsCreate),
    /// Deletes the region with this id.
    Delete(u32),
    /// Resets all counters of the region with this id, except the number of requests in flight.
    Clear(u32),
    /// Queries the regions. The reply is [`StatsReply::Regions`].
    List {
        /// The program whose regions are listed. `-` lists the regions without a program, and `None` lists all regions.
        program: Option<WordBuf>,
    },
    /// Queries the counters of a region. The reply is [`StatsReply::Areas`].
    Print {
        /// The id of the region.
        region: u32,
        /// The areas to return; `None` means all areas.
        areas: Option<StatsAreas>,
    },
    /// Queries the counters of a region and resets them as [`Clear`](Self::Clear) does. The reply is
    /// [`StatsReply::Areas`].
    PrintClear {
        /// The id of the region.
        region: u32,
        /// The areas to return and reset; `None` means all areas.
        areas: Option<StatsAreas>,
    },
    /// Replaces the data that a program has stored with a region ([`StatsRegion::aux`]).
    SetAux {
        /// The id of the region.
        region: u32,
        /// The new data.
        aux: WordBuf,
    },
}

/// The areas of a region that [`StatsMessage::Print`] and [`StatsMessage::PrintClear`] return. Areas that do not exist
/// are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatsAreas {
    /// The number of the area at which the range starts, from 0; `None` means 0.
    pub first: Option<u64>,
    /// The number of areas; `None` means all areas from `first` on.
    pub count: Option<u64>,
}

impl StatsMessage {
    /// Parses the kernel's reply to this message.
    ///
    /// For [`Clear`](Self::Clear), this ignores `text`, because the kernel returns old contents of the buffer instead
    /// of a reply.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not a reply to the message; the error points to one of its words or to its end.
    pub fn parse_reply(&self, text: &str) -> Result<StatsReply, ParseError> {
        let reply = match self {
            Self::Clear(_) => Ok(StatsReply::None),
            Self::Create(_) => {
                Fields::printed(text).read_all(|fields| fields.read_within(&REGION_ID)).map(StatsReply::Created)
            }
            Self::List { .. } => Fields::printed(text).read_lines(StatsRegion::parse).map(StatsReply::Regions),
            Self::Print { .. } | Self::PrintClear { .. } => {
                Fields::printed(text).read_lines(StatsArea::parse).map(StatsReply::Areas)
            }
            Self::Delete(_) | Self::SetAux { .. } => Fields::printed(text).finish().map(|()| StatsReply::None),
        };
        reply.map_err(|error| error.in_part(TextKind::Reply))
    }
}

impl StatsAreas {
    fn parse(fields: &mut Fields<'_>) -> Result<Option<Self>, ParseError> {
        if fields.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { first: fields.read("first area")?, count: fields.read("area count")? }))
    }
}

impl Params for StatsMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        Ok(match name {
            _ if name.is("@stats_create") => Self::Create(StatsCreate::parse(fields)?),
            _ if name.is("@stats_delete") => Self::Delete(fields.read_within(&REGION_ID)?),
            _ if name.is("@stats_clear") => Self::Clear(fields.read_within(&REGION_ID)?),
            _ if name.is("@stats_list") => Self::List { program: fields.read_optional(PROGRAM)? },
            _ if name.is("@stats_print") => {
                Self::Print { region: fields.read_within(&REGION_ID)?, areas: StatsAreas::parse(fields)? }
            }
            _ if name.is("@stats_print_clear") => {
                Self::PrintClear { region: fields.read_within(&REGION_ID)?, areas: StatsAreas::parse(fields)? }
            }
            _ if name.is("@stats_set_aux") => {
                Self::SetAux { region: fields.read_within(&REGION_ID)?, aux: fields.read(AUX)? }
            }
            _ => return Err(fields.error("message", Problem::Unknown)),
        })
    }
}

impl FromStr for StatsMessage {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Fields::input(text).read_all(Self::parse).map_err(|error| error.in_part(TextKind::Message))
    }
}

impl fmt::Display for StatsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::Create(create) => create.print(out.word("@stats_create")),
            Self::Delete(region) => out.word("@stats_delete").put(region),
            Self::Clear(region) => out.word("@stats_clear").put(region),
            Self::List { program } => out.word("@stats_list").all(program),
            Self::Print { region, areas } => print_areas(out.word("@stats_print").put(region), areas),
            Self::PrintClear { region, areas } => print_areas(out.word("@stats_print_clear").put(region), areas),
            Self::SetAux { region, aux } => out.word("@stats_set_aux").put(region).put(aux),
        };
        out.end()
    }
}

fn print_areas<'p, 'f, 'o>(out: &'p mut Printer<'f, 'o>, areas: &Option<StatsAreas>) -> &'p mut Printer<'f, 'o> {
    match areas {
        Some(StatsAreas { first, count }) => out.put(first).put(count),
        None => out,
    }
}

/// The kernel's reply to a [`StatsMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StatsReply {
    /// [`Delete`](StatsMessage::Delete), [`Clear`](StatsMessage::Clear) and [`SetAux`](StatsMessage::SetAux) have no
    /// reply.
    None,
    /// The reply to [`Create`](StatsMessage::Create): the id of the new region.
    Created(u32),
    /// The reply to [`List`](StatsMessage::List): the regions in the order of their ids.
    Regions(Vec<StatsRegion>),
    /// The reply to [`Print`](StatsMessage::Print) and [`PrintClear`](StatsMessage::PrintClear): the counters of each
    /// area.
    Areas(Vec<StatsArea>),
}

impl fmt::Display for StatsReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Created(region) => region.fmt(f),
            Self::Regions(regions) => regions.iter().try_for_each(|region| writeln!(f, "{region}")),
            Self::Areas(areas) => areas.iter().try_for_each(|area| writeln!(f, "{area}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<StatsMessage>().unwrap_err().to_string()
    }

    #[test]
    fn region_ids_out_of_range_are_refused() {
        assert_eq!("@STATS_delete 2147483647".parse(), Ok(StatsMessage::Delete(2_147_483_647)));
        assert_eq!(error("@stats_delete 2147483648"), "message: word 2, region id, must be at most 2147483647");
        assert_eq!(error("@stats_delete -1"), "message: word 2, region id, must be a decimal number");
        assert_eq!(error("@stats_delete"), "message: word 2, region id, is missing");
        assert_eq!(error("@stats_clear 1 2"), "message: word 3 is one word too many");
        assert_eq!(error("@stats_dance"), "message: word 1, message, is not known");
    }

    #[test]
    fn areas_are_given_by_two_words_or_none() {
        let areas = StatsAreas { first: Some(1), count: None };
        assert_eq!("@stats_print 0 1 -".parse(), Ok(StatsMessage::Print { region: 0, areas: Some(areas) }));
        assert_eq!(error("@stats_print 0 1"), "message: word 4, area count, is missing");
    }

    #[test]
    fn errors_in_replies_have_word_and_position() {
        let text = "0+8 1 2 3 4 5 6 7 8 9 10 11 12 13\n8+8 1 2 3 x 5 6 7 8 9 10 11 12 13\n";
        let error = StatsMessage::Print { region: 0, areas: None }.parse_reply(text).unwrap_err();
        assert_eq!(error.to_string(), "reply: word 19, time of reads, must be a decimal number");
        assert_eq!(&text[error.span()], "x");
    }

    #[test]
    fn the_answer_to_clear_is_ignored() {
        assert_eq!(StatsMessage::Clear(0).parse_reply("@stats_clear 0"), Ok(StatsReply::None));
        assert_eq!(
            StatsMessage::Delete(0).parse_reply("0").unwrap_err().to_string(),
            "reply: word 1 is one word too many"
        );
        assert_eq!(
            StatsMessage::Create(StatsCreate::new(None, StatsStep::Areas(1))).parse_reply("").unwrap_err().to_string(),
            "reply: word 1, region id, is missing"
        );
    }
}
