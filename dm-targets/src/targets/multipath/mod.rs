//! `multipath`: uses several paths to the same device. The paths form groups, and one group is active at a time.
//!
//! ```text
//! table   = <#features> {<feature>} <#handler> [<handler> {<handler_arg>}] <groups> <first_group> {<group>}
//! feature = queue_if_no_path | pg_init_retries <n> | pg_init_delay_msecs <n>
//!         | retain_attached_hw_handler | queue_mode <bio|rq|mq>
//! group   = <selector> <#selector_args> {<selector_arg>} <paths> <path_args> (<device> {<path_arg>}){paths}
//! status  = <#feature_words> <queue_io> <pg_init_count> <#handler_words> <groups> <group> {<group_status>}
//! group_status = <state> <#selector_words> {<selector_word>} <paths> <info_words> {<path_status>}
//! path_status  = <device> <state> <fail_count> {<info_word>}
//! message = queue_if_no_path | fail_if_no_path
//!         | disable_group <group> | enable_group <group> | switch_group <group>
//!         | fail_path <device> | reinstate_path <device>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | #features | count | words | 0 to 8 |
//! | pg_init_retries | `u32` | | 1 to 50 |
//! | pg_init_delay_msecs | `u32` | milliseconds | 0 to 60000 |
//! | #handler | count | words, including the name of the handler | 0 to 1024 |
//! | groups | `u32` | | 0 to 1024 |
//! | first_group | `u32` | number of a group, from 1 | 0 if and only if there are no groups |
//! | paths | `u32` | | 1 to 1024 |
//! | path_args | `u32` | words, the same for each path of a group | see [`PathGroup`] |
//! | #feature_words | count | words about features: queue_io and pg_init_count | 2 |
//! | queue_io | `u32` | | not 0 before the first request, and while a hardware handler initializes the path group |
//! | pg_init_count | `u32` | attempts to initialize the current path group | |
//! | group | `u32` | number of a group, from 1 | |
//! | group_status: state | letter | `A` active, `E` enabled, `D` disabled | |
//! | path_status: state | letter | `A` active, `F` failed | |
//! | fail_count | `u32` | changes from working to failed | |
//!
//! The table and the status end with a space. `0 0 0 0` is a table without paths. The table that the kernel prints can
//! differ from the loaded table:
//!
//! - The hardware handler can be a handler that was already attached to a path. Its arguments are missing.
//! - `first_group` is the group to which the next request switches. If no switch is pending, it is the group in use, or
//!   1 if no group is in use.
//! - `queue_if_no_path` shows the effect of messages and of the module parameter `queue_if_no_path_timeout_secs`. It is
//!   missing while the device is suspended, unless the suspend had `noflush` and `queue_mode` is not `bio`.
//! - `queue_mode` is missing unless it is `bio`.
//! - `retain_attached_hw_handler` is missing in target version 1.15 and later (see `dmsetup targets`). In earlier
//!   versions, `queue_mode bio` adds it.
//!
//! Replies to messages are empty. Messages fail with `EBUSY` while the device is suspended.
//!
//! ```
//! use dm_targets::multipath::{MultipathTable, PathGroup};
//! use dm_units::DeviceNumber;
//!
//! let group = PathGroup::round_robin([0, 16].map(|minor| DeviceNumber::new(8, minor)));
//! let table = MultipathTable::new([group]).queue_if_no_path();
//! assert_eq!(table.to_string(), "1 queue_if_no_path 0 1 1 round-robin 0 2 1 8:0 1 8:16 1 ");
//! ```
//!
//! Kernel: `multipath_ctr`, `multipath_status` and `multipath_message` in `drivers/md/dm-mpath.c`, `*_add_path` and
//! `*_status` in `drivers/md/dm-ps-*.c`.

use dm_units::Sectors;

use crate::{Comparison, Feature, Health, InvalidField, TableDifference, Target};

mod group;
mod message;
mod path;
mod status;
mod table;

pub use group::PathGroup;
pub use message::MultipathMessage;
pub use path::{CpuPath, OtherPath, RepeatPath, ThroughputPath};
pub use status::{GroupState, MultipathStatus, PathGroupStatus, PathInfo, PathState, PathStatus, SelectorInfo};
pub use table::{HardwareHandler, MultipathFeatures, MultipathTable, QueueMode};

/// The `multipath` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multipath {}

impl Target for Multipath {
    const TYPE: &'static str = "multipath";
    type Table = MultipathTable;
    type Status = MultipathStatus;
    type Message = MultipathMessage;

