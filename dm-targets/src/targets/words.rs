//! `FromStr` and `Display` for types that are printed as one word.
//!
//! Enums made by [`keywords!`](crate::option::keywords) implement both themselves.

use core::fmt;
use core::str::FromStr;

use crate::cache::{CacheBlocks, CacheValue};
use crate::crypt::{Cipher, CryptIntegrity, CryptKey, KeyringKey};
use crate::flakey::Direction;
use crate::inlinecrypt::InlineKeyType;
use crate::integrity::{KeyedAlgorithm, Recalculation};
use crate::pcache::{HexFlags, SegmentOffset};
use crate::switch::RegionMapping;
use crate::thin::ThinDevId;
use crate::vdo::{VdoIndexMemory, VdoSectorSize};
use crate::verity::{FecCorrections, Hex};
use crate::zoned::Zones;
use crate::{Device, DevicePath, Key, Printer, Problem, Usage, Value, Word, WordBuf};

macro_rules! from_str {
    ($about:literal; $($type:ty),+ $(,)?) => {$(
        #[doc = $about]
        impl FromStr for $type {
            type Err = Problem;

            fn from_str(text: &str) -> Result<Self, Problem> {
                Self::read(Word::plain(text))
            }
        }
    )+};
}

macro_rules! display {
    ($($type:ty),+ $(,)?) => {$(
        /// Prints the word without quotes.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Printer::printed(f).put(self).end()
            }
        }
    )+};
}

from_str!("The same as [`new`](Self::new)."; WordBuf, Device, Hex, Cipher);
// No `Display`: these types may contain a key, which it would show.
from_str!(
    "Parses the text as one word, in which a backslash is an ordinary character.";
    DevicePath, Key, CryptKey, KeyringKey, KeyedAlgorithm,
);
from_str!(
    "Parses the word that `Display` prints.";
    ThinDevId, CacheBlocks, CacheValue, CryptIntegrity, Direction, FecCorrections, HexFlags, InlineKeyType,
    Recalculation, RegionMapping, SegmentOffset, VdoIndexMemory, VdoSectorSize, Zones,
);
display!(CacheBlocks, CacheValue, CryptIntegrity, Direction, FecCorrections, HexFlags, InlineKeyType, Recalculation);
display!(RegionMapping, SegmentOffset, VdoIndexMemory, VdoSectorSize, Zones);

/// Parses `used/total`.
impl<T: Value> FromStr for Usage<T> {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::read(Word::plain(text))
    }
}

/// Prints `used/total`.
impl<T: Value> fmt::Display for Usage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::printed(f).put(self).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<T: FromStr<Err = Problem> + fmt::Display>(words: &[&str]) {
        for word in words {
            let value: T = word.parse().unwrap_or_else(|problem| panic!("{word}: {problem}"));
            assert_eq!(value.to_string(), *word);
        }
    }

    #[test]
    fn words_are_read_from_what_they_print() {
        there_and_back::<Device>(&["254:0", "/dev/a b"]);
        there_and_back::<WordBuf>(&["a\\b"]);
        there_and_back::<Hex>(&["00ff"]);
        there_and_back::<Cipher>(&["aes-xts-plain64"]);
        there_and_back::<ThinDevId>(&["16777215"]);
        there_and_back::<CacheBlocks>(&["1", "1-5"]);
        there_and_back::<CacheValue>(&["1", "any"]);
        there_and_back::<CryptIntegrity>(&["28:aead"]);
        there_and_back::<Direction>(&["r", "w"]);
        there_and_back::<FecCorrections>(&["-", "7"]);
        there_and_back::<HexFlags>(&["1f"]);
        there_and_back::<InlineKeyType>(&["raw", "hw-wrapped", "3"]);
        there_and_back::<Recalculation>(&["-", "7"]);
        there_and_back::<RegionMapping>(&["1a:0", ":1", "R2,ff"]);
        there_and_back::<SegmentOffset>(&["1:2"]);
        there_and_back::<VdoIndexMemory>(&["0.25", "0.50", "0.75", "7"]);
        there_and_back::<VdoSectorSize>(&["512", "4096"]);
        there_and_back::<Zones>(&["1/2"]);
        there_and_back::<Usage<u64>>(&["1/2"]);
    }

    #[test]
    fn words_that_may_be_keys_are_read_and_not_shown() {
        assert_eq!("00ff".parse::<Key>().unwrap().hex(), "00ff");
        assert_eq!("-".parse(), Ok(CryptKey::Empty));
        assert_eq!(":8:user:a".parse::<KeyringKey>().unwrap().description(), "a");
        assert_eq!("hmac(sha256):00ff".parse::<KeyedAlgorithm>().unwrap().algorithm(), "hmac(sha256)");
        assert_eq!("0".parse::<Key>(), Err(Problem::NotHex));
    }

    #[test]
    fn a_path_is_not_a_number() {
        assert_eq!("/dev/a".parse::<DevicePath>().unwrap().as_str(), "/dev/a");
        assert_eq!("254:0".parse::<DevicePath>().unwrap_err().to_string(), "must be the path of a device node");
    }
}
