//! The common implementation of names and uuids: a borrowed and an owned form, like [`Path`](std::path::Path) and
//! [`PathBuf`](std::path::PathBuf).

/// Why a text is not a valid name or uuid of a mapped device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("a {what} of a mapped device cannot be empty")]
    Empty {
        /// `name` or `uuid`.
        what: &'static str,
    },
    /// The text has more bytes than the kernel accepts.
    #[error("this {what} has {len} bytes; the kernel takes at most {max}")]
    TooLong {
        /// `name` or `uuid`.
        what: &'static str,
        /// The length in bytes.
        len: usize,
        /// The largest length that the kernel accepts, in bytes.
        max: usize,
    },
    /// The text contains a byte that a name or uuid cannot have.
    #[error("a {what} of a mapped device cannot contain {}: byte {at}", byte_name(*.byte))]
    Forbidden {
        /// `name` or `uuid`.
        what: &'static str,
        /// The byte: NUL or `/`.
        byte: u8,
        /// The position of the byte, from 0.
        at: usize,
    },
    /// [`Naming::Auto`](crate::Naming::Auto) cannot tell whether the text is mangled: it has both escapes and
    /// characters that need an escape, or it has an incomplete escape (`\x` without two hexadecimal digits).
    #[error(
        "this {what} has escapes such as \\x20 as well as characters that need an escape, or an incomplete escape, \
         byte {at}: escape all of them or none"
    )]
    #[non_exhaustive]
    Mixed {
        /// `name` or `uuid`.
        what: &'static str,
        /// The position, from 0, of the incomplete escape. If the text has both escapes and characters that need an
        /// escape, the position at which the second of the two kinds first appears.
        at: usize,
    },
    /// The text contains an escape whose backslash is itself escaped, such as `\x5cx20`.
    /// [`Naming::Auto`](crate::Naming::Auto) refuses this.
    #[error("this {what} is escaped twice, byte {at}: use the naming mode `Hex` for such names, or the kernel's name")]
    #[non_exhaustive]
    Twice {
        /// `name` or `uuid`.
        what: &'static str,
        /// The position of the escape, from 0.
        at: usize,
    },
}

fn byte_name(byte: u8) -> &'static str {
    if byte == 0 { "a NUL" } else { "a '/'" }
}

/// Inlined so that the forbidden bytes are constants, which makes the check four times as fast.
#[inline]
pub(super) fn check(what: &'static str, max: usize, forbidden: &[u8], bytes: &[u8]) -> Result<(), NameError> {
    if bytes.is_empty() {
        return Err(NameError::Empty { what });
    }
    if bytes.len() > max {
        return Err(NameError::TooLong { what, len: bytes.len(), max });
    }
    match bytes.iter().enumerate().find(|(_, byte)| forbidden.contains(byte)) {
        Some((at, &byte)) => Err(NameError::Forbidden { what, byte, at }),
        None => Ok(()),
    }
}

