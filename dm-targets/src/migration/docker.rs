//! Replacements for the thin pools and thin devices of Docker's Go package `devicemapper`.
//!
//! The methods in the last column belong to `ThinPoolDev` in the module `devices`, which needs the feature `devices`.
//! `dm_core::migration::docker` has the rest of the package.
//!
//! | there | the text | the method |
//! |---|---|---|
//! | `CreatePool` | [`ThinPoolTable`] | `create` |
//! | `ReloadPool` | [`ThinPoolTable`] | `change`; after the data device has grown, `grow` |
//! | `CreateDevice` | [`ThinPoolMessage::CreateThin`] | `create_thin`, which activates the device as well, or `message` |
//! | `ActivateDevice` | [`ThinTable::new`] | `activate` |
//! | `ActivateDeviceWithExternal` | [`ThinTable::with_external_origin`] | `activate_with` and `ThinOptions::external_origin` |
//! | `CreateSnapDevice` | [`ThinPoolMessage::CreateSnap`] | `snapshot`, which suspends the origin and activates the snapshot |
//! | `CreateSnapDeviceRaw` | [`ThinPoolMessage::CreateSnap`] | `snapshot_of_inactive`, which activates the snapshot, or `message` |
//! | `DeleteDevice` | [`ThinPoolMessage::Delete`] | `delete`, or `delete_id` if the thin device is not active |
//! | `SetTransactionID` | [`ThinPoolMessage::SetTransactionId`] | `set_transaction_id` |
//! | `GetStatus` and `fmt.Sscanf` | [`ThinPoolStatus`], [`ThinStatus`] | `status` |
//! | `GetTable` | [`ThinPoolTable`], [`ThinTable`] | `table` |
//! | `DeviceIDExists` | | `DevError::is_already_exists` of `create_thin` and `snapshot` |
//!
//! `CreatePool` always uses a low water mark of 32768 blocks and `skip_block_zeroing`. Here the caller chooses both.

#[cfg(doc)]
use crate::{
    thin::{ThinStatus, ThinTable},
    thin_pool::{ThinPoolMessage, ThinPoolStatus, ThinPoolTable},
};
