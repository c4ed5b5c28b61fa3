//! `zoned`: makes zoned block devices accept random writes, although some or all zones must be written sequentially.
//!
//! ```text
//! table   = <zoned>                        one zoned device
//!         | <regular> <zoned> {<zoned>}    a regular device as a cache, and zoned devices
//! status  = <zones> zones [<unmapped>/<total> cache] {<unmapped>/<total> random <unmapped>/<total> sequential}
//! message = reclaim
//! ```
//!
//! | word | type | unit | |
//! |---|---|---|---|
//! | zones | `u32` | zones | of all devices |
//! | unmapped/total | [`Zones`] | zones | `cache`: of the regular device; `random` and `sequential`: once per zoned device |
//!
//! The devices must be formatted first (`dmzadm --format`) and are mapped as a whole. Linux 6.12 crashes if an
//! unformatted regular device is given together with zoned devices. The kernel replaces the length of the line with
//! the usable capacity of the devices. The length that it reports later may therefore differ from the loaded one.
//! Target versions before 2.0.0 take one device and print no `cache`.
//!
//! The reply to the message is empty.
//!
//! Kernel: `dmz_ctr`, `dmz_status` and `dmz_message` in `drivers/md/dm-zoned-target.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Version;

use crate::{
    Device, Feature, Fields, Message, NoReply, Params, ParseError, Printer, Problem, Target, Usage, Value, Word,
    WordBuf,
};

/// The `zoned` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zoned {}

impl Target for Zoned {
    const TYPE: &'static str = "zoned";
    type Table = ZonedTable;
    type Status = ZonedStatus;
    type Message = ZonedMessage;

    const SINGLETON: bool = true;

    /// A regular device before the zoned devices, since 2.0.0. Its name in this list is `regular device`.
    const FEATURES: &'static [Feature] = &[Feature { name: "regular device", since: Version::new(2, 0, 0) }];
}

/// The arguments of a `zoned` target: its devices.
///
/// ```
/// use dm_targets::zoned::ZonedTable;
/// use dm_targets::{Target, Zoned};
/// use dm_units::DeviceNumber;
///
/// let [regular, zoned] = [DeviceNumber::new(8, 16), DeviceNumber::new(8, 32)];
/// assert_eq!(ZonedTable::new(zoned).to_string(), "8:32");
/// let table = ZonedTable::with_regular(regular, [zoned.into()]);
/// assert_eq!(table.to_string(), "8:16 8:32");
/// assert_eq!(Zoned::parse_table("8:16 8:32")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ZonedTable {
    /// The zoned device if the table has no other device, otherwise the regular device.
    pub first: Device,
    /// The zoned devices if `first` is a regular device.
    pub others: Vec<Device>,
}

impl ZonedTable {
    /// Maps one zoned device, with no regular device.
    pub fn new(zoned: impl Into<Device>) -> Self {
        Self { first: zoned.into(), others: Vec::new() }
    }

    /// Maps zoned devices, with a regular device that holds metadata and caches writes. If `zoned` is empty, the table
    /// is the same as that of [`new(regular)`](Self::new), and the kernel refuses it (`Invalid regular device`).
    pub fn with_regular(regular: impl Into<Device>, zoned: impl IntoIterator<Item = Device>) -> Self {
        Self { first: regular.into(), others: zoned.into_iter().collect() }
    }
}

impl Params for ZonedTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut table = Self::new(fields.read::<Device>("device")?);
        while let Some(device) = fields.read_optional("device")? {
            table.others.push(device);
        }
        Ok(table)
    }
}

impl fmt::Display for ZonedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.first).all(&self.others).end()
    }
}

/// The number of zones of one kind, printed as `unmapped/total`, such as `4/6`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Zones {
    /// The number of zones that hold no data.
    pub unmapped: u32,
    /// The number of zones of this kind for data, without zones for metadata and zones reserved for reclaim.
    pub total: u32,
}

impl Zones {
    const fn from_usage(Usage { used: unmapped, total }: Usage<u32>) -> Self {
        Self { unmapped, total }
    }
}

impl Value for Zones {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Usage::read(word).map(Self::from_usage)
    }

    #[inline]
    fn scan(text: &[u8]) -> Option<(Self, &[u8])> {
        let (zones, rest) = Usage::scan(text)?;
        Some((Self::from_usage(zones), rest))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        Usage { used: self.unmapped, total: self.total }.print(out)
    }
}

