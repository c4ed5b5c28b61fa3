//! Messages to a `thin-pool` target.

use core::fmt;

use crate::thin::ThinDevId;
use crate::{Fields, Message, NoReply, Params, ParseError, Printer, Problem};

/// A message to a `thin-pool` target.
///
/// ```
/// use dm_targets::thin::ThinDevId;
/// use dm_targets::thin_pool::ThinPoolMessage;
///
/// let message = ThinPoolMessage::CreateThin(ThinDevId::new(7)?);
/// assert_eq!(message.to_string(), "create_thin 7");
/// # Ok::<(), dm_targets::InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThinPoolMessage {
    /// Creates an empty thin device; the kernel returns `EEXIST` if the number is in use.
    CreateThin(ThinDevId),
    /// Creates a thin device as a snapshot of `origin`. First suspend `origin` or deactivate it: **the kernel does not
    /// check this, and a snapshot of a device in use can damage data.** The kernel returns `EEXIST` if the number is in
    /// use and `ENODATA` if `origin` does not exist.
    CreateSnap {
        /// The number of the new device.
        id: ThinDevId,
        /// The number of the device to take a snapshot of.
        origin: ThinDevId,
    },
    /// Deletes a thin device and its data; the kernel returns `EBUSY` while an active or inactive table uses the
    /// device, and `ENODATA` if the device does not exist.
    Delete(ThinDevId),
    /// Changes the transaction id; the kernel returns `EINVAL` if `current` is not the current id.
    SetTransactionId {
        /// The expected current transaction id.
        current: u64,
        /// The new transaction id.
        new: u64,
    },
    /// Takes a snapshot of the metadata, so that user space can read it while the pool is in use. The kernel returns
    /// `EBUSY` if a metadata snapshot already exists.
    ReserveMetadataSnap,
    /// Releases the metadata snapshot; the kernel returns `EINVAL` if none exists.
    ReleaseMetadataSnap,
}

impl Message for ThinPoolMessage {
    type Reply = NoReply;
}

impl Params for ThinPoolMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        Ok(match name {
            _ if name.is("create_thin") => Self::CreateThin(fields.read("dev id")?),
            _ if name.is("create_snap") => {
                Self::CreateSnap { id: fields.read("dev id")?, origin: fields.read("origin id")? }
            }
            _ if name.is("delete") => Self::Delete(fields.read("dev id")?),
            _ if name.is("set_transaction_id") => {
                Self::SetTransactionId { current: fields.read("current id")?, new: fields.read("new id")? }
            }
            _ if name.is("reserve_metadata_snap") => Self::ReserveMetadataSnap,
            _ if name.is("release_metadata_snap") => Self::ReleaseMetadataSnap,
            _ => return Err(fields.error("message", Problem::Unknown)),
        })
    }
}

impl fmt::Display for ThinPoolMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::CreateThin(id) => out.word("create_thin").put(id),
            Self::CreateSnap { id, origin } => out.word("create_snap").put(id).put(origin),
            Self::Delete(id) => out.word("delete").put(id),
            Self::SetTransactionId { current, new } => out.word("set_transaction_id").put(current).put(new),
            Self::ReserveMetadataSnap => out.word("reserve_metadata_snap"),
            Self::ReleaseMetadataSnap => out.word("release_metadata_snap"),
        };
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, ThinPool};

    #[test]
    fn messages_have_exactly_their_words() {
        let refusal = |text| ThinPool::parse_message(text).unwrap_err().to_string();
        assert_eq!(refusal("create_thin 1 2"), "thin-pool message: word 3 is one word too many");
        assert_eq!(refusal("create_snap 1"), "thin-pool message: word 3, origin id, is missing");
        assert_eq!(refusal("delete 16777216"), "thin-pool message: word 2, dev id, must be at most 16777215");
        assert_eq!(refusal("thin"), "thin-pool message: word 1, message, is not known");
        assert_eq!(ThinPool::parse_message("RESERVE_METADATA_SNAP"), Ok(ThinPoolMessage::ReserveMetadataSnap));
    }
}
