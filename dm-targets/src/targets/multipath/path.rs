//! The paths of a group, with the arguments of their path selector.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{Device, Fields, InvalidField, Limits, ParseError, Problem, Value, WordBuf};

const REPEAT_COUNT: &str = "repeat count";
pub(super) const THROUGHPUT: Limits = Limits::new("relative throughput", 0, 100);
const CPU_MASK: &str = "cpu mask";

/// A path for the selectors `round-robin`, `queue-length` and `historical-service-time`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RepeatPath {
    /// The device that the path leads to.
    pub device: Device,
    /// In Linux 6.1 and later, the count has no effect, and the kernel prints a count larger than 1 as 1. Some older
    /// kernels send this many consecutive requests to the path. For `historical-service-time`, the kernel always prints
    /// 0.
    pub repeat_count: u32,
}

/// A path for the selector `service-time`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ThroughputPath {
    /// The device that the path leads to.
    pub device: Device,
    /// In Linux 6.1 and later, the count has no effect, and the kernel prints a count larger than 1 as 1. Some older
    /// kernels send this many consecutive requests to the path.
    pub repeat_count: u32,
    /// The throughput in relation to the other paths, from 0 to 100. A path with 0 is used only if no path with a
    /// higher throughput works.
    pub relative_throughput: u32,
}

/// A path for the selector `io-affinity`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CpuPath {
    /// The device that the path leads to.
    pub device: Device,
    /// The CPUs that prefer the path, as a bit mask in hexadecimal digits. The kernel ignores a
    /// CPU that an earlier path of the group already has, but at least one CPU must be new.
    ///
    /// The mask consists of blocks of up to eight digits, separated by commas; empty blocks are skipped. Each block
    /// stands for 32 CPUs, and the lowest bit of a block for its first CPU. The last block stands for CPUs 0 to 31.
    pub cpu_mask: WordBuf,
}

/// A path for a path selector that this crate does not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OtherPath {
    /// The device that the path leads to.
    pub device: Device,
    /// The arguments for the path selector.
    pub args: Vec<WordBuf>,
}

impl RepeatPath {
    /// A path to `device` with the repeat count 1.
    pub fn new(device: impl Into<Device>) -> Self {
        Self { device: device.into(), repeat_count: 1 }
    }
}

impl ThroughputPath {
    /// A path to `device` with a throughput from 0 to 100 in relation to the other paths.
    pub fn new(device: impl Into<Device>, relative_throughput: u32) -> Self {
        Self { device: device.into(), repeat_count: 1, relative_throughput }
    }
}

impl CpuPath {
    /// A path to `device` for the CPUs of a mask in hexadecimal digits. The mask is not checked;
    /// [`Multipath::check`](crate::Target::check) does that.
    pub fn new(device: impl Into<Device>, cpu_mask: WordBuf) -> Self {
        Self { device: device.into(), cpu_mask }
    }

    /// Writes the mask in the shortest way, in lower case and without commas.
    pub(super) fn simplify(&mut self) {
        let digits =
            groups(&self.cpu_mask).map(|group| format!("{group:0>8}")).collect::<String>().to_ascii_lowercase();
        if let Ok(mask) = WordBuf::new(digits.trim_start_matches('0')) {
            self.cpu_mask = mask;
        }
    }
}

impl OtherPath {
    /// A path to `device` with arguments for the path selector.
    pub fn new(device: impl Into<Device>, args: impl IntoIterator<Item = WordBuf>) -> Self {
        Self { device: device.into(), args: args.into_iter().collect() }
    }
}

/// Reads the device that a path leads to.
fn read_device(fields: &mut Fields<'_>) -> Result<Device, ParseError> {
    fields.read("device")
}

/// Reads an argument if it is given; the default is 1.
fn read_or_1<T: Value + From<u8>>(fields: &mut Fields<'_>, given: bool, field: &'static str) -> Result<T, ParseError> {
    if given { fields.read(field) } else { Ok(T::from(1)) }
}

impl RepeatPath {
    pub(super) fn parse(fields: &mut Fields<'_>, args: u32) -> Result<Self, ParseError> {
        Ok(Self { device: read_device(fields)?, repeat_count: read_or_1(fields, args > 0, REPEAT_COUNT)? })
    }
}

impl ThroughputPath {
    pub(super) fn parse(fields: &mut Fields<'_>, args: u32) -> Result<Self, ParseError> {
        let path = Self {
            device: read_device(fields)?,
            repeat_count: read_or_1(fields, args > 0, REPEAT_COUNT)?,
            relative_throughput: read_or_1(fields, args > 1, THROUGHPUT.field())?,
        };
        THROUGHPUT.check(path.relative_throughput).map_err(|invalid| fields.blame(invalid))?;
        Ok(path)
    }
}

impl CpuPath {
    /// Parses a path of a group; `earlier` has the CPUs of the paths before it.
    pub(super) fn parse(fields: &mut Fields<'_>, earlier: &mut Cpus) -> Result<Self, ParseError> {
        let path = Self { device: read_device(fields)?, cpu_mask: fields.read(CPU_MASK)? };
        earlier.add(&path.cpu_mask).map_err(|invalid| fields.blame(invalid))?;
        Ok(path)
    }
}

impl OtherPath {
    pub(super) fn parse(fields: &mut Fields<'_>, args: u32) -> Result<Self, ParseError> {
        let device = read_device(fields)?;
        let args = (0..args).map(|_| fields.read("path arg")).collect::<Result<_, _>>()?;
        Ok(Self { device, args })
    }
}

/// The CPUs of the paths of a group, 32 in each number; the first number has CPUs 0 to 31.
#[derive(Default)]
pub(super) struct Cpus(Vec<u32>);

impl Cpus {
    /// Adds the CPUs of the next path. Like `ioa_add_path`, refuses a mask without a CPU that earlier paths do not have.
    pub(super) fn add(&mut self, mask: &str) -> Result<(), InvalidField> {
        check_cpu_mask(mask)?;
        let mut is_needed = false;
        for (place, group) in groups(mask).rev().enumerate() {
            // The group was checked.
            let cpus = u32::from_str_radix(group, 16).unwrap_or_default();
            if place >= self.0.len() {
                self.0.push(0);
            }
            if let Some(earlier) = self.0.get_mut(place) {
                is_needed |= cpus & !*earlier != 0;
                *earlier |= cpus;
            }
        }
        if is_needed {
            return Ok(());
        }
        Err(InvalidField::new(CPU_MASK, Problem::Expected("a mask with a CPU that no earlier path of the group has")))
    }
}

/// The groups of a CPU mask that are not empty.
fn groups(mask: &str) -> impl DoubleEndedIterator<Item = &str> {
    mask.split(',').filter(|group| !group.is_empty())
}

/// Checks a mask as `cpumask_parse` does, but without empty groups: groups of up to eight hexadecimal digits.
fn check_cpu_mask(mask: &str) -> Result<(), InvalidField> {
    let is_group = |group: &str| (1..=8).contains(&group.len()) && group.bytes().all(|digit| digit.is_ascii_hexdigit());
    // The kernel skips empty groups (`bitmap_find_region_reverse` in `lib/bitmap-str.c`).
    if groups(mask).all(is_group) {
        return Ok(());
    }
    Err(InvalidField::new(CPU_MASK, Problem::Expected("groups of up to eight hexadecimal digits, with commas between")))
}
