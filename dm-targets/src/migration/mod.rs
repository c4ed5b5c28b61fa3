//! For programs that come from another library: what it calls a thing, and what this crate calls it.
//!
//! The column *there* names each public item of the other library, the column *here* links to what replaces it. A dash means
//! that nothing replaces it, and says why.
//!
//! | page | from |
//! |---|---|
//! | [`devicemapper`] | tables and statuses of the Rust crate `devicemapper`, 0.4 to 0.34 |
//! | `devices` | whole devices of that crate; needs the feature `devices` |
//! | `monitoring` | the programs `dmstats` and `dmeventd` of LVM2; needs the feature `devices` |
//! | [`docker`] | thin pools and thin devices of Docker's Go package `devicemapper` |
//!
//! Commands, options, udev, errors and units are in `dm_core::migration`.

pub mod devicemapper;
#[cfg(feature = "devices")]
pub mod devices;
pub mod docker;
#[cfg(feature = "devices")]
pub mod monitoring;
