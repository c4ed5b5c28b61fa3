//! The integers that units are multiplied and divided by.

/// An integer by which a unit can be multiplied and divided. `T` is the type of the unit's number, `u64` or `u128`.
///
/// Implemented for `u8`, `u16`, `u32`, `u64`, `usize` and `i32`, for [`Bytes`](crate::Bytes) also for `u128`, and for
/// references to these types. `i32` is the type of a literal without a suffix, so `unit * 2` compiles.
///
/// The trait is sealed: other crates cannot implement it.
///
/// ```
/// use dm_units::{Bytes, Sectors};
///
/// let (stripes, chunk): (u32, usize) = (3, 128);
/// assert_eq!(Sectors(1000) / stripes % chunk, Sectors(77));
/// assert_eq!(chunk * Sectors(2), Sectors(256));
/// assert_eq!(Bytes(5) * u128::from(u64::MAX) / 5, Bytes(u64::MAX.into()));
/// ```
pub trait Factor<T>: sealed::Sealed<T> {}

pub(crate) mod sealed {
    pub trait Sealed<T> {
        /// The same number, or `None` if it is negative or too large.
        fn to_number(self) -> Option<T>;
    }
}

macro_rules! factors {
    ($number:ident: $($integer:ident)+) => {$(
        impl Factor<$number> for $integer {}
        impl Factor<$number> for &$integer {}

        impl sealed::Sealed<$number> for $integer {
            #[inline]
            fn to_number(self) -> Option<$number> {
                $number::try_from(self).ok()
            }
        }

        impl sealed::Sealed<$number> for &$integer {
            #[inline]
            fn to_number(self) -> Option<$number> {
                $number::try_from(*self).ok()
            }
        }
    )+};
}

factors!(u64: u8 u16 u32 u64 usize i32);
factors!(u128: u8 u16 u32 u64 u128 usize i32);
