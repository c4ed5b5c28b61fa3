//! Tables of replacements, for programs that move from another library to this crate.
//!
//! Each page has such a table. Its column *there* has the items of the other library, and its column *here* has their
//! replacements. A dash means that an item has no replacement; the reason follows the dash.
//!
//! | page | from |
//! |---|---|
//! | [`devicemapper`] | tables and statuses of the Rust crate `devicemapper`, 0.4 to 0.34 |
//! | `devices` | the device types of that crate, such as `LinearDev`; needs the feature `devices` |
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
