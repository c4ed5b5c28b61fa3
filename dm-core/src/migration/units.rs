//! Replacements for the units and constants of the crate `devicemapper`, all versions, in the crate [`dm_units`].
//!
//! | there | here |
//! |---|---|
//! | `Sectors`, `Bytes`, `DataBlocks`, `MetaBlocks` | [`Sectors`], [`Bytes`], [`DataBlocks`], [`MetaBlocks`] |
//! | `Sectors::bytes` | [`Sectors::to_bytes`] |
//! | `Bytes::sectors` | [`Bytes::to_sectors_floor`], which also rounds down, but returns `None` on overflow; also `_ceil` and `_exact` |
//! | `Sectors::metablocks` | [`Sectors::to_meta_blocks_floor`]; also `_ceil` and `_exact` |
//! | `MetaBlocks::sectors` | [`MetaBlocks::to_sectors`], which returns `None` on overflow |
//! | `data_block_size * blocks` | [`DataBlocks::to_sectors`] |
//! | `checked_add` | [`Sectors::checked_add`], and more `checked_…` and `saturating_…` methods of each unit |
//! | `+`, `-`, `+=`, `-=`, `%`, `sum` | the operators of [`Sectors`] and the others; on overflow they panic in every build profile |
//! | `*`, `/`, `%` with an integer | with any integer type that implements [`Factor`] |
//! | `unit / unit` | a number: `Sectors / Sectors` is a `u64` |
//! | `From<u64>`, `From<u32>`, `From<usize>`, … | `From`, and `TryFrom` for signed and larger integers |
//! | `*unit`, by `Deref` | the field `.0`, or `u64::from(unit)`; for [`Bytes`]: `u128::from(unit)` |
//! | `Display`: `8 sectors` | the bare number; `{:#}` for people, such as `4 KiB` |
//! | `Serialize`, `Deserialize` | with the feature `serde` |
//! | `IEC`: `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei` | [`iec`]: [`KI`](iec::KI), [`MI`](iec::MI), [`GI`](iec::GI), [`TI`](iec::TI), [`PI`](iec::PI), [`EI`](iec::EI); for [`Bytes`] [`iec::wide`] |
//! | `SECTOR_SIZE` | [`SECTOR_SIZE`] |
//! | `META_BLOCK_SIZE`, which was private | [`META_BLOCK_SIZE`], in bytes |

#[cfg(doc)]
use dm_units::{Bytes, DataBlocks, Factor, META_BLOCK_SIZE, MetaBlocks, SECTOR_SIZE, Sectors, iec};