/// Defines the borrowed and the owned form of a checked identifier, with the same methods for names and uuids.
macro_rules! identifier {
    ($(#[$borrowed_doc:meta])* $Borrowed:ident, $(#[$owned_doc:meta])* $Owned:ident,
     $what:literal, $len:ident, $forbidden:literal $(, $(#[$shown_doc:meta])+ shown)?) => {
        $(#[$borrowed_doc])*
        #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $Borrowed([u8]);

        impl $Borrowed {
            /// The maximum length in bytes; the kernel's terminating NUL does not count.
            pub const MAX_LEN: usize = $len - 1;

            #[doc = concat!("Checks the bytes, and returns them as a ", $what, ".")]
            ///
            /// # Errors
            /// [`NameError::Empty`], [`NameError::TooLong`].
            #[doc = concat!("[`NameError::Forbidden`]: the text contains a byte that a ", $what, " cannot have.")]
            pub fn new<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Result<&Self, NameError> {
                let bytes = bytes.as_ref();
                check($what, Self::MAX_LEN, $forbidden, bytes)?;
                Ok(Self::unchecked(bytes))
            }

            /// Wraps bytes that the kernel reports; `None` if they are empty or too long.
            #[inline]
            pub(crate) fn from_kernel(bytes: &[u8]) -> Option<&Self> {
                (!bytes.is_empty() && bytes.len() <= Self::MAX_LEN).then_some(Self::unchecked(bytes))
            }

            #[expect(unsafe_code, reason = "an unsized type is made by a pointer cast, as `Path` is in std")]
            const fn unchecked(bytes: &[u8]) -> &Self {
                // SAFETY: the struct is `repr(transparent)` over `[u8]`, so both pointers have the same layout and
                // metadata, and every slice of bytes is a valid value of it. The lifetime is that of the argument.
                unsafe { &*(core::ptr::from_ref(bytes) as *const Self) }
            }

            /// The bytes, without the terminating NUL.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The text as a string slice, or `None` if it is not UTF-8.
            #[must_use]
            pub const fn to_str(&self) -> Option<&str> {
                match core::str::from_utf8(&self.0) {
                    Ok(text) => Some(text),
                    Err(_) => None,
                }
            }

            /// Returns the mangled form: every byte outside `0-9 A-Z a-z # + - . : = @ _` is written as `\x` and two
            /// lower-case hexadecimal digits.
            ///
            #[doc = concat!("[`from_mangled`](", stringify!($Owned), "::from_mangled) reads it back.")]
            #[must_use]
            pub const fn mangled(&self) -> Mangled<'_> {
                Mangled::new(&self.0)
            }

            /// Returns the mangled form. Text that is already mangled is returned unchanged, such as names that libdm has
            /// mangled.
            $($(#[$shown_doc])+)?
            #[must_use]
            pub const fn shown(&self) -> Mangled<'_> {
                Mangled::keeping(&self.0)
            }
        }

        /// Prints the text; U+FFFD replaces bytes that are not UTF-8.
        impl fmt::Display for $Borrowed {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.to_str() {
                    Some(text) => f.pad(text),
                    None => write_lossy(f, &self.0),
                }
            }
        }

        /// Prints the mangled form in quotes, which is unambiguous.
        impl fmt::Debug for $Borrowed {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{}\"", self.mangled())
            }
        }

        impl ToOwned for $Borrowed {
            type Owned = $Owned;

            fn to_owned(&self) -> $Owned {
                $Owned(self.0.into())
            }
        }

        impl AsRef<[u8]> for $Borrowed {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl AsRef<$Borrowed> for $Borrowed {
            fn as_ref(&self) -> &$Borrowed {
                self
            }
        }

        impl PartialEq<str> for $Borrowed {
            fn eq(&self, other: &str) -> bool {
                self.0 == *other.as_bytes()
            }
        }

        impl PartialEq<$Borrowed> for str {
            fn eq(&self, other: &$Borrowed) -> bool {
                other == self
            }
        }

        impl PartialEq<&str> for $Borrowed {
            fn eq(&self, other: &&str) -> bool {
                self == *other
            }
        }

        $(#[$owned_doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Owned(Box<[u8]>);

        impl $Owned {
            #[doc = concat!("Checks the bytes, and copies them into a ", $what, ".")]
            ///
            /// # Errors
            /// [`NameError::Empty`], [`NameError::TooLong`].
            #[doc = concat!("[`NameError::Forbidden`]: the text contains a byte that a ", $what, " cannot have.")]
            pub fn new<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Result<Self, NameError> {
                $Borrowed::new(bytes).map($Borrowed::to_owned)
            }

            #[doc = concat!("Reads what [`mangled`](", stringify!($Borrowed), "::mangled) prints: `my\\x20disk`.")]
            ///
            /// # Errors
            /// [`MangleError::Unescaped`], [`MangleError::BadEscape`].
            #[doc = concat!("[`MangleError::Name`]: the result is not a valid ", $what, ".")]
            pub fn from_mangled(text: &str) -> Result<Self, MangleError> {
                let bytes = mangle::unmangle(text)?;
                check($what, $Borrowed::MAX_LEN, $forbidden, &bytes)?;
                Ok(Self(bytes.into()))
            }
        }

        impl Deref for $Owned {
            type Target = $Borrowed;

            fn deref(&self) -> &$Borrowed {
                $Borrowed::unchecked(&self.0)
            }
        }

        impl Borrow<$Borrowed> for $Owned {
            fn borrow(&self) -> &$Borrowed {
                self
            }
        }

        impl AsRef<$Borrowed> for $Owned {
            fn as_ref(&self) -> &$Borrowed {
                self
            }
        }

        impl AsRef<[u8]> for $Owned {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $Owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.deref().fmt(f)
            }
        }

        impl fmt::Debug for $Owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.deref().fmt(f)
            }
        }

        impl PartialEq<$Borrowed> for $Owned {
            fn eq(&self, other: &$Borrowed) -> bool {
                **self == *other
            }
        }

        impl PartialEq<&$Borrowed> for $Owned {
            fn eq(&self, other: &&$Borrowed) -> bool {
                **self == **other
            }
        }

        impl PartialEq<$Owned> for $Borrowed {
            fn eq(&self, other: &$Owned) -> bool {
                *self == **other
            }
        }

        impl PartialEq<$Owned> for &$Borrowed {
            fn eq(&self, other: &$Owned) -> bool {
                **self == **other
            }
        }

        impl PartialEq<str> for $Owned {
            fn eq(&self, other: &str) -> bool {
                **self == *other
            }
        }

        impl PartialEq<&str> for $Owned {
            fn eq(&self, other: &&str) -> bool {
                **self == **other
            }
        }

        impl core::str::FromStr for $Owned {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $Owned {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $Owned {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl<'a> TryFrom<&'a str> for &'a $Borrowed {
            type Error = NameError;

            fn try_from(text: &'a str) -> Result<Self, NameError> {
                $Borrowed::new(text)
            }
        }

        impl From<&$Borrowed> for $Owned {
            fn from(borrowed: &$Borrowed) -> Self {
                borrowed.to_owned()
            }
        }

        /// Serializes the mangled form, which is always text.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $Borrowed {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.mangled())
            }
        }

        /// Serializes the mangled form, which is always text.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $Owned {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.deref().serialize(serializer)
            }
        }

        /// Deserializes the mangled form.
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $Owned {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::from_mangled(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use identifier;
