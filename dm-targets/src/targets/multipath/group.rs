//! Path groups and path selectors.

use alloc::vec::Vec;

use super::path::{CpuPath, Cpus, OtherPath, RepeatPath, THROUGHPUT, ThroughputPath};
use crate::{Device, Fields, InvalidField, Limits, ParseError, Printer, Problem, WordBuf};

const SELECTOR: &str = "path selector";
const SELECTOR_ARGS: Limits = Limits::new("number of path selector args", 0, 1024);
const PATHS: Limits = Limits::new("number of paths", 1, 1024);
const PATH_ARGS: Limits = Limits::new("number of path args", 0, 1024);
const BASE_WEIGHT: Limits = Limits::new("base weight", 0, 1023);
const THRESHOLD_MULTIPLIER: &str = "threshold multiplier";

const ROUND_ROBIN: &str = "round-robin";
const QUEUE_LENGTH: &str = "queue-length";
const SERVICE_TIME: &str = "service-time";
const HISTORICAL_SERVICE_TIME: &str = "historical-service-time";
const IO_AFFINITY: &str = "io-affinity";

/// A group of paths, and the path selector that chooses the path for a request.
///
/// | selector | selector arguments | path arguments |
/// |---|---|---|
/// | `round-robin`, `queue-length` | | `[<repeat_count>]` |
/// | `service-time` | | `[<repeat_count> [<throughput>]]` |
/// | `historical-service-time` | `[<base_weight> [<threshold_multiplier>]]` | `[<repeat_count>]` |
/// | `io-affinity` | | `<cpu_mask>` |
///
/// If a text omits an argument, the value gets the kernel's default. `Display` prints all arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathGroup {
    /// Uses the paths in turn.
    RoundRobin {
        /// The paths of the group, 1 to 1024.
        paths: Vec<RepeatPath>,
    },
    /// Uses the path with the fewest requests in flight.
    QueueLength {
        /// The paths of the group, 1 to 1024.
        paths: Vec<RepeatPath>,
    },
    /// Uses the path that, according to its relative throughput, will be the first to complete its bytes in flight.
    ServiceTime {
        /// The paths of the group, 1 to 1024.
        paths: Vec<ThroughputPath>,
    },
    /// Uses the path that is expected to complete the request first, according to the duration of earlier requests.
    /// Since Linux 5.8.
    HistoricalServiceTime {
        /// The weight of earlier requests in units of 1/1024, at most 1023; the kernel's default is 972.
        base_weight: u32,
        /// A path counts as slower than another only if it is slower by this factor. With 0 (the kernel's default) or
        /// 1, any difference counts.
        threshold_multiplier: u32,
        /// The paths of the group, 1 to 1024.
        paths: Vec<RepeatPath>,
    },
    /// Uses the path that is assigned to the current CPU. If this path has failed, or no path is assigned to the CPU,
    /// uses another path. Since Linux 5.11.
    IoAffinity {
        /// The paths of the group, 1 to 1024.
        paths: Vec<CpuPath>,
    },
    /// A path selector that this crate does not know.
    Other {
        /// The name of the selector.
        selector: WordBuf,
        /// The arguments of the selector.
        args: Vec<WordBuf>,
        /// The paths of the group, 1 to 1024. All paths must have the same number of arguments.
        paths: Vec<OtherPath>,
    },
}

fn repeat_paths<D: Into<Device>>(devices: impl IntoIterator<Item = D>) -> Vec<RepeatPath> {
    devices.into_iter().map(RepeatPath::new).collect()
}

impl PathGroup {
    /// Uses the devices in turn.
    pub fn round_robin<D: Into<Device>>(devices: impl IntoIterator<Item = D>) -> Self {
        Self::RoundRobin { paths: repeat_paths(devices) }
    }

    /// Uses the device with the fewest requests in flight.
    pub fn queue_length<D: Into<Device>>(devices: impl IntoIterator<Item = D>) -> Self {
        Self::QueueLength { paths: repeat_paths(devices) }
    }

    /// Uses the path that, according to its relative throughput, will be the first to complete its bytes in flight.
    pub fn service_time(paths: impl IntoIterator<Item = ThroughputPath>) -> Self {
        Self::ServiceTime { paths: paths.into_iter().collect() }
    }

