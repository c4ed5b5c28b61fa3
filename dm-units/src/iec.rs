//! The binary multiples of IEC 80000-13, as plain numbers: [`KI`] is 1024, [`MI`] is 1024 × 1024, and so on.
//!
//! ```
//! use dm_units::{Bytes, Sectors, iec};
//!
//! assert_eq!(Bytes::from(4 * iec::GI), Bytes(4_294_967_296));
//! assert_eq!(Bytes(4 * iec::wide::GI).to_sectors_exact(), Some(Sectors(8 * iec::MI)));
//! ```
//!
//! The multiples are not tied to a unit: `Sectors(iec::GI)` is 2³⁰ sectors, or 512 GiB. [`EI`] is the largest multiple
//! that fits in a `u64`. [`wide`] has the same multiples and two larger ones as `u128`, the number type of
//! [`Bytes`](crate::Bytes).

macro_rules! multiples {
    ($number:ident: $($(#[$doc:meta])* $name:ident = $power:literal;)+) => {$(
        $(#[$doc])*
        pub const $name: $number = 1 << (10 * $power);
    )+};
}

multiples! { u64:
    /// Kibi: 2¹⁰.
    KI = 1;
    /// Mebi: 2²⁰.
    MI = 2;
    /// Gibi: 2³⁰.
    GI = 3;
    /// Tebi: 2⁴⁰.
    TI = 4;
    /// Pebi: 2⁵⁰.
    PI = 5;
    /// Exbi: 2⁶⁰.
    EI = 6;
}

/// The binary multiples as `u128`, from kibi to yobi.
pub mod wide {
    multiples! { u128:
        /// Kibi: 2¹⁰.
        KI = 1;
        /// Mebi: 2²⁰.
        MI = 2;
        /// Gibi: 2³⁰.
        GI = 3;
        /// Tebi: 2⁴⁰.
        TI = 4;
        /// Pebi: 2⁵⁰.
        PI = 5;
        /// Exbi: 2⁶⁰.
        EI = 6;
        /// Zebi: 2⁷⁰.
        ZI = 7;
        /// Yobi: 2⁸⁰.
        YI = 8;
    }
}
