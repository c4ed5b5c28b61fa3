//! `switch`: sends each region of a device down one of several paths. Messages set the path of a region.
//!
//! ```text
//! table   = <paths> <region_size> 0 (<device> <offset>){paths}
//! message = set_region_mappings {<mapping>}
//! mapping = <region>:<path> | :<path> | R<cycle>,<count>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | paths | `u32` | | at least 1, at most as many as fit in the kernel's `KMALLOC_MAX_SIZE` |
//! | region_size | `u32` | sectors | at least 1 |
//! | offset | [`Sectors`] | sectors on the device | |
//! | region | `u64`, hexadecimal | number of the region, from 0 | |
//! | path | `u32`, hexadecimal | number of the path, from 0 | |
//! | cycle, count | `u64`, hexadecimal | regions | cycle at least 1 |
//!
//! The `0` is the number of optional words; the kernel defines none. After a load, regions are assigned to the paths in
//! turn. The kernel never prints the current assignment. **If a message fails, the mappings before the wrong one have
//! already taken effect**; [`SwitchMessage::check`] finds such an error before the message is sent. The status is empty.
//!
//! Kernel: `switch_ctr`, `switch_status` and `process_set_region_mappings` in `drivers/md/dm-switch.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::{
    Device, Fields, InvalidField, Limits, Message, NoReply, NoStatus, Params, ParseError, Printer, Problem, Target,
    Value, Word,
};

const PATHS: Limits = Limits::new("number of paths", 1, u32::MAX as u64);
const REGION_SIZE: Limits = Limits::new("region size", 1, u32::MAX as u64);

/// The `switch` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {}

impl Target for Switch {
    const TYPE: &'static str = "switch";
    type Table = SwitchTable;
    type Status = NoStatus;
    type Message = SwitchMessage;

    fn check(table: &SwitchTable, _length: Sectors) -> Result<(), InvalidField> {
        PATHS.check(table.paths.len() as u64)?;
        REGION_SIZE.check(table.region_size)
    }
}

/// The arguments of a `switch` target: the paths and the region size.
///
/// ```
/// use dm_targets::switch::{SwitchPath, SwitchTable};
/// use dm_targets::{Switch, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let devices = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 16)];
/// let table = SwitchTable::new(128, devices.map(|device| SwitchPath::new(device, Sectors(0))));
/// assert_eq!(table.to_string(), "2 128 0 254:0 0 254:16 0");
/// assert_eq!(Switch::parse_table("2 128 0 254:0 0 254:16 0")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SwitchTable {
    /// The size of a region in sectors, at least 1; the last region may be shorter.
    pub region_size: u32,
    /// The paths, numbered from 0; at least one.
    pub paths: Vec<SwitchPath>,
}

impl SwitchTable {
    /// Sends each region of `region_size` sectors down one of `paths`.
    ///
    /// The values are not checked; [`Switch::check`](crate::Target::check) does that.
    pub fn new(region_size: u32, paths: impl IntoIterator<Item = SwitchPath>) -> Self {
        Self { region_size, paths: paths.into_iter().collect() }
    }
}

/// A path of a `switch` target: a device and its first mapped sector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SwitchPath {
    /// The device that the path leads to.
    pub device: Device,
    /// The first mapped sector of `device`.
    pub offset: Sectors,
}

impl SwitchPath {
    /// A path to `device`, whose mapped sectors start at `offset`.
    pub fn new(device: impl Into<Device>, offset: Sectors) -> Self {
        Self { device: device.into(), offset }
    }

    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self { device: fields.read("device")?, offset: fields.read("offset")? })
    }
}

impl Params for SwitchTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let count: u32 = fields.read_within(&PATHS)?;
        let region_size = fields.read_within(&REGION_SIZE)?;
        fields.read_literal("number of optional args", "0")?;
        let paths = (0..count).map(|_| SwitchPath::parse(fields)).collect::<Result<_, _>>()?;
        Ok(Self { region_size, paths })
    }
}