    /// Uses the device that is expected to complete the request first. The weight and the factor are the kernel's
    /// defaults: 972 and 0.
    pub fn historical_service_time<D: Into<Device>>(devices: impl IntoIterator<Item = D>) -> Self {
        Self::HistoricalServiceTime { base_weight: 972, threshold_multiplier: 0, paths: repeat_paths(devices) }
    }

    /// Uses the path that is assigned to the current CPU.
    pub fn io_affinity(paths: impl IntoIterator<Item = CpuPath>) -> Self {
        Self::IoAffinity { paths: paths.into_iter().collect() }
    }

    /// Removes differences without an effect: the kernel prints other repeat counts than were given, and CPU masks with
    /// zeros for all CPUs of the host.
    pub(super) fn simplify(&mut self) {
        match self {
            Self::RoundRobin { paths } | Self::QueueLength { paths } | Self::HistoricalServiceTime { paths, .. } => {
                paths.iter_mut().for_each(|path| path.repeat_count = 0);
            }
            Self::ServiceTime { paths } => paths.iter_mut().for_each(|path| path.repeat_count = 0),
            Self::IoAffinity { paths } => paths.iter_mut().for_each(CpuPath::simplify),
            Self::Other { .. } => {}
        }
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        let paths = match self {
            Self::RoundRobin { paths } | Self::QueueLength { paths } => paths.len(),
            Self::ServiceTime { paths } => {
                paths.iter().try_for_each(|path| THROUGHPUT.check(path.relative_throughput))?;
                paths.len()
            }
            Self::HistoricalServiceTime { base_weight, paths, .. } => {
                BASE_WEIGHT.check(*base_weight)?;
                paths.len()
            }
            Self::IoAffinity { paths } => {
                let mut cpus = Cpus::default();
                paths.iter().try_for_each(|path| cpus.add(&path.cpu_mask))?;
                paths.len()
            }
            Self::Other { args, paths, .. } => {
                SELECTOR_ARGS.check(args.len() as u64)?;
                check_other_paths(paths)?;
                paths.len()
            }
        };
        PATHS.check(paths as u64)
    }

    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let selector: WordBuf = fields.read(SELECTOR)?;
        match selector.as_str() {
            ROUND_ROBIN => {
                read_no_args(fields)?;
                Ok(Self::RoundRobin { paths: read_repeat_paths(fields)? })
            }
            QUEUE_LENGTH => {
                read_no_args(fields)?;
                Ok(Self::QueueLength { paths: read_repeat_paths(fields)? })
            }
            SERVICE_TIME => {
                read_no_args(fields)?;
                Ok(Self::ServiceTime { paths: read_paths(fields, 0, 2, ThroughputPath::parse)? })
            }
            HISTORICAL_SERVICE_TIME => Self::parse_historical(fields),
            IO_AFFINITY => {
                read_no_args(fields)?;
                let mut cpus = Cpus::default();
                Ok(Self::IoAffinity { paths: read_paths(fields, 1, 1, |fields, _| CpuPath::parse(fields, &mut cpus))? })
            }
            _ => {
                let args = fields.read_group(SELECTOR_ARGS.field())?.read_rest("path selector arg")?;
                let paths = read_paths(fields, 0, 1024, OtherPath::parse)?;
                Ok(Self::Other { selector, args, paths })
            }
        }
    }

    fn parse_historical(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let count: u32 = fields.read_within(&Limits::new(SELECTOR_ARGS.field(), 0, 2))?;
        Ok(Self::HistoricalServiceTime {
            base_weight: if count > 0 { fields.read_within(&BASE_WEIGHT)? } else { 972 },
            threshold_multiplier: if count > 1 { fields.read(THRESHOLD_MULTIPLIER)? } else { 0 },
            paths: read_repeat_paths(fields)?,
        })
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        match self {
            Self::RoundRobin { paths } => {
                out.word(ROUND_ROBIN).word("0");
                print_repeat_paths(out, paths);
            }
            Self::QueueLength { paths } => {
                out.word(QUEUE_LENGTH).word("0");
                print_repeat_paths(out, paths);
            }
            Self::ServiceTime { paths } => {
                out.word(SERVICE_TIME).word("0").count(paths.len()).word("2");
                for path in paths {
                    out.put(&path.device).put(&path.repeat_count).put(&path.relative_throughput);
                }
            }
            Self::HistoricalServiceTime { base_weight, threshold_multiplier, paths } => {
                out.word(HISTORICAL_SERVICE_TIME).word("2").put(base_weight).put(threshold_multiplier);
                print_repeat_paths(out, paths);
            }
            Self::IoAffinity { paths } => {
                out.word(IO_AFFINITY).word("0").count(paths.len()).word("1");
                for path in paths {
                    out.put(&path.device).put(&path.cpu_mask);
                }
            }
            Self::Other { selector, args, paths } => {
                out.put(selector).count(args.len()).all(args);
                out.count(paths.len()).count(paths.first().map_or(0, |path| path.args.len()));
                for path in paths {
                    out.put(&path.device).all(&path.args);
                }
            }
        }
    }
}

