//! From the program `dmsetup`, 1.02.
//!
//! The example `dmsetup` of the crate `dm-testing` has these commands, except some of `stats`, in a few lines each. How
//! they translate names is described at [`Naming`].
//!
//! | there | here |
//! |---|---|
//! | `create` | [`Host::create`] |
//! | `create --notable` | [`Dm::device_create`] of a [`Host::kernel_name`] |
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
//! | `stats` | —: the crate `dm-targets` has them as `devices::Stats` |
//! | `stats report` | —: `Stats::read` and `StatsReading::rates_since` of `dm-targets` return its numbers; a program prints its own reports |
//! | `stats group`, `stats ungroup`, `stats update_filemap` | —: groups and maps of files are a convention of dmsetup's in the aux data of regions, which `Stats` reads and writes as they are |
//! | `targets`, `target-version` | [`Dm::list_versions`], [`Dm::target_version`] |
//! | `version` | [`Dm::version`] |
//! | `udevcreatecookie` | [`SharedCookie::create`] |
//! | `udevreleasecookie` | [`SharedCookie::wait`] |
//! | `udevflags` | [`UdevCookie::flags`], [`rule_variables`] |
//! | `udevcomplete` | [`complete`] |
//! | `udevcomplete_all` | [`remove_stale_cookies`]; at once [`SharedCookie::remove`] of each |
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
//! - A device without an active table has no node. `mknodes` of dmsetup makes one, which cannot be opened and which
//!   udev later refuses to replace.
//! - A device that another program gave a name with unusual characters, without mangling them, is listed under that
//!   name, whereas dmsetup fails.
//! - dmsetup removes only the node whose name its mode of mangling gives. Here the nodes of all modes are removed with
//!   the device, so that none of them leads to the next device with this number.
//! - The example `dmsetup` takes arguments in UTF-8 only, whereas a [`DmName`] holds a name in any encoding. The
//!   example has no field `all` and no field of statistics in `info -c`, prints trees in one way only (`ls --tree -o`
//!   is an error), and prints nothing more with `-v`. Patterns of `-S` are those of the crate `regex`.
//! - A `--udevcookie`, `--readahead` or `--uid` that is not a number is an error, whereas dmsetup then works without
//!   it.
//! - `create --minor` needs no `--major`, `rename` takes `--uuid` and `--minor`, and a rename to the same name does
//!   nothing; dmsetup refuses these.
//! - A name such as `a\x41b`, which no program writes as its mangled form, is shown as it is, since `aAb` is the name
//!   of another device; dmsetup shows it as `aAb`. A name such as `a\xzz` is refused; dmsetup keeps it.
//! - The error of a failed `create` names the disk and the line that caused it. Error texts differ in general.

#[cfg(doc)]
use crate::{
    Dm, DmName, EventPoller, Host, Naming, RemovePolicy, StatusKind, StatusOptions, UdevCookie,
    udev::{SharedCookie, complete, cookies, remove_stale_cookies, rule_variables},
};