impl fmt::Display for SwitchTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.count(self.paths.len()).put(&self.region_size).word("0");
        for path in &self.paths {
            out.put(&path.device).put(&path.offset);
        }
        out.end()
    }
}

/// A message to a `switch` target, which assigns regions to paths.
///
/// ```
/// use dm_targets::switch::{RegionMapping, SwitchMessage};
///
/// let mappings = [RegionMapping::Region { region: 26, path: 0 }, RegionMapping::Next { path: 1 }];
/// let message = SwitchMessage::SetRegionMappings(mappings.into());
/// assert_eq!(message.to_string(), "set_region_mappings 1a:0 :1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwitchMessage {
    /// Assigns regions to paths, in the order of the list. If the list starts with [`Next`](RegionMapping::Next), that
    /// assigns region 1. If the kernel refuses a mapping, the mappings before it have already taken effect.
    SetRegionMappings(Vec<RegionMapping>),
}

/// The assignment of one or more regions to paths, printed as `<region>:<path>`, `:<path>` or `R<cycle>,<count>` in
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionMapping {
    /// Assigns one region.
    Region {
        /// The number of the region, from 0.
        region: u64,
        /// The number of the path, from 0.
        path: u32,
    },
    /// Assigns the next region, after the last one that this message assigned.
    Next {
        /// The number of the path, from 0.
        path: u32,
    },
    /// Assigns the next `count` regions by repeating the paths of the `cycle` regions before them.
    Repeat {
        /// The number of regions whose paths are repeated, at least 1.
        cycle: u64,
        /// The number of regions that are assigned.
        count: u64,
    },
}

impl SwitchMessage {
    /// Checks that a target with this table and length would accept every mapping of the message.
    ///
    /// # Errors
    ///
    /// [`InvalidField`]: a region or path does not exist, or a repetition has fewer than `cycle` regions before it.
    pub fn check(&self, table: &SwitchTable, length: Sectors) -> Result<(), InvalidField> {
        let Self::SetRegionMappings(mappings) = self;
        let last_path = (table.paths.len() as u64).saturating_sub(1);
        let last_region = length.0.div_ceil(u64::from(table.region_size).max(1)).saturating_sub(1);
        let path_limits = Limits::new("path", 0, last_path);
        let region_limits = Limits::new("region", 0, last_region);
        // Like the kernel, this starts at region 0, regardless of earlier messages.
        let mut region: u64 = 0;
        for mapping in mappings {
            region = match *mapping {
                RegionMapping::Region { region, path } => path_limits.check(path).map(|()| region)?,
                RegionMapping::Next { path } => path_limits.check(path).map(|()| region.saturating_add(1))?,
                RegionMapping::Repeat { cycle, count } => {
                    Limits::new("cycle length", 1, region.saturating_add(1)).check(cycle)?;
                    region.saturating_add(count)
                }
            };
            region_limits.check(region)?;
        }
        Ok(())
    }
}

impl Message for SwitchMessage {
    type Reply = NoReply;
}

impl Params for SwitchMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        if !name.is("set_region_mappings") {
            return Err(fields.error("message", Problem::Unknown));
        }
        let mut mappings = Vec::new();
        while let Some(mapping) = fields.read_optional("mapping")? {
            mappings.push(mapping);
        }
        Ok(Self::SetRegionMappings(mappings))
    }
}

impl fmt::Display for SwitchMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetRegionMappings(mappings) => Printer::new(f).word("set_region_mappings").all(mappings).end(),
        }
    }
}

