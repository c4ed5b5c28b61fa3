//! Replacements for the device types of the crate `devicemapper`, 0.4 to 0.34.
//!
//! `LinearDev`, `ThinPoolDev`, `ThinDev` and `CacheDev` are type aliases of [`MappedDev`], which exists for every
//! target. The methods take a [`Host`] instead of a `DM`. A device stores only its name and uuid. It asks the kernel
//! for its table, number and path when they are needed.
//!
//! # Every device
//!
//! | there | here |
//! |---|---|
//! | `DmDevice` | [`MappedDev`] |
//! | `DmDevice::device` | [`MappedDev::number`] |
//! | `DmDevice::devnode` | [`MappedDev::path`] |
//! | `DmDevice::name`, `DmDevice::uuid` | [`MappedDev::name`], [`MappedDev::uuid`] |
//! | `DmDevice::size` | [`Table::length`] of [`MappedDev::table`] |
//! | `DmDevice::table`, `DmDevice::read_kernel_table` | [`MappedDev::table`], always read from the kernel |
//! | `DmDevice::equivalent_tables` | `==` of [`Table`]. Both tables must have the form that the kernel prints: for example, numbers of devices instead of paths, and the name of a policy instead of `default` |
//! | `DmDevice::table_load` | [`MappedDev::set_table`], which also suspends and resumes, and restores the old table if a step fails |
//! | `DmDevice::suspend`, `DmDevice::resume` | [`MappedDev::suspend`], [`MappedDev::resume`] |
//! | `DmDevice::teardown`, in 0.4 `teardown` of each device | [`MappedDev::remove`], which removes only this device; see below |
//! | `message`; in 0.4 `ThinPoolDev::message` | [`MappedDev::message`], with types for the message and its reply |
//!
//! # Linear devices
//!
//! | there | here |
//! |---|---|
//! | `LinearDev`, `LinearDev::setup` | [`LinearDev`], [`MappedDev::setup`]; [`MappedDev::open`] takes an existing linear device without comparing its table |
//! | `LinearDev::set_table` | [`MappedDev::set_table`] |
//! | `LinearDev::set_name` | [`MappedDev::rename`] |
//! | in 0.4 `LinearDev::new` of segments | [`MappedDev::create`] with a [`Table`] of lines |
//! | in 0.4 `LinearDev::name`, `LinearDev::size`, `LinearDev::devnode` | [`MappedDev::name`], [`Table::length`], [`MappedDev::path`] |
//! | in 0.4 `LinearDev::dstr`, `LinearDev.dev_info` | [`MappedDev::number`], [`MappedDev::info`] |
//!
//! # Thin pools
//!
//! In `devicemapper`, a pool owns its two linear devices, and `teardown` removes all three devices. Here the linear
//! devices are separate. Create them first, and put their numbers into the pool's table. Remove them after the pool, or
//! remove all three devices with [`Host::remove_stack`].
//!
//! | there | here |
//! |---|---|
//! | `ThinPoolDev`, `ThinPoolDev::new` | [`ThinPoolDev`], [`MappedDev::create`] |
//! | `ThinPoolDev::setup` | [`MappedDev::setup`] |
//! | `ThinPoolDev::meta_dev`, `ThinPoolDev::data_dev` | the fields `metadata` and `data` of the pool's [`ThinPoolTable`] |
//! | `ThinPoolDev::data_block_size` | the field `block_size` of [`ThinPoolTable`] |
//! | `ThinPoolDev::status` | [`MappedDev::status`] |
//! | `ThinPoolDev::set_low_water_mark` | [`MappedDev::change`] of `low_water` |
//! | `ThinPoolDev::set_data_table` | [`MappedDev::set_table`] of the data device, then [`ThinPoolDev::grow`](MappedDev::grow) |
//! | `ThinPoolDev::set_meta_table` | [`MappedDev::set_table`] of the metadata device, then reload the pool: call its [`MappedDev::change`] with a function that changes nothing |
//! | `ThinPoolDev::error_if_no_space`, `ThinPoolDev::queue_if_no_space` | [`MappedDev::change`] of `error_if_no_space` |
//! | `ThinPoolDev::skip_block_zeroing`, `ThinPoolDev::require_block_zeroing` | [`MappedDev::change`] of `skip_block_zeroing` |
//! | `ThinPoolDev::no_discard_passdown`, `ThinPoolDev::discard_passdown` | [`MappedDev::change`] of `no_discard_passdown` |
//! | in 0.4 `ThinPoolDev::name`, `ThinPoolDev::devnode`, `ThinPoolDev::dstr` | [`MappedDev::name`], [`MappedDev::path`], [`MappedDev::number`] |
//!
//! # Thin devices
//!
//! A pool identifies a thin device by its id. Programs use the name of the mapped device that activates the thin
//! device. Removing the mapped device leaves the thin device in the pool.
//!
//! | there | here |
//! |---|---|
//! | `ThinDev`, `ThinDev::new` | [`ThinDev`], [`create_thin`](MappedDev::create_thin) of the pool |
//! | `ThinDev::setup` | [`activate`](MappedDev::activate) of the pool; for a mapped device that may exist already, [`MappedDev::setup`] with a [`ThinTable`] |
//! | `ThinDev::snapshot` | [`snapshot`](MappedDev::snapshot) of the pool |
//! | `ThinDev::destroy` | [`delete`](MappedDev::delete) of the pool |
//! | `ThinDev::id` | [`dev_id`](MappedDev::dev_id) |
//! | `ThinDev::status` | [`MappedDev::status`] |
//! | `ThinDev::set_table` | [`set_length`](MappedDev::set_length), or [`MappedDev::set_table`] |
//! | in 0.4 `ThinDev::name`, `ThinDev::devnode`, `ThinDev::dstr` | [`MappedDev::name`], [`MappedDev::path`], [`MappedDev::number`] |
//!
//! # Caches
//!
//! In `devicemapper`, a cache owns its three linear devices, and `teardown` removes all four devices. Here the linear
//! devices are separate, as for pools. Before you remove a cache for good, write back its dirty blocks. Otherwise you
//! lose the writes that exist only in the cache.
//!
//! | there | here |
//! |---|---|
//! | `CacheDev`, `CacheDev::new` | [`CacheDev`], [`MappedDev::create`] |
//! | `CacheDev::setup` | [`MappedDev::setup`] |
//! | `CacheDev::status` | [`MappedDev::status`] |
//! | `CacheDev::set_origin_table`, `CacheDev::set_cache_table`, `CacheDev::set_meta_table` | [`MappedDev::set_table`] of that device, then [`MappedDev::change`] of the cache. If the origin has a new length, set the length of the cache's line in that call |

#[cfg(doc)]
use crate::{
    Table,
    devices::{CacheDev, LinearDev, MappedDev, ThinDev, ThinPoolDev},
    thin::ThinTable,
    thin_pool::ThinPoolTable,
};

#[cfg(doc)]
use dm_core::Host;
