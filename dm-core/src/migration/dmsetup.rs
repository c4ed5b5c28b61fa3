//! Replacements for the program `dmsetup`, 1.02.
//!
//! The example `dmsetup` of the crate `dm-testing` implements these commands in a few lines each, except some of
//! `stats`. [`Naming`] describes how the commands translate names.
//!
//! | there | here |
//! |---|---|
//! | `create` | [`Host::create`] |
//! | `create --notable` | [`Dm::device_create`] with the name from [`Host::kernel_name`] |
//! | `create --concise` | —: the crate `dm-targets` reads that form; then [`Host::create`] of each device |
//! | `load`, `reload` | [`Dm::table_load`]; [`Host::reload`] also suspends and resumes, and is undone on failure |
//! | `clear` | [`Dm::table_clear`] |
//! | `suspend`, `resume` | [`Host::suspend`], [`Host::resume`] |
//! | `remove` | [`Host::remove`] |
//! | `remove --retry` | [`RemovePolicy::retry`] |
//! | `remove --deferred` | [`RemovePolicy::deferred`] |
//! | `remove --force` | [`RemovePolicy::force`] |
//! | `remove_all` | [`Dm::remove_all`], then [`Host::make_nodes`] |
//! | `wipe_table` | [`Host::reload`] with a line of the target `error` |
//! | `rename` | [`Host::rename`] |
//! | `rename --setuuid` | [`Host::set_uuid`] |
//! | `message` | [`Host::message`] |
//! | `setgeometry` | [`Dm::set_geometry`] |
//! | `info` | [`Host::info`] |
//! | `ls` | [`Dm::list_devices`] |
//! | `ls --tree` | [`Dm::device_tree`] |
//! | `deps` | [`Dm::table_deps`] |
//! | `table` | [`Dm::table_status_with`] and [`StatusOptions::table`] |
//! | `table --concise` | —: the crate `dm-targets` prints that form |
//! | `status` | [`Dm::table_status`] |
//! | `measure` | [`StatusKind::Ima`] |
//! | `wait` | [`Dm::wait_event`], [`EventPoller`] for all devices |
//! | `mknodes` | [`Host::make_nodes`], [`Host::make_node`] |
//! | `mangle` | [`Host::rename`] to [`Naming::kernel_name`] |
//! | `splitname` | [`DmName::lvm_parts`] |
//! | `stats` | —: the crate `dm-targets` has these commands as `devices::Stats` |
//! | `stats report` | —: `Stats::read` and `StatsReading::rates_since` of `dm-targets` return its numbers; a program prints its own reports |
//! | `stats group`, `stats ungroup`, `stats update_filemap` | —: dmsetup stores groups and maps of files in the aux data of regions, by a convention of its own; `Stats` reads and writes aux data unchanged |
//! | `targets`, `target-version` | [`Dm::list_versions`], [`Dm::target_version`] |
//! | `version` | [`Dm::version`] |
//! | `udevcreatecookie` | [`SharedCookie::create`] |
//! | `udevreleasecookie` | [`SharedCookie::wait`] |
//! | `udevflags` | [`UdevCookie::flags`], [`rule_variables`] |
//! | `udevcomplete` | [`complete`] |
//! | `udevcomplete_all` | [`remove_stale_cookies`]; to remove cookies without waiting, [`SharedCookie::remove`] of each |
//! | `udevcookies` | [`cookies`] |
//!
//! | option there | here |
//! |---|---|
//! | `-u`, `-j`, `-m` | a [`DmUuid`](crate::DmUuid) or a [`DeviceNumber`](dm_units::DeviceNumber) instead of the name |
//! | `-r` | [`SetupOptions::read_only`](crate::SetupOptions::read_only) |
//! | `-U`, `-G`, `-M` | [`NodeMode::node`](crate::udev::NodeMode::node) |
//! | `--noflush`, `--nolockfs` | [`SuspendPolicy`](crate::SuspendPolicy) |
//! | `--inactive` | [`TableSlot::Inactive`](crate::TableSlot::Inactive) |
//! | `--readahead` | [`ReadAhead`](crate::block::ReadAhead), which reads the same words |
//! | `--manglename` | [`Host::with_naming`] |
//! | `--udevcookie` | [`SharedCookie::adopt`], [`Udev::on_cookie`](crate::udev::Udev::on_cookie) |
//! | `--noudevsync` | [`Strategy::None`](crate::udev::Strategy::None) |
//! | `--noudevrules` | [`UdevFlags::DISABLE_DM_RULES`](crate::UdevFlags::DISABLE_DM_RULES) and [`Strategy::MakeNodes`](crate::udev::Strategy::MakeNodes) |
//! | `-c`, `-o`, `-O`, `-S`, `--nameprefixes`, `--noheadings`, `--rows`, `--separator` | —: a program prints its own reports, as the example does |
//! | `--verifyudev`, `--checks` | —: both checks are always made |
//! | `--noopencount` | —: counting costs nothing |
//!
//! # Differences
//!
//! - A device without an active table has no node here. `mknodes` of dmsetup makes a node for the device, but nothing
//!   can open this node, and udev later refuses to replace it.
//! - If another program gave a device a name with unmangled unusual characters, the device is listed under that name.
//!   dmsetup fails.
//! - When dmsetup removes a device, it removes only the node that is named by its mode of mangling. Here the nodes of
//!   all modes are removed, so that none of them leads to the next device with this number.
//! - The example `dmsetup` accepts only arguments in UTF-8, whereas a [`DmName`] can have any encoding. In `info -c`,
//!   the example lacks the field `all` and the fields of statistics. It prints trees in only one form (`ls --tree -o`
//!   is an error). Its option `-v` has no effect. Patterns of `-S` have the syntax of the crate `regex`.
//! - If the value of `--udevcookie`, `--readahead` or `--uid` is not a number, this is an error. dmsetup continues
//!   without the option.
//! - `create --minor` needs no `--major`, `rename` takes `--uuid` and `--minor`, and a rename to the same name does
//!   nothing. dmsetup refuses all of these.
//! - A name such as `a\x41b` is shown unchanged, since the name `aAb` is never mangled to `a\x41b` and belongs to
//!   another device. dmsetup shows it as `aAb`. A name such as `a\xzz` is refused here; dmsetup accepts it.
//! - If `create` fails, the error names the disk and the line of the table that caused this. Other error texts differ
//!   as well.

#[cfg(doc)]
use crate::{
    Dm, DmName, EventPoller, Host, Naming, RemovePolicy, StatusKind, StatusOptions, UdevCookie,
    udev::{SharedCookie, complete, cookies, remove_stale_cookies, rule_variables},
};