    const SINGLETON: bool = true;
    const IMMUTABLE: bool = true;

    const FEATURES: &'static [Feature] = MultipathFeatures::FEATURES;

    fn check(table: &MultipathTable, _length: Sectors) -> Result<(), InvalidField> {
        table.check()
    }

    /// Compares the requested table `one` with `other`, which the kernel printed; see [`Target::difference`]. A printed
    /// hardware handler is ignored if a handler or `retain_attached_hw_handler` was requested, because the printed
    /// handler may have been attached to a path before the table was loaded.
    fn difference(one: &MultipathTable, other: &MultipathTable) -> Option<TableDifference> {
        let [one, other] = [one, &other.as_requested(one)].map(MultipathTable::as_printed);
        Comparison::new(&one, &other)
            .layout("path groups", |table| &table.groups)
            .tunable("features", |table| &table.features)
            .tunable("hardware handler", |table| &table.handler)
            .tunable("first group", |table| &table.first_group)
            .result()
    }

    fn health(status: &MultipathStatus) -> Health {
        status.health()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WordBuf;

    fn refusal(text: &str) -> String {
        Multipath::parse_table(text).unwrap_err().to_string()
    }

    #[test]
    fn the_first_group_is_one_of_the_groups() {
        assert!(Multipath::parse_table("0 0 0 0").is_ok());
        let first = "initial priority group number, must be";
        assert_eq!(refusal("0 0 0 1"), format!("multipath table: word 4, {first} 0 because the table has no groups"));
        assert_eq!(
            refusal("0 0 1 0 round-robin 0 1 0 8:0"),
            format!("multipath table: word 4, {first} at least 1 because the table has groups")
        );
        assert_eq!(refusal("0 0 2 1 round-robin 0 1 0 8:0"), "multipath table: word 10, path selector, is missing");
        assert_eq!(refusal("0 0 1 1 round-robin 0 1 0 8:0 8:16"), "multipath table: word 10 is one word too many");
    }

    #[test]
    fn features_are_read_in_any_order_but_only_once() {
        let table = Multipath::parse_table("5 queue_mode BIO pg_init_retries 5 QUEUE_IF_NO_PATH 0 0 0").unwrap();
        assert_eq!(table.to_string(), "5 queue_if_no_path pg_init_retries 5 queue_mode bio 0 0 0 ");
        assert_eq!(
            refusal("4 pg_init_retries 5 pg_init_retries 5 0 0 0"),
            "multipath table: word 4, pg_init_retries, is given twice"
        );
        assert_eq!(
            refusal("1 pg_init_retries 0 0 0"),
            "multipath table: word 2, pg_init_retries, must be followed by a value"
        );
        assert_eq!(
            refusal("2 pg_init_retries 51 0 0 0"),
            "multipath table: word 3, pg_init_retries, must be from 1 to 50"
        );
        assert_eq!(
            refusal("2 pg_init_delay_msecs 60001 0 0 0"),
            "multipath table: word 3, pg_init_delay_msecs, must be at most 60000"
        );
    }

    #[test]
    fn check_refuses_values_out_of_range() {
        let check = |table: MultipathTable| Multipath::check(&table, Sectors(8)).map_err(|invalid| invalid.to_string());
        let table = MultipathTable::new([]);
        assert_eq!(check(table.clone().pg_init_retries(50).pg_init_delay_msecs(0)), Ok(()));
        assert_eq!(
            check(table.clone().pg_init_retries(0)).unwrap_err().to_string(),
            "pg_init_retries must be from 1 to 50"
        );
        assert_eq!(
            check(table.clone().first_group(1)).unwrap_err().to_string(),
            "initial priority group number must be 0 because the table has no groups"
        );
        let all = table.queue_if_no_path().pg_init_retries(1).pg_init_delay_msecs(1).retain_attached_hw_handler();
        let mut all = all.queue_mode(QueueMode::Rq);
        assert_eq!(check(all.clone()), Ok(()));
        all.features.other_features = vec![WordBuf::new("new").unwrap()];
        assert_eq!(check(all), Err("number of feature args must be at most 8".into()));
    }

    #[test]
    fn a_handler_keeps_its_arguments() {
        let handler = HardwareHandler::new(WordBuf::new("emc").unwrap());
        let table = MultipathTable::new([]).handler(handler.args(["0", "1"].map(|arg| WordBuf::new(arg).unwrap())));
        assert_eq!(table.to_string(), "0 3 emc 0 1 0 0 ");
        assert_eq!(Multipath::parse_input(&table.to_string()), Ok(table));
    }
}