fn check_other_paths(paths: &[OtherPath]) -> Result<(), InvalidField> {
    let mut counts = paths.iter().map(|path| path.args.len());
    let first = counts.next().unwrap_or_default();
    PATH_ARGS.check(first as u64)?;
    if counts.any(|count| count != first) {
        return Err(InvalidField::new(PATH_ARGS.field(), Problem::Expected("the same for all paths of a group")));
    }
    Ok(())
}

/// Reads the count of a selector's arguments, which must be 0 for a selector without arguments.
fn read_no_args(fields: &mut Fields<'_>) -> Result<(), ParseError> {
    fields.read_within::<u32>(&Limits::new(SELECTOR_ARGS.field(), 0, 0)).map(drop)
}

/// Reads the two counts before the paths, and each path with `read`, which gets the number of its arguments.
fn read_paths<P>(
    fields: &mut Fields<'_>,
    min_args: u64,
    max_args: u64,
    mut read: impl FnMut(&mut Fields<'_>, u32) -> Result<P, ParseError>,
) -> Result<Vec<P>, ParseError> {
    let count: u32 = fields.read_within(&PATHS)?;
    let args: u32 = fields.read_within(&Limits::new(PATH_ARGS.field(), min_args, max_args))?;
    (0..count).map(|_| read(fields, args)).collect()
}

fn read_repeat_paths(fields: &mut Fields<'_>) -> Result<Vec<RepeatPath>, ParseError> {
    read_paths(fields, 0, 1, RepeatPath::parse)
}

fn print_repeat_paths(out: &mut Printer<'_, '_>, paths: &[RepeatPath]) {
    out.count(paths.len()).word("1");
    for path in paths {
        out.put(&path.device).put(&path.repeat_count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multipath::MultipathTable;
    use crate::{Multipath, Target};
    use dm_units::{DeviceNumber, Sectors};

    fn refusal(group: &str) -> String {
        Multipath::parse_table(&format!("0 0 1 1 {group}")).unwrap_err().to_string()
    }

    #[test]
    fn arguments_left_out_are_the_kernels() {
        let printed = |group: &str| Multipath::parse_table(&format!("0 0 1 1 {group}")).unwrap().to_string();
        for (given, full) in [
            ("round-robin 0 2 0 8:0 8:16", "round-robin 0 2 1 8:0 1 8:16 1"),
            ("queue-length 0 1 0 8:0", "queue-length 0 1 1 8:0 1"),
            ("service-time 0 1 0 8:0", "service-time 0 1 2 8:0 1 1"),
            ("service-time 0 1 1 8:0 0", "service-time 0 1 2 8:0 0 1"),
            ("historical-service-time 0 1 0 8:0", "historical-service-time 2 972 0 1 1 8:0 1"),
            ("historical-service-time 1 5 1 1 8:0 7", "historical-service-time 2 5 0 1 1 8:0 7"),
        ] {
            assert_eq!(printed(given), format!("0 0 1 1 {full} "));
        }
    }

    #[test]
    fn an_error_names_the_word_that_the_constructor_refuses() {
        let word = "multipath table: word";
        assert_eq!(
            refusal("round-robin 1 x 1 0 8:0"),
            format!("{word} 6, number of path selector args, must be at most 0")
        );
        assert_eq!(refusal("round-robin 0 0 0"), format!("{word} 7, number of paths, must be from 1 to 1024"));
        assert_eq!(refusal("queue-length 0 1 2 8:0 1 1"), format!("{word} 8, number of path args, must be at most 1"));
        assert_eq!(
            refusal("service-time 0 1 2 8:0 1 101"),
            format!("{word} 11, relative throughput, must be at most 100")
        );
        assert_eq!(
            refusal("historical-service-time 1 1024 1 0 8:0"),
            format!("{word} 7, base weight, must be at most 1023")
        );
        assert_eq!(refusal("io-affinity 0 1 0 8:0"), format!("{word} 8, number of path args, must be from 1 to 1"));
        for mask in ["0x1", "1,0x1", "123456789"] {
            assert!(refusal(&format!("io-affinity 0 1 1 8:0 {mask}")).contains("word 10, cpu mask,"), "{mask}");
        }
        for mask in ["ff,", ",44", "1,,5", "f,12345678"] {
            let text = format!("0 0 1 1 io-affinity 0 1 1 8:0 {mask} ");
            let table = Multipath::parse_table(&text).unwrap();
            assert_eq!(table.to_string(), text);
        }
    }

    #[test]
    fn each_path_needs_a_cpu_that_no_earlier_path_has() {
        let device = DeviceNumber::new(8, 0);
        let new = "must be a mask with a CPU that no earlier path of the group has";
        for (masks, accepted) in [
            (&["0"][..], false),
            (&[","], false),
            (&["0,00000000"], false),
            (&["1", "1"], false),
            (&["1", "00000001"], false),
            (&["7,3", "4,2"], false),
            (&["1", "1,0"], true),
            (&["1,0", "1"], true),
            (&["7", "f"], true),
            (&["1,,0,", "2,,0,", "3,"], true),
            (&["1,,0,", "2,,0,", "3,0"], false),
        ] {
            let path = |mask: &&str| CpuPath::new(device, WordBuf::new(*mask).unwrap());
            let table = MultipathTable::new([PathGroup::io_affinity(masks.iter().map(path))]);
            let checked = Multipath::check(&table, Sectors(8)).map_err(|error| error.to_string());
            assert_eq!(checked, if accepted { Ok(()) } else { Err(format!("cpu mask {new}")) }, "{masks:?}");
            let word = 8 + 2 * masks.len();
            let parsed = Multipath::parse_table(&table.to_string()).map(|_| ()).map_err(|error| error.to_string());
            let refused = Err(format!("multipath table: word {word}, cpu mask, {new}"));
            assert_eq!(parsed, if accepted { Ok(()) } else { refused }, "{masks:?}");
        }
        let groups = ["1", "1"].map(|mask| PathGroup::io_affinity([CpuPath::new(device, WordBuf::new(mask).unwrap())]));
        assert_eq!(Multipath::check(&MultipathTable::new(groups), Sectors(8)), Ok(()), "groups are independent");
    }

    #[test]
    fn unknown_selectors_keep_their_words() {
        let text = "0 0 1 1 newest 2 a b 2 1 8:0 x 8:16 y ";
        assert_eq!(Multipath::parse_table(text).unwrap().to_string(), text);
    }

    #[test]
    fn check_refuses_values_out_of_range() {
        let check = |group| Multipath::check(&MultipathTable::new([group]), Sectors(8)).is_ok();
        let device = DeviceNumber::new(8, 0);
        assert!(check(PathGroup::queue_length([device])));
        assert!(!check(PathGroup::queue_length::<Device>([])));
        assert!(check(PathGroup::service_time([ThroughputPath::new(device, 100)])));
        assert!(!check(PathGroup::service_time([ThroughputPath::new(device, 101)])));
        assert!(check(PathGroup::historical_service_time([device])));
        let word = |text| WordBuf::new(text).unwrap();
        assert!(check(PathGroup::io_affinity([CpuPath::new(device, word("ff,00000001"))])));
        assert!(!check(PathGroup::io_affinity([CpuPath::new(device, word("ff,x"))])));
        let other = |paths| PathGroup::Other { selector: word("newest"), args: Vec::new(), paths };
        assert!(check(other(vec![OtherPath::new(device, [word("x")]), OtherPath::new(device, [word("y")])])));
        assert!(!check(other(vec![OtherPath::new(device, [word("x")]), OtherPath::new(device, [])])));
    }
}