impl Value for RegionMapping {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let text = word.spelling();
        if let Some(repeat) = text.strip_prefix(['R', 'r']) {
            let (cycle, count) = repeat.split_once(',').ok_or(NO_MAPPING)?;
            let cycle = read_hex(cycle)?;
            return if cycle == 0 { Err(NO_MAPPING) } else { Ok(Self::Repeat { cycle, count: read_hex(count)? }) };
        }
        let (region, path) = text.split_once(':').ok_or(NO_MAPPING)?;
        let path = u32::try_from(read_hex(path)?).map_err(|_| NO_MAPPING)?;
        Ok(match region {
            "" => Self::Next { path },
            _ => Self::Region { region: read_hex(region)?, path },
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        use fmt::Write;
        match self {
            Self::Region { region, path } => write!(out, "{region:x}:{path:x}"),
            Self::Next { path } => write!(out, ":{path:x}"),
            Self::Repeat { cycle, count } => write!(out, "R{cycle:x},{count:x}"),
        }
    }
}

const NO_MAPPING: Problem = Problem::Expected("region:path, :path or Rcycle,count, in hexadecimal digits");

/// Parses hexadecimal digits. The kernel drops leading digits that do not fit; here they are an error.
fn read_hex(digits: &str) -> Result<u64, Problem> {
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u64::from_str_radix(digits, 16).map_err(|_| NO_MAPPING)
    } else {
        Err(NO_MAPPING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_many_as_counted() {
        let error = |text| Switch::parse_table(text).unwrap_err().to_string();
        assert_eq!(error("2 128 0 254:0 0"), "switch table: word 6, device, is missing");
        assert_eq!(error("1 128 0 254:0 0 7"), "switch table: word 6 is one word too many");
        assert_eq!(error("0 128 0"), "switch table: word 1, number of paths, must be from 1 to 4294967295");
        assert_eq!(error("1 0 0 254:0 0"), "switch table: word 2, region size, must be from 1 to 4294967295");
        assert_eq!(error("1 8 1 x 254:0 0"), "switch table: word 3, number of optional args, must be 0");
        assert_eq!(
            Switch::check(&SwitchTable::new(128, []), Sectors(8)).unwrap_err().to_string(),
            "number of paths must be from 1 to 4294967295"
        );
    }

    #[test]
    fn mappings_are_hexadecimal() {
        let message = Switch::parse_message("SET_region_mappings A:1F :10 r2,fF").unwrap();
        let SwitchMessage::SetRegionMappings(mappings) = &message;
        assert_eq!(
            mappings[..],
            [
                RegionMapping::Region { region: 10, path: 31 },
                RegionMapping::Next { path: 16 },
                RegionMapping::Repeat { cycle: 2, count: 255 },
            ]
        );
        assert_eq!(message.to_string(), "set_region_mappings a:1f :10 R2,ff");
    }

    #[test]
    fn malformed_mappings_are_refused() {
        for bad in ["0", "0:", ":", "R", "R2", "R2,", "R,2", "R0,2", "0x1:0", "+1:0", "0:-1", "0:100000000"] {
            let error = Switch::parse_message(&format!("set_region_mappings {bad}")).unwrap_err();
            assert_eq!((error.field(), error.problem()), ("mapping", NO_MAPPING), "{bad}");
        }
    }

    #[test]
    fn mappings_are_checked_against_the_table() {
        let table = Switch::parse_table("2 128 0 254:0 0 254:16 0").unwrap();
        let check = |mappings| {
            let message = Switch::parse_message(&format!("set_region_mappings {mappings}")).unwrap();
            message.check(&table, Sectors(1000)).map_err(|invalid| invalid.to_string())
        };
        // 1000 sectors are 8 regions, the last of which is shorter.
        assert_eq!(check("0:1 :0 R2,6"), Ok(()));
        assert_eq!(check("7:1"), Ok(()));
        assert_eq!(check("8:1").unwrap_err(), "region must be at most 7");
        assert_eq!(check("7:1 :1").unwrap_err(), "region must be at most 7");
        assert_eq!(check("0:2").unwrap_err(), "path must be at most 1");
        assert_eq!(check("0:1 R2,1").unwrap_err(), "cycle length must be from 1 to 1");
        assert_eq!(check("0:1 :0 R2,7").unwrap_err(), "region must be at most 7");
        assert_eq!(check("R1,ffffffffffffffff").unwrap_err(), "region must be at most 7");
    }
}
