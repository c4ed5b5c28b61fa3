//! Messages to a `clone` target.

use core::fmt;

use crate::{Fields, Message, NoReply, Params, ParseError, Printer, Problem};

const THRESHOLD: &str = "hydration_threshold";
const BATCH_SIZE: &str = "hydration_batch_size";

/// A message to a `clone` target: controls the copying in the background (hydration).
///
/// ```
/// use dm_targets::clone::CloneMessage;
///
/// assert_eq!(CloneMessage::HydrationThreshold(13).to_string(), "hydration_threshold 13");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloneMessage {
    /// Starts copying in the background.
    EnableHydration,
    /// Stops copying in the background.
    DisableHydration,
    /// Sets how many regions may be copied in the background at the same time. With 0, nothing is copied in the
    /// background.
    HydrationThreshold(u32),
    /// Sets the largest number of adjacent regions to copy in one operation.
    HydrationBatchSize(u32),
}

impl Message for CloneMessage {
    type Reply = NoReply;
}

impl Params for CloneMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        match name {
            _ if name.is("enable_hydration") => Ok(Self::EnableHydration),
            _ if name.is("disable_hydration") => Ok(Self::DisableHydration),
            _ if name.is(THRESHOLD) => fields.read(THRESHOLD).map(Self::HydrationThreshold),
            _ if name.is(BATCH_SIZE) => fields.read(BATCH_SIZE).map(Self::HydrationBatchSize),
            _ => Err(fields.error("message", Problem::Unknown)),
        }
    }
}

impl fmt::Display for CloneMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::EnableHydration => out.word("enable_hydration"),
            Self::DisableHydration => out.word("disable_hydration"),
            Self::HydrationThreshold(regions) => out.word(THRESHOLD).put(regions),
            Self::HydrationBatchSize(regions) => out.word(BATCH_SIZE).put(regions),
        };
        out.end()
    }
}
