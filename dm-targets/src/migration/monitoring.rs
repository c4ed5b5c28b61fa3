//! Replacements for the programs `dmstats` and `dmeventd` of LVM2.
//!
//! [`Stats`] and [`Monitor`] do most of the work of the two programs; their methods take a [`Host`](dm_core::Host).
//! Both types work without a daemon or registry. They have no report options: they return values, and the caller
//! decides what to do with the values.
//!
//! # dmstats
//!
//! | there | here |
//! |---|---|
//! | `dmstats create` | [`Stats::create`] with a [`StatsCreate`] |
//! | `--start`, `--length` | the field `range` of [`StatsCreate`] |
//! | `--areas`, `--areasize` | [`StatsStep::Areas`], [`StatsStep::Sectors`] |
//! | `--bounds` | [`StatsCreate::histogram`], in milliseconds, or in nanoseconds with `precise_timestamps` |
//! | `--precise` | [`StatsCreate::precise_timestamps`] |
//! | `--programid`, `--userdata` | [`StatsCreate::program`], [`StatsCreate::aux`] |
//! | `--segments` | [`Stats::create`] for each line of [`MappedDev::table`] |
//! | `--filemap`, `dmstats update_filemap` | —: only the file system knows which parts of a device belong to a file |
//! | `dmstats list` | [`Stats::regions`], [`Stats::regions_of`] |
//! | `dmstats list --alldevices` | [`Stats::find`], which finds the regions of one program only |
//! | `dmstats print` | [`Stats::read`], [`Stats::read_areas`] |
//! | `dmstats print --clear` | [`Stats::read_and_clear`] |
//! | `dmstats clear` | [`Stats::clear`] |
//! | `dmstats delete` | [`Stats::delete`] |
//! | `dmstats delete --allregions` | [`Stats::delete_of`], which deletes the regions of one program only |
//! | `dmstats report` | [`StatsReading::rates_since`], [`StatsReading::area_rates_since`]; [`StatsRates`] names the dmstats field of each value |
//! | `dmstats report --count`, `--interval` | —: the caller waits between two readings |
//! | `dmstats group`, `dmstats ungroup` | [`StatsReading::total`] sums the areas of a region; the caller computes other sums |
//!
//! # dmeventd
//!
//! | there | here |
//! |---|---|
//! | `dmeventd` | [`Monitor`], in the process and thread of the caller |
//! | `dm_event_register_handler`, `lvchange --monitor y` | [`Monitor::open`] with [`MonitorOptions::name`] or [`MonitorOptions::uuid_prefix`] |
//! | `dm_event_handler_set_timeout` | [`MonitorOptions::status_interval`] |
//! | `process_event` of a plugin | [`Monitor::wait`], which returns each [`Alarm`] |
//! | `libdevmapper-event-lvm2thin`, `thin_command` | [`AlarmKind::LevelReached`], [`AlarmKind::BelowLowWater`] |
//! | `libdevmapper-event-lvm2snapshot` | [`AlarmKind::LevelReached`], [`Concern::Invalid`] |
//! | `libdevmapper-event-lvm2mirror` | [`AlarmKind::Leg`], [`Concern::FailedLog`] |
//! | `libdevmapper-event-lvm2raid` | [`AlarmKind::Leg`], [`AlarmKind::WorkEnded`] |
//! | `libdevmapper-event-lvm2vdo` | [`AlarmKind::LevelReached`] |
//! | `thin_pool_autoextend_threshold` | [`MonitorOptions::levels`], and [`MappedDev::grow`] when a level is reached |

#[cfg(doc)]
use crate::{
    Concern,
    devices::{Alarm, AlarmKind, MappedDev, Monitor, MonitorOptions, Stats, StatsRates, StatsReading},
    stats::{StatsCreate, StatsStep},
};
