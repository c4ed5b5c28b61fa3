//! Replacements for the crate `devicemapper`, 0.4.0 to 0.4.7.
//!
//! For items that are not listed here, see the page [`devicemapper`](super::devicemapper); for units, see
//! [`units`](super::units). Version 0.4.0 has all items at the root of the crate. Version 0.4.7 has most of them in the
//! modules `consts`, `device`, `deviceinfo`, `dm`, `lineardev`, `result`, `segment`, `thindev`, `thinpooldev`, `types`
//! and `util`, which this crate does not have.
//!
//! | there | here |
//! |---|---|
//! | `DM::wait_for_dm` | [`Dm::open`], which loads the module and does not wait indefinitely |
//! | `DM::device_status` | [`Dm::device_info`] |
//! | `DM::device_set_geometry`, which panicked | [`Dm::set_geometry`] |
//! | `DM::depends_on` | [`DeviceTree::cycle`], also for a table that is not loaded yet |
//! | `dev_majors` | [`paths::majors`] |
//! | `Device::path` (0.4.0), `Device::devnode` | [`paths::kernel_path`]; by name [`Host::path`] |
//! | `Device::dstr` | `Display` of [`DeviceNumber`] |
//! | `FromStr` of `Device`, which also took paths and decimal `dev_t` | `FromStr` of [`DeviceNumber`] for `major:minor`; [`paths::device_at`]; [`DeviceNumber::from_dev_t`] |
//! | `From` of `Device` and `u64` | [`DeviceNumber::from_huge`], [`DeviceNumber::from_dev_t`]; minor numbers may have 20 bits |
//! | `DeviceInfo.hdr` | —: the header is decoded; raw headers are in the crate `dm-sys` |
//! | `TargetLine`, a tuple | [`TargetLine`] to load, [`TargetStatus`] for reading |
//! | `blkdev_size` | [`BlockDevice::size`](crate::block::BlockDevice::size) of an open file, [`paths::size_of`] by number |
//! | `align_to` | [`u64::next_multiple_of`]; for units: [`Sectors::align_up`] |
//! | `slice_to_null`, `blkgetsize64` | —: use [`std::ffi::CStr`] and [`BlockDevice::size`](crate::block::BlockDevice::size) |
//! | `DmError`: `Dm`, `Io`, `Nix`; `InternalError`; `ErrorEnum`: `Error`, `FailedToOpen` | [`Error`], [`OpenError`] |
//! | `DmResult`, `io::Result` | [`Result`](crate::Result) |
//! | `DM_IOCTL`, `DM_VERSION_MAJOR`, `DM_VERSION_MINOR`, `DM_VERSION_PATCHLEVEL` | constants of the crate `dm-sys`; the running kernel's version is [`Dm::version`] |
//! | `DM_NAME_LEN`, `DM_UUID_LEN` | [`DmName::MAX_LEN`], [`DmUuid::MAX_LEN`]: without the NUL |
//! | `DM_CTL_PATH` | [`OpenOptions::path`] sets another path |
//! | `MIN_BUF_SIZE` | —: a handle remembers how much memory each command needed |
//! | the program `dmtest` | —: use `dmsetup` |

#[cfg(doc)]
use dm_units::{DeviceNumber, Sectors};

#[cfg(doc)]
use crate::{DeviceTree, Dm, DmName, DmUuid, Error, Host, OpenError, OpenOptions, TargetLine, TargetStatus, paths};
