//! Names and uuids of mapped devices, checked once.
//!
//! The kernel takes any bytes but NUL in both, and refuses `/` in names; spaces, quotes, newlines and text in any encoding
//! are allowed (`check_name` and `dev_create` in drivers/md/dm-ioctl.c). Since interface 4.48 it also refuses the names
//! `control`, `.` and `..`; that is left to the running kernel.

use core::borrow::Borrow;
use core::fmt;

use dm_sys::{DM_NAME_LEN, DM_UUID_LEN};

use crate::id::mangle::{self, MangleError, Mangled};
use crate::id::text::write_lossy;

/// Why bytes can't be the name or uuid of a mapped device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no byte at all.
    #[error("a {what} of a mapped device can't be empty")]
    Empty {
        /// `name` or `uuid`.
        what: &'static str,
    },
    /// There are more bytes than the kernel keeps.
    #[error("this {what} has {len} bytes; the kernel takes at most {max}")]
    TooLong {
        /// `name` or `uuid`.
        what: &'static str,
        /// Length in bytes.
        len: usize,
        /// The most the kernel takes, in bytes.
        max: usize,
    },
    /// A byte the kernel or the links in `/dev` can't have.
    #[error("a {what} of a mapped device can't contain {}: byte {at}", byte_name(*.byte))]
    Forbidden {
        /// `name` or `uuid`.
        what: &'static str,
        /// The byte: NUL or `/`.
        byte: u8,
        /// Where it stands, counted from 0.
        at: usize,
    },
}

fn byte_name(byte: u8) -> &'static str {
    if byte == 0 { "a NUL" } else { "a '/'" }
}

fn check(what: &'static str, max: usize, bytes: &[u8]) -> Result<(), NameError> {
    if bytes.is_empty() {
        return Err(NameError::Empty { what });
    }
    if bytes.len() > max {
        return Err(NameError::TooLong { what, len: bytes.len(), max });
    }
    let forbidden = bytes.iter().enumerate().find(|(_, byte)| matches!(byte, 0 | b'/'));
    match forbidden {
        Some((at, &byte)) => Err(NameError::Forbidden { what, byte, at }),
        None => Ok(()),
    }
}

