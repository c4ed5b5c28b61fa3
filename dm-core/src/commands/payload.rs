//! Text that follows the header of a request: params of a table line, and messages.

use core::fmt::{self, Write};

use crate::error::RequestFault;
use crate::id::Text;
use crate::wire::buffer::{Buffer, MAX_SIZE};
use crate::wire::scan::first_zero;

/// Text that can be sent to the kernel: the params of a table line, or a message.
///
/// Strings, byte slices, [`Text`] and [`format_args!`] are payloads. They are sent unchanged. The kernel treats a
/// backslash as an escape of the next byte, so double each literal backslash, as [`PayloadWriter::write_escaped`] does.
/// A command with a text that contains a NUL fails without being sent.
///
/// If a payload [may contain a key](Self::may_hold_key), the command that sends it makes the kernel and this library
/// wipe their copies. This requires version 4.20 of the device-mapper ioctl interface (see
/// [`Dm::version`](crate::Dm::version)). On an older kernel the command fails with
/// [`Error::Unsupported`](crate::Error::Unsupported). If `if_possible` is set in the options, such as
/// [`LoadOptions`](crate::LoadOptions::if_possible) or [`MessageOptions`](crate::MessageOptions::if_possible), the
/// command is sent nevertheless, and that kernel does not wipe its copies.
pub trait Payload {
    /// Writes the text into a request.
    ///
    /// # Errors
    /// Formatting the text fails, or the request would exceed 1 GiB.
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result;

    /// Whether the text may contain a key; `false` by default. For strings and byte slices, it is `true` if the text
    /// starts with `key`, in upper or lower case, after any white space.
    ///
    /// Messages that start with `key`, and params of `crypt`, `integrity`, `inlinecrypt` and `default-key`, always
    /// count as secret, even if this returns `false`.
    fn may_hold_key(&self) -> bool {
        false
    }
}

impl<T: Payload + ?Sized> Payload for Box<T> {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        (**self).write(out)
    }

    fn may_hold_key(&self) -> bool {
        (**self).may_hold_key()
    }
}

impl<T: Payload + ?Sized> Payload for &T {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        (**self).write(out)
    }

    #[inline]
    fn may_hold_key(&self) -> bool {
        (**self).may_hold_key()
    }
}

impl Payload for str {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_bytes(self.as_bytes())
    }

    #[inline]
    fn may_hold_key(&self) -> bool {
        sets_a_key(self.as_bytes())
    }
}

impl Payload for String {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_bytes(self.as_bytes())
    }

    #[inline]
    fn may_hold_key(&self) -> bool {
        sets_a_key(self.as_bytes())
    }
}

/// The bytes are sent unchanged.
impl Payload for [u8] {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_bytes(self)
    }

    #[inline]
    fn may_hold_key(&self) -> bool {
        sets_a_key(self)
    }
}

/// The bytes are sent unchanged.
impl Payload for Text<'_> {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_bytes(self.as_bytes())
    }

    fn may_hold_key(&self) -> bool {
        self.is_secret() || sets_a_key(self.as_bytes())
    }
}

/// Text that is formatted from arguments cannot be examined in advance, so it is treated as if it contained a key.
/// Without arguments, it is treated as a string.
impl Payload for fmt::Arguments<'_> {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_fmt(*self)
    }

    fn may_hold_key(&self) -> bool {
        self.as_str().is_none_or(|text| sets_a_key(text.as_bytes()))
    }
}

/// Whether a message may contain a key, like `key set …` of crypt (`crypt_message` in drivers/md/dm-crypt.c).
/// Case is ignored as in the kernel, escapes are considered, and every message that starts with `key` counts.
///
/// This runs on each line of a table, and most texts differ in their first byte.
#[inline]
pub(super) fn sets_a_key(text: &[u8]) -> bool {
    let mut letters = text.iter().skip_while(|&&byte| is_kernel_space(byte)).filter(|&&byte| byte != b'\\');
    b"key".iter().all(|letter| letters.next().is_some_and(|byte| byte.eq_ignore_ascii_case(letter)))
}

/// The kernel's white space between words (`isspace` in lib/ctype.c), which includes the vertical tab and Latin-1's
/// no-break space.
const fn is_kernel_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0xa0)
}

