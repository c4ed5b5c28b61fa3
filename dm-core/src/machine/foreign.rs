//! Text that another program chose, such as a mount point or the name of a process.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The largest number of characters that are printed; a mount point can have thousands.
const SHOWN: usize = 200;

/// Text that another program chose: a mount point, the name of a process, the file behind a loop device.
///
/// The bytes are kept unchanged. `Display` and `Debug` print them in double quotes, escape `"`, backslashes and
/// unprintable characters, and print `…` after 200 characters. Printed like this, the text can neither control a
/// terminal nor be mistaken for the words around it.
///
/// ```
/// use dm_core::users::ForeignText;
///
/// let name = ForeignText::new(b"a\x1b[2J\", open in process 1 (init");
/// assert_eq!(name.to_string(), r#""a\u{1b}[2J\", open in process 1 (init""#);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForeignText(Box<[u8]>);

impl ForeignText {
    /// Copies the bytes, which need not be UTF-8.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes without any escaping.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a path. A mount point in another mount namespace is valid only there.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

/// Prints the text in quotes and escaped.
impl fmt::Display for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut left = SHOWN;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if take_one(&mut left) {
                    return f.write_str("\"…");
                }
                match c {
                    '\'' => f.write_char(c)?,
                    _ => write!(f, "{}", c.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                if take_one(&mut left) {
                    return f.write_str("\"…");
                }
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

/// Decrements a counter; returns whether it was 0.
fn take_one(left: &mut usize) -> bool {
    let is_over = *left == 0;
    *left = left.saturating_sub(1);
    is_over
}

/// The same as `Display`.
impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq<str> for ForeignText {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<Path> for ForeignText {
    fn eq(&self, other: &Path) -> bool {
        self.as_path().as_os_str() == other.as_os_str()
    }
}

/// Undoes procfs's escaping of white space, `#` and backslashes in paths, which is a backslash and three octal digits.
pub(crate) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let octal = |digit: &u8| (b'0'..=b'7').contains(digit);
        match (byte, tail) {
            (b'\\', [high @ b'0'..=b'3', middle, low, after @ ..]) if octal(middle) && octal(low) => {
                path.push((high & 3) << 6 | (middle & 7) << 3 | (low & 7));
                rest = after;
            }
            _ => {
                path.push(*byte);
                rest = tail;
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_of_procfs_are_read() {
        assert_eq!(unescaped(br"a\040b\134c\09\999\400\043"), br"a b\c\09\999\400#");
        assert_eq!(unescaped(br"end\"), br"end\");
        assert_eq!(unescaped(br"end\04"), br"end\04");
    }

    #[test]
    fn a_text_equals_a_string_and_a_path_with_the_same_bytes() {
        let text = ForeignText::new(b"/srv/a");
        assert!(text == *"/srv/a" && text != *"/srv/b");
        assert!(text == *Path::new("/srv/a") && text != *Path::new("/srv/b"));
    }

    #[test]
    fn a_long_text_is_cut_when_printed() {
        let text = ForeignText::new(&[b'a'; 5000]);
        assert_eq!(text.to_string(), format!("\"{}\"…", "a".repeat(SHOWN)));
        assert_eq!(text.as_bytes().len(), 5000);
        assert_eq!(ForeignText::new(&[b'a'; SHOWN]).to_string(), format!("\"{}\"", "a".repeat(SHOWN)));
    }

    #[test]
    fn letters_of_any_script_are_shown_and_marks_of_direction_are_not() {
        let shown = |text: &[u8]| ForeignText::new(text).to_string();
        assert_eq!(shown("/srv/диск's".as_bytes()), "\"/srv/диск's\"");
        assert_eq!(shown("a\u{202e}b\u{2066}".as_bytes()), "\"a\\u{202e}b\\u{2066}\"");
        assert_eq!(shown(b"a\xffb\x9b\n"), r#""a\xffb\x9b\n""#);
    }

    proptest! {
        #[test]
        fn nothing_printed_controls_a_terminal_or_ends_the_quotes(bytes: Vec<u8>) {
            let text = ForeignText::new(&bytes);
            for shown in [text.to_string(), format!("{text:?}"), format!("{text:#?}")] {
                prop_assert!(!shown.chars().any(char::is_control));
                let inner = shown.strip_prefix('"').unwrap();
                let inner = inner.strip_suffix('…').unwrap_or(inner).strip_suffix('"').unwrap();
                let mut escaped = false;
                for c in inner.chars() {
                    prop_assert!(c != '"' || escaped);
                    escaped = c == '\\' && !escaped;
                }
                prop_assert!(!escaped);
            }
        }
    }
}
