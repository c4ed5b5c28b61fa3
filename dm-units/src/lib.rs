//! Units of block storage: [`Sectors`], [`Bytes`], [`DataBlocks`], [`MetaBlocks`], [`DeviceNumber`] and [`Version`].
//!
//! A count of sectors and a count of bytes are both just numbers, and mixing them up destroys data. With a separate
//! type for each, the compiler keeps them apart.
//!
//! ```
//! use dm_units::{DataBlocks, DeviceNumber, Sectors};
//!
//! # fn main() -> Result<(), dm_units::ParseUnitError> {
//! let device: Sectors = "1.5 GiB".parse()?;
//! assert_eq!(device, Sectors(3_145_728));
//! assert_eq!(device + Sectors(8), Sectors(3_145_736));
//!
//! // `{}` prints the bare number, as the kernel reads it; `{:#}` prints it for people.
//! assert_eq!(format!("0 {device} linear {} 0", DeviceNumber::new(253, 7)), "0 3145728 linear 253:7 0");
//! assert_eq!(format!("{device:#}"), "1.5 GiB");
//!
//! // A conversion that can lose something states in its name how it rounds.
//! let block_size = Sectors(128);
//! assert_eq!(Sectors(1000).to_data_blocks_floor(block_size), Some(DataBlocks(7)));
//! assert_eq!(Sectors(1000).to_data_blocks_ceil(block_size), Some(DataBlocks(8)));
//! assert_eq!(Sectors(1000).to_data_blocks_exact(block_size), None);
//! # Ok(())
//! # }
//! ```
//!
//! # Arithmetic
//!
//! | expression | is |
//! |---|---|
//! | `unit + unit`, `unit - unit`, sums | a unit |
//! | `unit * number`, `number * unit`, `unit / number`, `unit % number` | a unit |
//! | `unit / unit` | a number |
//! | `unit % unit` | a unit |
//!
//! A number is an integer of any of the types that [`Factor`] names. [`iec`] has 1024, 1024 × 1024 and so on as
//! constants.
//!
//! Operators never wrap: on overflow, on division by zero and for a negative factor or divisor they panic, in every
//! build profile. For numbers from users, files or the kernel use the `checked_*` and `saturating_*` methods, which
//! never panic.
//!
//! # Integers
//!
//! `From` converts `u8`, `u16`, `u32`, `u64` and `usize` to a unit, `u128` to [`Bytes`], and a unit to the type of its
//! field and to `u128`; `TryFrom` converts `i32`, `i64`, `isize` and `u128` to a unit, a unit to `u32`, `usize` and
//! `i64`, and [`Bytes`] to `u64`. The number itself is the field `.0`. One unit is converted to another by methods; the
//! name of each that rounds says how.
//!
//! ```
//! use dm_units::{Bytes, Sectors, iec};
//!
//! let file_length: u64 = 3 * iec::MI;
//! assert_eq!(Bytes::from(file_length).to_sectors_exact(), Some(Sectors(6144)));
//! assert_eq!(usize::try_from(Sectors(6144).to_bytes())?, 3_145_728);
//! # Ok::<(), std::num::TryFromIntError>(())
//! ```
//!
//! # Text
//!
//! `Display` writes the bare number. With the alternate flag, `{:#}`, a size is written in the largest of B, KiB, MiB,
//! GiB, TiB, PiB, EiB, ZiB and YiB that keeps it at one or more, with at most two decimals, rounded to nearest, halves
//! up. A size that rounds to 1024 of a unit is written as 1 of the next larger one. Zero is written as `0 B`.
//! [`DataBlocks`], whose size is not known, are written as `16 blocks`. Width, fill and alignment work as for numbers;
//! a precision is ignored.
//!
//! `FromStr` reads the following forms. A text that `{:#}` has rounded is refused or read as another size, so store the
//! bare number.
//!
//! - a bare number, counted in the type's unit: `16`;
//! - a number with or without a fraction, at most one space, and one of `B`, `KiB`, `MiB`, `GiB`, `TiB`, `PiB`, `EiB`,
//!   `ZiB`, `YiB`, or `s` for sectors: `16MiB`, `1.5 GiB`, `8s`. The size must be a whole number of the type's unit;
//! - for [`DataBlocks`], only `block` or `blocks` as the unit: `16 blocks`.
//!
//! `M`, `MB` and their like are refused: to some programs they are powers of 1000, to others powers of 1024.
//!
//! # Features
//!
//! `serde`: units as numbers, device numbers and versions as text such as `"253:7"` and `"4.48.0"`. Formats for people hold a
//! number of bytes beyond 64 bits as text.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]

#[macro_use]
mod arithmetic;
pub mod decimal;
mod device_number;
mod error;
mod factor;
pub mod iec;
mod integers;
#[cfg(feature = "serde")]
mod serde;
mod text;
mod units;
mod version;

pub use device_number::DeviceNumber;
pub use error::{ParseUnitError, ParseUnitErrorKind};
pub use factor::Factor;
pub use units::{Bytes, DataBlocks, META_BLOCK_SIZE, MetaBlocks, SECTOR_SIZE, Sectors};
pub use version::Version;

/// Compiles and runs the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
