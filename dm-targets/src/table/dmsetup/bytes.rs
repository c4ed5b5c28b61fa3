//! Reads output of dmsetup that is not UTF-8.

use alloc::string::String;
use core::str;

use zeroize::Zeroizing;

/// The output of dmsetup as bytes, for names that are not UTF-8.
///
/// The parsers need text. [`text`](Self::text) returns the output with a `?` in place of each byte that is not UTF-8, and
/// [`bytes_of`](Self::bytes_of) returns the original bytes of a name that was parsed from it.
///
/// ```
/// use dm_targets::{DmsetupOutput, dmsetup_table};
///
/// let output = DmsetupOutput::new(b"caf\xe9: 0 2048 linear 253:0 8\n");
/// let line = dmsetup_table(output.text()).next().expect("a line")?;
/// let name = line.name.expect("a name");
/// assert_eq!((name, output.bytes_of(name)), ("caf?", Some(&b"caf\xe9"[..])));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub struct DmsetupOutput<'a> {
    bytes: &'a [u8],
    /// The text, if it differs from the bytes. It may contain a key.
    text: Option<Zeroizing<String>>,
}

impl<'a> DmsetupOutput<'a> {
    /// Wraps the bytes that dmsetup has printed.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let text = str::from_utf8(bytes).is_err().then(|| {
            // The buffer is allocated in its full size: growing it would leave copies behind.
            let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| '?'));
            }
            text
        });
        Self { bytes, text }
    }

    /// The output as a text with the same length, for the parsers.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.text {
            Some(text) => text,
            None => str::from_utf8(self.bytes).unwrap_or_default(),
        }
    }

    /// The original bytes of `part`; `None` if it is not a slice of [`text`](Self::text).
    #[must_use]
    pub fn bytes_of(&self, part: &str) -> Option<&'a [u8]> {
        let start = part.as_ptr().addr().checked_sub(self.text().as_ptr().addr())?;
        self.bytes.get(start..start.checked_add(part.len())?)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{dmsetup_info, dmsetup_ls, dmsetup_status};

    #[test]
    fn the_original_bytes_of_names_are_found() {
        let bytes = b"\xff\xfe \xc3\xa9: 0 8 zero \nplain: 0 8 zero \n\xe2\x82: 0 8 zero ";
        let output = DmsetupOutput::new(bytes);
        let names: Vec<_> =
            dmsetup_status(output.text()).map(|line| output.bytes_of(line.unwrap().name.unwrap()).unwrap()).collect();
        assert_eq!(names, [&b"\xff\xfe \xc3\xa9"[..], b"plain", b"\xe2\x82"]);
        let output = DmsetupOutput::new(b"\xff\t(254:0)\n");
        let name = dmsetup_ls(output.text()).next().unwrap().unwrap().name;
        assert_eq!((name, output.bytes_of(name)), ("?", Some(&b"\xff"[..])));
        let output = DmsetupOutput::new(b"a\xff 254 7 L--w 0 1 0 \xfe");
        let device = dmsetup_info(output.text()).next().unwrap().unwrap();
        assert_eq!(output.bytes_of(device.name), Some(&b"a\xff"[..]));
        assert_eq!(output.bytes_of(device.uuid.unwrap()), Some(&b"\xfe"[..]));
    }

    #[test]
    fn text_that_is_utf8_is_not_copied() {
        let output = DmsetupOutput::new("é".as_bytes());
        assert_eq!((output.text(), output.text.is_none()), ("é", true));
        assert_eq!(output.bytes_of("another text"), None);
        assert_eq!(output.bytes_of(&output.text()[2..]), Some(&b""[..]));
    }
}
