//! Replacements for the C library libdevmapper (LVM2's `libdm`), 1.02.
//!
//! Every function of its header is listed; `dm_…_*` stands for the functions with that prefix. The commands of dmsetup
//! are on the page [`dmsetup`](super::dmsetup), and cryptsetup's use of the library is on
//! [`cryptsetup`](super::cryptsetup).
//!
//! If the kernel lacks an option, libdevmapper warns and continues without it. Here, this is an error
//! ([`is_unsupported`](crate::Error::is_unsupported)). To continue without the option, set `if_possible`, such as
//! [`SuspendOptions::if_possible`]. This has no effect on a prefix that filters a list, or on [`StatusKind::Ima`].
//!
//! # Tasks
//!
//! In libdm, a program creates a task, sets its fields, runs it and reads its results. Here each task is one method
//! with options, which returns its result.
//!
//! | there | here |
//! |---|---|
//! | `dm_task_create`, `dm_task_destroy`, `dm_task_run` | a method of [`Dm`] for one ioctl; a method of [`Host`] to wait for udev and to undo failures as well |
//! | `dm_task_get_errno` | [`Error::errno`](crate::Error::errno), [`OpError::errno`] |
//! | `dm_task_set_name`, `dm_task_set_uuid`, `dm_task_set_major`, `dm_task_set_minor`, `dm_task_set_major_minor` | the argument with [`AsDevId`]; for a new device [`SetupOptions::uuid`] and [`SetupOptions::minor`] |
//! | `dm_task_set_newname`, `dm_task_set_newuuid` | the argument of [`Host::rename`], [`Host::set_uuid`] |
//! | `dm_task_set_uid`, `dm_task_set_gid`, `dm_task_set_mode` | [`NodeMode::node`](crate::udev::NodeMode::node) |
//! | `dm_task_set_add_node` | —: a node is made when a table becomes active; [`Host::make_node`] makes a missing one |
//! | `dm_task_set_cookie` | [`Host::batch`]; [`Udev::on_cookie`](crate::udev::Udev::on_cookie) for a cookie that several processes share; [`ResumeOptions::cookie`] for a single command |
//! | `dm_task_set_event_nr` | the argument of [`Dm::wait_event`], [`Dm::device_wait`] |
//! | `dm_task_set_geometry` | [`Dm::set_geometry`] |
//! | `dm_task_set_message`, `dm_task_set_sector` | [`Message`] |
//! | `dm_task_set_ro` | [`SetupOptions::read_only`], [`LoadOptions::read_only`] |
//! | `dm_task_no_flush` | [`SuspendOptions::noflush`], [`StatusOptions::noflush`] |
//! | `dm_task_skip_lockfs` | [`SuspendOptions::skip_lockfs`] |
//! | `dm_task_no_open_count` | —: counting has cost nothing since 2009 |
//! | `dm_task_query_inactive_table` | [`TableSlot::Inactive`] in the options of each command that supports it |
//! | `dm_task_suppress_identical_reload` | [`Host::setup`] compares tables |
//! | `dm_task_secure_data` | [`LoadOptions::secure`]; set automatically for lines that may contain a key |
//! | `dm_task_retry_remove` | [`RemovePolicy::retry`] |
//! | `dm_task_deferred_remove` | [`RemovePolicy::deferred`] |
//! | `dm_task_ima_measurement` | [`StatusKind::Ima`] |
//! | `dm_task_enable_checks` | —: names and requests are always checked |
//! | `dm_task_set_record_timestamp`, `dm_task_get_ioctl_timestamp` | —: read `std::time::Instant` around the call |
//! | `dm_task_set_read_ahead` | [`SetupOptions::read_ahead`], [`ReloadOptions::read_ahead`], [`ResumePolicy::read_ahead`] |
//! | `dm_task_get_read_ahead` | [`Host::read_ahead`], [`block::read_ahead`](crate::block::read_ahead()) |
//! | `dm_task_add_target` | [`TargetLine`], [`TargetLine::parse`] |
//! | `dm_get_next_target` | [`TableStatus::iter`](crate::TableStatus::iter) |
//! | `dm_task_get_info` | [`DeviceInfo`](crate::DeviceInfo), which most commands return |
//! | `dm_task_get_name`, `dm_task_get_uuid` | [`DeviceInfo::name`](crate::DeviceInfo::name), [`DeviceInfo::uuid`](crate::DeviceInfo::uuid), as in the kernel |
//! | `dm_task_get_name_mangled`, `dm_task_get_uuid_mangled` | [`Naming::kernel_name`], [`Naming::kernel_uuid`] |
//! | `dm_task_get_name_unmangled`, `dm_task_get_uuid_unmangled` | [`Naming::human_name`], [`Naming::human_uuid`] |
//! | `dm_task_get_deps` | [`Dm::table_deps`], also with the device's state |
//! | `dm_task_get_names` | [`Dm::list_devices`] |
//! | `dm_task_get_versions` | [`Dm::list_versions`] |
//! | `dm_task_get_driver_version`, `dm_driver_version` | [`Dm::version`] |
//! | `dm_task_get_message_response` | [`MessageReply::text`](crate::MessageReply::text) |
//! | `dm_task_update_nodes` | —: each operation updates the nodes of its devices |
//! | `dm_get_suspended_counter` | —: an operation calls no logger while a device is suspended |
//!
//! # Kinds of tasks
//!
//! | task type | here |
//! |---|---|
//! | `DM_DEVICE_CREATE` | [`Host::create`], [`Host::setup`], [`Dm::device_create`] |
//! | `DM_DEVICE_RELOAD` | [`Host::reload`], [`Dm::table_load`] |
//! | `DM_DEVICE_REMOVE` | [`Host::remove`], [`Dm::device_remove`] |
//! | `DM_DEVICE_REMOVE_ALL` | [`Dm::remove_all`] |
//! | `DM_DEVICE_SUSPEND`, `DM_DEVICE_RESUME` | [`Host::suspend`], [`Host::resume`], [`Dm::device_suspend`], [`Dm::device_resume`] |
//! | `DM_DEVICE_INFO` | [`Host::info`], [`Dm::device_info`] |
//! | `DM_DEVICE_DEPS` | [`Dm::table_deps`], [`Dm::device_tree`] |
//! | `DM_DEVICE_RENAME` | [`Host::rename`], [`Host::set_uuid`] |
//! | `DM_DEVICE_VERSION` | [`Dm::version`] |
//! | `DM_DEVICE_STATUS`, `DM_DEVICE_TABLE` | [`Dm::table_status`], [`StatusOptions::table`] |
//! | `DM_DEVICE_WAITEVENT` | [`Dm::wait_event`], [`EventPoller`](crate::EventPoller) |
//! | `DM_DEVICE_LIST` | [`Dm::list_devices`] |
//! | `DM_DEVICE_CLEAR` | [`Dm::table_clear`] |
//! | `DM_DEVICE_MKNODES` | [`Host::make_nodes`] |
//! | `DM_DEVICE_LIST_VERSIONS`, `DM_DEVICE_GET_TARGET_VERSION` | [`Dm::list_versions`], [`Dm::target_version`] |
//! | `DM_DEVICE_TARGET_MSG` | [`Host::message`], [`Dm::target_msg`] |
//! | `DM_DEVICE_SET_GEOMETRY` | [`Dm::set_geometry`] |
//! | `DM_DEVICE_ARM_POLL` | [`EventPoller`](crate::EventPoller), [`Dm::arm_poll`] |
//!
//! # Names, nodes and devices
//!
//! | there | here |
//! |---|---|
//! | `dm_set_name_mangling_mode`, `dm_get_name_mangling_mode` | [`Host::with_naming`], [`Host::naming`]: of a host, not of the process |
//! | `dm_set_dev_dir`, `dm_dir` | [`Udev::dev_dir`](crate::udev::Udev::dev_dir), [`paths::mapper_dir`](crate::paths::mapper_dir) |
//! | `dm_set_sysfs_dir`, `dm_sysfs_dir` | —: sysfs is at `/sys` |
//! | `dm_set_uuid_prefix`, `dm_uuid_prefix` | [`Prefix`](crate::Prefix), [`ListOptions::uuid_prefix`](crate::ListOptions::uuid_prefix) |
//! | `dm_mknodes` | [`Host::make_node`], [`Host::make_nodes`] |
//! | `dm_is_dm_major` | [`paths::majors`](crate::paths::majors) |
//! | `dm_device_get_name` | [`paths::name_of`](crate::paths::name_of), [`describe`](crate::describe()) |
//! | `dm_format_dev` | `Display` of [`DeviceNumber`](dm_units::DeviceNumber) |
//! | `dm_device_has_holders` | [`users::holders`](crate::users::holders) |
//! | `dm_device_has_mounted_fs`, `dm_mountinfo_read` | [`users::mounts`](crate::users::mounts) |
//! | `dm_build_dm_name`, `dm_build_dm_uuid` | `format!`, and [`Naming::kernel_name`] |
//! | `dm_split_lvm_name` | [`DmName::lvm_parts`](crate::DmName::lvm_parts) |
//! | `dm_prepare_selinux_context`, `dm_set_selinux_context` | —: udev labels the nodes that it makes; for other nodes, the caller must set the context |
//!
//! # udev
//!
//! | there | here |
//! |---|---|
//! | `dm_cookie_supported` | —: only kernels from before 2009 lack cookies; the error is then [`Error::is_unsupported`](crate::Error::is_unsupported) |
//! | `dm_udev_set_sync_support`, `dm_udev_get_sync_support` | [`Strategy`](crate::udev::Strategy) of a host, [`Udev::check_cookies`](crate::udev::Udev::check_cookies) |
//! | `dm_udev_set_checking`, `dm_udev_get_checking` | —: nodes are checked whenever udev may not have made them |
//! | `dm_udev_create_cookie` | [`SharedCookie::create`](crate::udev::SharedCookie::create); within a process [`Host::batch`] |
//! | `dm_udev_complete` | [`udev::complete`](crate::udev::complete) |
//! | `dm_udev_wait` | [`Batch::finish`](crate::Batch::finish), [`SharedCookie::wait`](crate::udev::SharedCookie::wait), both with a timeout |
//! | `dm_udev_wait_immediate` | [`SharedCookie::is_done`](crate::udev::SharedCookie::is_done) |
//!
//! # Whole stacks, statuses and statistics
//!
//! | there | here |
//! |---|---|
//! | `dm_tree_create`, `dm_tree_free`, `dm_tree_add_dev`, `dm_tree_find_*`, `dm_tree_next_child`, `dm_tree_node_get_*`, `dm_tree_node_num_children` | [`DeviceTree`](crate::DeviceTree), of the whole host in one pass |
//! | `dm_tree_deactivate_children`, `dm_tree_retry_remove` | [`Host::remove_stack`], [`Host::remove_stack_with`] |
//! | `dm_tree_suspend_children`, `dm_tree_skip_lockfs`, `dm_tree_use_no_flush_suspend` | [`Host::suspend_stack`], [`Host::suspend_stack_with`] |
//! | `dm_tree_activate_children`, `dm_tree_preload_children`, `dm_tree_add_new_dev`, `dm_tree_add_new_dev_*`, `dm_tree_add_dev_*`, `dm_tree_node_set_*`, `dm_tree_node_size_changed`, `dm_tree_children_use_uuid`, `dm_tree_set_optional_uuid_suffixes` | [`Host::plan`], which determines the order and is undone when a step fails: see [`plan`](crate::plan) |
//! | `dm_tree_set_cookie`, `dm_tree_get_cookie` | [`Host::batch`] |
//! | `dm_tree_node_add_*` | —: typed tables of every target are in the crate `dm-targets` |
//! | `dm_get_status_*` | —: typed statuses are in the crate `dm-targets` |
//! | `dm_stats_*`, `dm_histogram_*`, `dm_message_supports_precise_timestamps`, `dm_filemapd_mode_from_string` | —: the messages and replies of statistics are in the crate `dm-targets` |
//!
//! # The library itself
//!
//! | there | here |
//! |---|---|
//! | `dm_get_library_version` | —: this crate does not use libdevmapper |
//! | `dm_lib_init`, `dm_lib_release`, `dm_lib_exit` | —: there is no global state; a handle closes its files when it is dropped |
//! | `dm_hold_control_dev` | a [`Dm`] that is kept |
//! | `dm_log_init`, `dm_log_init_verbose`, `dm_log_is_non_default`, `dm_log_with_errno_init` | the crate `log`; the error that the call returns describes the failure |
//!
//! # General purpose
//!
//! | there | here |
//! |---|---|
//! | `dm_malloc`, `dm_malloc_*`, `dm_zalloc`, `dm_zalloc_*`, `dm_realloc`, `dm_realloc_*`, `dm_free`, `dm_free_*`, `dm_strdup`, `dm_strdup_*`, `dm_dump_memory`, `dm_dump_memory_*`, `dm_bounds_check`, `dm_bounds_check_*`, `dm_pool_*` | —: Rust manages memory |
//! | `dm_hash_*`, `dm_list_*`, `dm_bit_*`, `dm_bitset_*`, `dm_bit`, `dm_struct_field` | —: the standard library's collections |
//! | `dm_snprintf`, `dm_asprintf`, `dm_vasprintf`, `dm_strncpy`, `dm_basename`, `dm_count_chars`, `dm_split_words`, `dm_escaped_len`, `dm_escape_double_quotes`, `dm_unescape_double_quotes`, `dm_unescape_colons_and_at_signs` | —: the standard library's strings |
//! | `dm_units_to_factor`, `dm_size_to_string` | [`Sectors`](dm_units::Sectors), printed for people with `{:#}` |
//! | `dm_make_percent`, `dm_percent_to_float`, `dm_percent_to_round_float` | —: statuses have both numbers of a ratio |
//! | `dm_timestamp_*` | —: `std::time::Instant` |
//! | `dm_regex_*` | —: the crate `regex` |
//! | `dm_config_*` | —: this is LVM2's configuration format |
//! | `dm_report_*` | —: left to the program; the example `dmsetup` prints reports |
//! | `dm_create_dir`, `dm_is_empty_dir`, `dm_fclose`, `dm_create_lockfile`, `dm_daemon_is_running` | —: the standard library's files |

#[cfg(doc)]
use crate::{
    AsDevId, Dm, Host, LoadOptions, Message, Naming, OpError, ReloadOptions, RemovePolicy, ResumeOptions, ResumePolicy,
    SetupOptions, StatusKind, StatusOptions, SuspendOptions, TableSlot, TargetLine,
};
