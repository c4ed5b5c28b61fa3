//! Replacements for the functions in cryptsetup's `lib/libdevmapper.c`, and for some of its flags.
//!
//! The crate `dm-targets` has types for tables of crypt, verity and integrity. Its `Target::has_feature`
//! replaces cryptsetup's flags for features: it returns whether a version of a target supports a feature.
//!
//! | there | here |
//! |---|---|
//! | `dm_backend_init`, `dm_backend_exit` | [`Dm::open`]; drop the handle to close it |
//! | `dm_flags`: versions of targets, probed once | [`Dm::target_version`], which also loads the target's module |
//! | `dm_create_device` | [`Host::create_with`] with [`SetupOptions::uuid`], [`SetupOptions::read_only`], [`SetupOptions::read_ahead`] |
//! | `dm_reload_device`, `dm_resume_and_reinstate_key` | [`Host::reload_with`]; to set the key of a suspended device, [`Host::message`], then [`Host::resume`] |
//! | `dm_suspend_device` | [`Host::suspend_with`]; a signal, such as Ctrl-C, ends the wait |
//! | `dm_resume_device` | [`Host::resume_with`] with a [`ResumePolicy`] |
//! | `dm_remove_device`, with retries and a forced `error` table | [`Host::remove_with`] with [`RemovePolicy::retry`], [`RemovePolicy::force`] |
//! | `dm_remove_device` with `CRYPT_DEACTIVATE_DEFERRED` | [`RemovePolicy::deferred`]; [`Host::cancel_deferred_remove`] for `CRYPT_DEACTIVATE_DEFERRED_CANCEL` |
//! | `dm_error_device`, `dm_clear_device` | [`Host::reload`] with the target `error`, [`Dm::table_clear`] |
//! | `dm_query_device`, `dm_status_device` | [`Dm::device_info`], [`Dm::table_status_with`] with [`StatusOptions::secure`] |
//! | `dm_is_dm_device`, `dm_is_dm_kernel_name` | [`paths::name_of`](crate::paths::name_of) |
//! | `dm_device_name`, `dm_device_path` | [`describe`](crate::describe()), [`Host::path`] |
//! | `dm_device_deps` | [`Dm::table_deps`] |
//! | `lookup_dm_dev_by_uuid` | a [`DmUuid`](crate::DmUuid) as the device of any command except a rename |
//! | `dm_get_active_iname`, `dm_get_iname` | build the name with `format!`; find active devices with [`ListOptions::uuid_prefix`](crate::ListOptions::uuid_prefix) |
//! | `_dm_use_udev`, `_dm_task_set_cookie`, `_dm_udev_wait` | —: operations of a [`Host`] do this |
//! | `CRYPT_ACTIVATE_PRIVATE`, `CRYPT_TEMP_UDEV_FLAGS` | [`Visibility::Private`](crate::udev::Visibility::Private) in [`SetupOptions::visibility`] |
//! | `dm_task_secure_data`, `crypt_safe_free` of params | —: lines that may contain a key are recognized; the kernel and this crate wipe their buffers |
//! | `VERITY_read_sb`, `VERITY_write_sb`, `VERITY_create`, `VERITY_verify` of `lib/verity` | `VerityVolume`, `VerityFormat` and `VeritySuperblock` of `dm-targets`, with its feature `verity-format` |
//! | `hex_key`, `_dm_quoted` | the typed keys of `dm-targets`; [`PayloadWriter::write_escaped`](crate::PayloadWriter::write_escaped) |

#[cfg(doc)]
use crate::{Dm, Host, RemovePolicy, ResumePolicy, SetupOptions, StatusOptions};
