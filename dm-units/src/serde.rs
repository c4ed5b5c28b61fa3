//! serde: units as numbers, device numbers and versions as text. A number of bytes beyond 64 bits is text in formats for people.

use core::fmt;

use ::serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use ::serde::ser::{Serialize, Serializer};

use crate::{Bytes, DataBlocks, DeviceNumber, MetaBlocks, Sectors, Version};

macro_rules! as_u64 {
    ($($unit:ident),+) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u64(self.0)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                u64::deserialize(deserializer).map(Self)
            }
        }
    )+};
}

as_u64!(Sectors, DataBlocks, MetaBlocks);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A binary format does not record the type of a value, so there the type must always be the same.
        if !serializer.is_human_readable() {
            return serializer.serialize_u128(self.0);
        }
        // Most text formats have no 128-bit numbers, nor has the buffer in which serde keeps flattened fields and
        // untagged enums. Hardly any size needs them.
        match u64::try_from(self.0) {
            Ok(bytes) => serializer.serialize_u64(bytes),
            Err(_) => serializer.collect_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(AnyNumber)
        } else {
            u128::deserialize(deserializer).map(Self)
        }
    }
}

/// Reads a number of bytes in the type that the format has recorded.
struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Bytes, E> {
        Ok(Bytes(bytes.into()))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Bytes, E> {
        let invalid = |_| E::invalid_value(Unexpected::Signed(bytes), &self);
        u128::try_from(bytes).map(Bytes).map_err(invalid)
    }

    fn visit_u128<E: Error>(self, bytes: u128) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        text.parse().map(Bytes).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

macro_rules! as_text {
    ($type:ident, $expected:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    };
}

as_text!(DeviceNumber, "a device number such as \"253:7\"");
as_text!(Version, "a version such as \"4.48.0\"");
