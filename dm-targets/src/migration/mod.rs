//! Tables that map the names of other libraries to those of this crate.
//!
//! The column *there* lists the items of the other library, and the column *here* links to their replacements. If an
//! item has no replacement, *here* has a dash and the reason.
//!
//! | page | from |
//! |---|---|
//! | [`devicemapper`] | tables and statuses of the Rust crate `devicemapper`, 0.4 to 0.34 |
//! | `devices` | whole devices of that crate; needs the feature `devices` |
//! | `monitoring` | the programs `dmstats` and `dmeventd` of LVM2; needs the feature `devices` |
//! | [`docker`] | thin pools and thin devices of Docker's Go package `devicemapper` |
//!
//! `dm_core::migration` covers commands, options, udev, errors and units.

pub mod devicemapper;
#[cfg(feature = "devices")]
pub mod devices;
pub mod docker;
#[cfg(feature = "devices")]
pub mod monitoring;
