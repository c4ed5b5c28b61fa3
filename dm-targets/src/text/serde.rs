//! Serialization of types as their text.

/// Implements serde for a type as the string that `Display` prints, parsed again with a function.
macro_rules! as_text {
    ($name:ty, $read:expr $(, $kind:ident: $bound:path)?) => {
        #[cfg(feature = "serde")]
        impl$(<$kind: $bound>)? ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de, $($kind: $bound)?> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::text::serde::ReadText($read))
            }
        }
    };
}

pub(crate) use as_text;

/// Deserializes a string and parses it with a function.
#[cfg(feature = "serde")]
pub(crate) struct ReadText<T, E>(pub(crate) fn(&str) -> Result<T, E>);

#[cfg(feature = "serde")]
impl<T, E: core::fmt::Display> ::serde::de::Visitor<'_> for ReadText<T, E> {
    type Value = T;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a device-mapper text")
    }

    fn visit_str<D: ::serde::de::Error>(self, text: &str) -> Result<T, D> {
        (self.0)(text).map_err(D::custom)
    }
}

/// Parses a text without quotes.
#[cfg(feature = "serde")]
pub(crate) fn read_word<T: crate::Value>(text: &str) -> Result<T, crate::Problem> {
    T::read(crate::Word::plain(text))
}

as_text!(crate::Device, read_word);
as_text!(crate::WordBuf, read_word);