/// The numbers of zones of a `zoned` target, and how many of them hold no data.
///
/// ```
/// use dm_targets::{Target, Zoned};
///
/// let status = Zoned::parse_status("64 zones 0/0 cache 4/6 random 54/54 sequential")?;
/// assert_eq!((status.zones, status.devices[0].random.unmapped), (64, 4));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ZonedStatus {
    /// The number of zones of all devices.
    pub zones: u32,
    /// The cache zones. They are on the regular device, which is the device that is not zoned. Both numbers are 0 if
    /// the table has no regular device. `None` before target version 2.0.0.
    pub cache: Option<Zones>,
    /// The zones of each zoned device, in the order of the table.
    pub devices: Vec<ZonedDeviceStatus>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

/// The numbers of zones of one zoned device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ZonedDeviceStatus {
    /// The zones that accept random writes.
    pub random: Zones,
    /// The zones that must be written sequentially.
    pub sequential: Zones,
}

impl ZonedDeviceStatus {
    /// Whether the next words are the zones of another device.
    fn follows(fields: &Fields<'_>) -> bool {
        let mut ahead = fields.clone();
        let _ = ahead.next_word();
        ahead.next_word().is_some_and(|word| word.spelling() == "random")
    }

    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let random = fields.read("random zones")?;
        fields.read_literal("random", "random")?;
        let sequential = fields.read("sequential zones")?;
        fields.read_literal("sequential", "sequential")?;
        Ok(Self { random, sequential })
    }
}

impl Params for ZonedStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let zones = fields.read("zones")?;
        fields.read_literal("zones", "zones")?;
        let mut cache = None;
        if !ZonedDeviceStatus::follows(fields) {
            cache = Some(fields.read("cache zones")?);
            fields.read_literal("cache", "cache")?;
        }
        let mut devices = Vec::new();
        while ZonedDeviceStatus::follows(fields) {
            devices.push(ZonedDeviceStatus::parse(fields)?);
        }
        Ok(Self { zones, cache, devices, extra: fields.read_rest("extra")? })
    }
}

impl fmt::Display for ZonedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.zones).word("zones");
        if let Some(cache) = &self.cache {
            out.put(cache).word("cache");
        }
        for ZonedDeviceStatus { random, sequential } in &self.devices {
            out.put(random).word("random").put(sequential).word("sequential");
        }
        out.all(&self.extra).end()
    }
}

/// A message to a `zoned` target.
///
/// ```
/// use dm_targets::zoned::ZonedMessage;
///
/// assert_eq!(ZonedMessage::Reclaim.to_string(), "reclaim");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZonedMessage {
    /// Starts moving data out of the cache and the random zones. The message has no effect while the target is busy and
    /// more than 30 percent of these zones are unmapped.
    Reclaim,
}

impl Message for ZonedMessage {
    type Reply = NoReply;
}

impl Params for ZonedMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        match fields.next_word() {
            Some(name) if name.is("reclaim") => Ok(Self::Reclaim),
            Some(_) => Err(fields.error("message", Problem::Unknown)),
            None => Err(fields.missing("message")),
        }
    }
}

impl fmt::Display for ZonedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reclaim => f.write_str("reclaim"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_must_have_their_key_words() {
        let refusal = |text| Zoned::parse_status(text).unwrap_err().to_string();
        assert_eq!(refusal("9 zones 1/2 cash"), "zoned status: word 4, cache, must be cache");
        assert_eq!(refusal("9 zones 1/2 cache 0/0 random 1/2"), "zoned status: word 8, sequential, is missing");
        let status = Zoned::parse_status("9 zones 0/0 cache 1/2 random 3/7 sequential and more").unwrap();
        assert_eq!(status.devices[0].sequential, Zones { unmapped: 3, total: 7 });
        assert_eq!((status.cache, status.extra.len()), (Some(Zones { unmapped: 0, total: 0 }), 2));
        let status = Zoned::parse_status("9 zones 1/2 random 3/7 sequential").unwrap();
        assert_eq!((status.cache, status.devices[0].random), (None, Zones { unmapped: 1, total: 2 }));
    }

    #[test]
    fn several_devices_need_version_2() {
        assert_eq!(Zoned::has_feature("regular device", Version::new(1, 0, 0)), Some(false));
        let table = Zoned::parse_table("8:16 8:32 8:48").unwrap();
        assert_eq!(table.others.len(), 2);
        assert_eq!(Zoned::parse_table("").unwrap_err().to_string(), "zoned table: word 1, device, is missing");
    }
}
