//! Conversions between units and integers: `From` where every number fits, `TryFrom` elsewhere.

use core::num::TryFromIntError;

use crate::units::{Bytes, DataBlocks, MetaBlocks, Sectors};

const _: () = assert!(usize::BITS <= u64::BITS, "a usize must fit in a u64");

macro_rules! from_integers {
    ($unit:ident($number:ident): $($integer:ident)+) => {
        $(
            impl From<$integer> for $unit {
                #[inline]
                fn from(number: $integer) -> Self {
                    Self(number.into())
                }
            }
        )+

        impl From<usize> for $unit {
            #[inline]
            fn from(number: usize) -> Self {
                Self(number as $number)
            }
        }

        impl From<$unit> for $number {
            #[inline]
            fn from(unit: $unit) -> Self {
                unit.0
            }
        }
    };
}

macro_rules! try_from_integers {
    ($unit:ident: $($integer:ident)+) => {$(
        impl TryFrom<$integer> for $unit {
            type Error = TryFromIntError;

            #[inline]
            fn try_from(number: $integer) -> Result<Self, TryFromIntError> {
                number.try_into().map(Self)
            }
        }
    )+};
}

macro_rules! try_into_integers {
    ($unit:ident: $($integer:ident)+) => {$(
        impl TryFrom<$unit> for $integer {
            type Error = TryFromIntError;

            #[inline]
            fn try_from(unit: $unit) -> Result<Self, TryFromIntError> {
                unit.0.try_into()
            }
        }
    )+};
}

macro_rules! integers {
    ($($unit:ident)+) => {$(
        from_integers!($unit(u64): u8 u16 u32 u64);
        try_from_integers!($unit: u128 i32 i64 isize);
        try_into_integers!($unit: u32 usize i64);

        impl From<$unit> for u128 {
            #[inline]
            fn from(unit: $unit) -> Self {
                unit.0.into()
            }
        }
    )+};
}

integers!(Sectors DataBlocks MetaBlocks);
from_integers!(Bytes(u128): u8 u16 u32 u64 u128);
try_from_integers!(Bytes: i32 i64 isize);
try_into_integers!(Bytes: u32 u64 usize i64);
