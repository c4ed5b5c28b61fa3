//! From Docker's Go package `devicemapper`: thin pools and thin devices.
//!
//! The methods of the last column are those of `ThinPoolDev` in the module `devices`, with the feature of that name. The rest
//! of the package is in `dm_core::migration::docker`.
//!
//! | there | the text | the call |
//! |---|---|---|
//! | `CreatePool` | [`ThinPoolTable`] | `create` |
//! | `ReloadPool` | [`ThinPoolTable`] | `change`; after the data device has grown, `grow` |
//! | `CreateDevice` | [`ThinPoolMessage::CreateThin`] | `create_thin`, which activates the device as well, or `message` |
//! | `ActivateDevice` | [`ThinTable::new`] | `activate` |
//! | `ActivateDeviceWithExternal` | [`ThinTable::with_external_origin`] | `ThinDev::create` with such a table |
//! | `CreateSnapDevice` | [`ThinPoolMessage::CreateSnap`] | `snapshot`, which suspends the origin |
//! | `CreateSnapDeviceRaw` | [`ThinPoolMessage::CreateSnap`] | `message`, for an origin that no mapped device shows |
//! | `DeleteDevice` | [`ThinPoolMessage::Delete`] | `delete`, or `message` where no mapped device shows it |
//! | `SetTransactionID` | [`ThinPoolMessage::SetTransactionId`] | `message` |
//! | `GetStatus` and `fmt.Sscanf` | [`ThinPoolStatus`], [`ThinStatus`] | `status` |
//! | `GetTable` | [`ThinPoolTable`], [`ThinTable`] | `table` |
//! | `DeviceIDExists` | | `DevError::is_already_exists` of `create_thin` and `snapshot` |
//!
//! A pool of `CreatePool` has 32768 blocks as its low water mark and `skip_block_zeroing`; here both are chosen.

#[cfg(doc)]
use crate::{
    thin::{ThinStatus, ThinTable},
    thin_pool::{ThinPoolMessage, ThinPoolStatus, ThinPoolTable},
};
