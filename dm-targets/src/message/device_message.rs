//! Messages to a device, independent of its targets.

use core::fmt;
use core::str::FromStr;

use crate::message::stats::StatsMessage;
use crate::{Fields, Params, ParseError, Printer, TextKind};

const CANCEL_DEFERRED_REMOVE: &str = "@cancel_deferred_remove";

/// A message to the device-mapper core about a device. It starts with `@` and is not passed to a target.
///
/// The message can be sent to any sector of the device.
///
/// Kernel: `message_for_md` in `drivers/md/dm-ioctl.c`.
///
/// ```
/// use dm_targets::DeviceMessage;
///
/// assert_eq!("@cancel_deferred_remove".parse(), Ok(DeviceMessage::CancelDeferredRemove));
/// assert!(matches!("@stats_list".parse()?, DeviceMessage::Stats(_)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceMessage {
    /// Cancels a deferred removal, so that the device is kept when it is closed. Fails with `EBUSY` if the removal has
    /// already started.
    CancelDeferredRemove,
    /// A message about I/O statistics.
    Stats(StatsMessage),
}

impl From<StatsMessage> for DeviceMessage {
    fn from(message: StatsMessage) -> Self {
        Self::Stats(message)
    }
}

impl Params for DeviceMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.peek().is_some_and(|name| name.is(CANCEL_DEFERRED_REMOVE)) {
            fields.next_word();
            return Ok(Self::CancelDeferredRemove);
        }
        StatsMessage::parse(fields).map(Self::Stats)
    }
}

impl FromStr for DeviceMessage {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Fields::input(text).read_all(Self::parse).map_err(|error| error.in_part(TextKind::Message))
    }
}

impl fmt::Display for DeviceMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CancelDeferredRemove => Printer::new(f).word(CANCEL_DEFERRED_REMOVE).end(),
            Self::Stats(message) => message.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_a_cancellation_are_refused() {
        let error = "@cancel_deferred_remove now".parse::<DeviceMessage>().unwrap_err();
        assert_eq!(error.to_string(), "message: word 2 is one word too many");
    }
}