/// The borrowed and the owned form of a checked identifier: what a name can do, a uuid can, too.
macro_rules! identifier {
    ($(#[$borrowed_doc:meta])* $Borrowed:ident, $(#[$owned_doc:meta])* $Owned:ident, $what:literal, $len:ident) => {
        $(#[$borrowed_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Borrowed<'a>(&'a [u8]);

        impl<'a> $Borrowed<'a> {
            /// The most bytes it can have.
            pub const MAX_LEN: usize = $len - 1;

            #[doc = concat!("Checks bytes or text and takes them as a ", $what, ".")]
            ///
            /// # Errors
            /// Empty, too long, or with a NUL or `/` in it.
            pub fn new<B: AsRef<[u8]> + ?Sized>(bytes: &'a B) -> Result<Self, NameError> {
                let bytes = bytes.as_ref();
                check($what, Self::MAX_LEN, bytes)?;
                Ok(Self(bytes))
            }

            /// Takes what the kernel reports, which is right by definition; `None` where it is empty.
            pub(crate) fn from_kernel(bytes: &'a [u8]) -> Option<Self> {
                (!bytes.is_empty()).then_some(Self(bytes))
            }

            /// The bytes, without a NUL.
            #[must_use]
            pub const fn as_bytes(self) -> &'a [u8] {
                self.0
            }

            /// As a string slice, where it is UTF-8.
            #[must_use]
            pub const fn to_str(self) -> Option<&'a str> {
                match core::str::from_utf8(self.0) {
                    Ok(text) => Some(text),
                    Err(_) => None,
                }
            }

            /// The form in which libdm, udev and `/dev/mapper` show it: `my\x20disk`.
            #[must_use]
            pub const fn mangled(self) -> Mangled<'a> {
                Mangled::new(self.0)
            }

            /// An owned copy.
            #[must_use]
            pub fn to_owned(self) -> $Owned {
                $Owned(self.0.into())
            }
        }

        /// Prints the text; what is not UTF-8 is shown as U+FFFD.
        impl fmt::Display for $Borrowed<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.to_str() {
                    Some(text) => f.pad(text),
                    None => write_lossy(f, self.0),
                }
            }
        }

        /// Prints the mangled form in quotes, which is never ambiguous.
        impl fmt::Debug for $Borrowed<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{}\"", self.mangled())
            }
        }

        impl AsRef<[u8]> for $Borrowed<'_> {
            fn as_ref(&self) -> &[u8] {
                self.0
            }
        }

        impl PartialEq<str> for $Borrowed<'_> {
            fn eq(&self, other: &str) -> bool {
                self.0 == other.as_bytes()
            }
        }

        impl PartialEq<&str> for $Borrowed<'_> {
            fn eq(&self, other: &&str) -> bool {
                self.0 == other.as_bytes()
            }
        }

        $(#[$owned_doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Owned(Box<[u8]>);

        impl $Owned {
            #[doc = concat!("Checks bytes or text and keeps a copy of them as a ", $what, ".")]
            ///
            /// # Errors
            /// Empty, too long, or with a NUL or `/` in it.
            pub fn new<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Result<Self, NameError> {
                $Borrowed::new(bytes).map($Borrowed::to_owned)
            }

            /// Reads the form in which libdm, udev and `/dev/mapper` show it: `my\x20disk`.
            ///
            /// # Errors
            /// A byte that should be escaped, an escape that is not `\x` and two hexadecimal digits, or a result that
            #[doc = concat!("can't be a ", $what, ".")]
            pub fn from_mangled(text: &str) -> Result<Self, MangleError> {
                let bytes = mangle::unmangle(text)?;
                check($what, $Borrowed::MAX_LEN, &bytes)?;
                Ok(Self(bytes.into()))
            }

            /// The borrowed form, which all commands take.
            #[must_use]
            pub fn as_borrowed(&self) -> $Borrowed<'_> {
                $Borrowed(&self.0)
            }
        }

        impl fmt::Display for $Owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.as_borrowed().fmt(f)
            }
        }

        impl fmt::Debug for $Owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.as_borrowed().fmt(f)
            }
        }

        impl AsRef<[u8]> for $Owned {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// Lets a map with owned keys be asked by bytes: `map.get(name.as_bytes())`.
        impl Borrow<[u8]> for $Owned {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }

        impl core::str::FromStr for $Owned {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl<'a> From<&'a $Owned> for $Borrowed<'a> {
            fn from(owned: &'a $Owned) -> Self {
                $Borrowed(&owned.0)
            }
        }

        impl From<$Borrowed<'_>> for $Owned {
            fn from(borrowed: $Borrowed<'_>) -> Self {
                borrowed.to_owned()
            }
        }

        /// Serialises in the mangled form, which is text whatever the bytes are.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $Borrowed<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.mangled())
            }
        }

        /// Serialises in the mangled form, which is text whatever the bytes are.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $Owned {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.as_borrowed().serialize(serializer)
            }
        }

        /// Reads the mangled form.
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $Owned {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::from_mangled(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// The name of a mapped device, borrowed: 1 to 127 bytes without NUL and `/`.
    DmName,
    /// The name of a mapped device, owned: 1 to 127 bytes without NUL and `/`.
    DmNameBuf,
    "name",
    DM_NAME_LEN
);

identifier!(
    /// The uuid of a mapped device, borrowed: 1 to 128 bytes without NUL and `/`.
    ///
    /// It's any text that is unique on this host. By convention it begins with its maker: `LVM-…`, `CRYPT-…`, `mpath-…`.
    /// The kernel itself would take a `/`; a uuid that has one is reported as it is, and can be used to name its device.
    DmUuid,
    /// The uuid of a mapped device, owned: 1 to 128 bytes without NUL and `/`.
    DmUuidBuf,
    "uuid",
    DM_UUID_LEN
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_takes_is_taken() {
        for good in ["a", "my disk", "\u{434}\u{438}\u{441}\u{43a} 1", "quote\"", "line\nfeed", "control", ".."] {
            assert_eq!(DmName::new(good).unwrap(), good);
        }
        assert!(DmName::new(&[0xff, 0xa0][..]).is_ok());
        assert!(DmName::new(&"n".repeat(127)).is_ok());
        assert!(DmUuid::new(&"u".repeat(128)).is_ok());
    }

    #[test]
    fn errors_say_what_and_where() {
        let says = |bytes: &str| DmName::new(bytes).unwrap_err().to_string();
        assert_eq!(says(""), "a name of a mapped device can't be empty");
        assert_eq!(says(&"n".repeat(128)), "this name has 128 bytes; the kernel takes at most 127");
        assert_eq!(says("a/b"), "a name of a mapped device can't contain a '/': byte 1");
        assert_eq!(says("ab\0"), "a name of a mapped device can't contain a NUL: byte 2");
        let uuid = DmUuid::new(&"u".repeat(129)).unwrap_err().to_string();
        assert_eq!(uuid, "this uuid has 129 bytes; the kernel takes at most 128");
    }

    #[test]
    fn a_map_of_owned_names_is_asked_by_bytes() {
        let map = std::collections::HashMap::from([(DmNameBuf::new("a").unwrap(), 1)]);
        assert_eq!(map.get(&b"a"[..]), Some(&1));
    }

    #[test]
    fn the_mangled_form_reads_back() {
        let name = DmName::new("my disk").unwrap();
        assert_eq!(name.mangled().to_string(), r"my\x20disk");
        assert_eq!(DmNameBuf::from_mangled(r"my\x20disk").unwrap(), name.to_owned());
        assert_eq!(
            DmNameBuf::from_mangled(r"a\x2fb").unwrap_err().to_string(),
            "a name of a mapped device can't contain a '/': byte 1"
        );
    }
}