/// Appends the text of a [`Payload`] to a request.
#[derive(Debug)]
pub struct PayloadWriter<'b> {
    buffer: &'b mut Buffer,
    too_large: bool,
}

/// A text in a request is padded to a multiple of this many bytes.
pub(super) const ALIGN: usize = 8;

impl<'b> PayloadWriter<'b> {
    /// Appends a text, a NUL and padding to a request; returns the offset of the end of the text, NUL included.
    ///
    /// The text must not contain a NUL, where the kernel would end it.
    #[inline]
    pub(super) fn append(
        buffer: &'b mut Buffer,
        payload: &impl Payload,
        line: Option<u32>,
    ) -> Result<usize, RequestFault> {
        let start = buffer.bytes().len();
        let mut out = PayloadWriter { buffer, too_large: false };
        if payload.write(&mut out).is_err() {
            return Err(if out.too_large { RequestFault::TooLarge } else { RequestFault::Display { line } });
        }
        let end = out.buffer.bytes().len();
        let text = out.buffer.bytes().get(start..).unwrap_or_default();
        if let Some(at) = first_zero(text) {
            return Err(RequestFault::Nul { line, at });
        }
        out.buffer.append(&[0; ALIGN]);
        Ok(end.saturating_add(1))
    }

    /// Appends bytes unchanged.
    ///
    /// # Errors
    /// The request would exceed 1 GiB. This limit stops an endless `Display` before its output uses all memory.
    #[inline]
    pub fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        if self.buffer.bytes().len().saturating_add(bytes.len()) > MAX_SIZE {
            self.too_large = true;
            return Err(fmt::Error);
        }
        self.buffer.append(bytes);
        Ok(())
    }

    /// Appends bytes with each backslash doubled, because the kernel removes a backslash and keeps the next byte
    /// (`dm_split_args` in drivers/md/dm-table.c).
    ///
    /// # Errors
    /// As [`write_bytes`](Self::write_bytes).
    pub fn write_escaped(&mut self, bytes: &[u8]) -> fmt::Result {
        let mut pieces = bytes.split(|&byte| byte == b'\\');
        self.write_bytes(pieces.next().unwrap_or_default())?;
        pieces.try_for_each(|piece| {
            self.write_bytes(b"\\\\")?;
            self.write_bytes(piece)
        })
    }
}

impl Write for PayloadWriter<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_set_a_key_are_known_by_their_first_word() {
        for secret in ["key set 00ff", "KEY SET 00ff", "  Key wipe", r"\k\e\y set 00", "keys"] {
            assert!(secret.may_hold_key() && secret.as_bytes().may_hold_key(), "{secret}");
            assert!(String::from(secret).may_hold_key() && Text::from(secret).may_hold_key(), "{secret}");
        }
        assert!(b"\x0b\xa0key set 00ff".may_hold_key(), "white space of the kernel's");
        for plain in ["create_thin 1", "", "ke", "@cancel_deferred_remove", "monkey set"] {
            assert!(!plain.may_hold_key() && !Text::from(plain).may_hold_key(), "{plain}");
        }
        assert!(Text::from("anything").secret(true).may_hold_key());
    }

    #[test]
    fn escaped_text_doubles_its_backslashes() {
        let mut buffer = Buffer::default();
        let mut out = PayloadWriter { buffer: &mut buffer, too_large: false };
        out.write_escaped(br"\a\\b\").unwrap();
        out.write_escaped(b"plain").unwrap();
        assert_eq!(buffer.bytes(), br"\\a\\\\b\\plain");
    }

    #[test]
    fn every_form_of_a_text_is_sent_as_it_is() {
        fn sent(payload: impl Payload) -> Vec<u8> {
            let mut buffer = Buffer::default();
            payload.write(&mut PayloadWriter { buffer: &mut buffer, too_large: false }).unwrap();
            buffer.bytes().to_vec()
        }
        let text = r"7:0 \ 1";
        let number = 1;
        let forms = [
            sent(text),
            sent(String::from(text)),
            sent(text.as_bytes()),
            sent(Text::from(text)),
            sent(Box::new(Text::from(text))),
            sent(format_args!(r"7:0 \ {number}")),
        ];
        for form in forms {
            assert_eq!(form, text.as_bytes());
        }
    }
}
