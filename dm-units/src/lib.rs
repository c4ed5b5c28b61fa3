//! Units of block storage: [`Sectors`], [`Bytes`], [`DataBlocks`], [`MetaBlocks`], [`DeviceNumber`] and [`Version`].
//!
//! Counts of sectors and of bytes are both just numbers, and mixing them up destroys data. With a separate type for
//! each unit, the compiler keeps them apart.
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
//! A number has one of the integer types that [`Factor`] lists. [`iec`] has 1024, 1024 × 1024 and so on as constants.
//!
//! Operators never wrap. They panic on overflow, on division by zero and for a negative factor or divisor, in every
//! build profile. For numbers from users, files or the kernel, use the `checked_*` and `saturating_*` methods, which
//! never panic.
//!
//! # Integers
//!
//! The number of a unit is the field `.0`. Units are converted as follows:
//!
//! | from | to | with |
//! |---|---|---|
//! | `u8`, `u16`, `u32`, `u64`, `usize` | a unit | `From` |
//! | `i32`, `i64`, `isize`, `u128` | a unit | `TryFrom`; from `u128` to [`Bytes`] also `From` |
//! | a unit | the type of its field, `u128` | `From` |
//! | a unit | `u32`, `usize`, `i64`; from [`Bytes`] also `u64` | `TryFrom` |
//! | a unit | another unit | methods; if one rounds, its name says how |
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
//! `Display` writes the bare number. The alternate form, `{:#}`, writes a size for people:
//!
//! - The unit is the largest of B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB and YiB in which the size is at least 1. A size
//!   that rounds to 1024 of a unit is written as 1 of the next larger unit.
//! - The number has at most two decimals. It is rounded to nearest, halves up.
//! - Zero is written as `0 B`.
//! - [`DataBlocks`] are written as `16 blocks`, since the size of a block is not known.
//!
//! Width, fill and alignment work as for numbers. A precision is ignored.
//!
//! To store a unit as text, use the bare number: a text that `{:#}` has rounded is refused or read as another size.
//! `FromStr` reads these forms:
//!
//! - a bare number, counted in the type's unit: `16`;
//! - a number with or without a fraction, at most one space, and one of `B`, `KiB`, `MiB`, `GiB`, `TiB`, `PiB`, `EiB`,
//!   `ZiB`, `YiB`, or `s` for sectors: `16MiB`, `1.5 GiB`, `8s`. The size must be a whole number of the type's unit;
//! - for [`DataBlocks`], only `block` or `blocks` as the unit: `16 blocks`.
//!
//! `M`, `MB` and the like are refused, since they mean powers of 1000 to some programs and powers of 1024 to others.
//!
//! # Features
//!
//! `serde`: stores units as numbers, and device numbers and versions as text such as `"253:7"` and `"4.48.0"`. In
//! human-readable formats, [`Bytes`] that exceed 64 bits are stored as text.

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
