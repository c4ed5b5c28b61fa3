//! Messages to a `crypt` target.
//!
//! Kernel: `crypt_message` in `drivers/md/dm-crypt.c`.

use core::fmt;

use super::CryptKey;
use crate::{Fields, Message, NoReply, Params, ParseError, Printer, Problem};

/// A message to a `crypt` target: sets or wipes the key. The kernel returns `EINVAL` unless the device is suspended.
///
/// ```
/// use dm_targets::crypt::CryptMessage;
///
/// assert_eq!(CryptMessage::KeyWipe.to_string(), "key wipe");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptMessage {
    /// Sets the key, which must have the same size as the key of the table.
    KeySet(CryptKey),
    /// Overwrites the key with zeros. Resuming the device fails with `EAGAIN` until the key has been set again.
    KeyWipe,
}

impl Message for CryptMessage {
    type Reply = NoReply;
}

impl Params for CryptMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let word = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        if !word.is("key") {
            return Err(fields.error("message", Problem::Unknown));
        }
        match fields.next_word() {
            Some(word) if word.is("set") => Ok(Self::KeySet(fields.read("key")?)),
            Some(word) if word.is("wipe") => Ok(Self::KeyWipe),
            Some(_) => Err(fields.error("key", Problem::Expected("set or wipe"))),
            None => Err(fields.missing("key")),
        }
    }
}

impl fmt::Display for CryptMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::KeySet(key) => out.word("key").word("set").put(key),
            Self::KeyWipe => out.word("key").word("wipe"),
        };
        out.end()
    }
}
