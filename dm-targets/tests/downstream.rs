//! Trait impls that another crate may write for its own types, with every combination of features.
//!
//! A test is a separate crate, so an impl here that conflicts with one in `dm-targets` does not compile.

use core::fmt;
use core::str::FromStr;
use std::collections::HashSet;

// `Clone` and `Error` are used below, so the glob import must not shadow names of the prelude.
use dm_targets::*;
use dm_units::{DeviceNumber, Sectors};

/// A volume of a storage manager.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Volume {
    disk: DeviceNumber,
    start: Sectors,
}

impl From<Volume> for AnyTable {
    fn from(volume: Volume) -> Self {
        linear::LinearTable::new(volume.disk, volume.start).into()
    }
}

impl From<Volume> for linear::LinearTable {
    fn from(volume: Volume) -> Self {
        Self::new(volume.disk, volume.start)
    }
}

impl From<Volume> for Device {
    fn from(volume: Volume) -> Self {
        Self::Number(volume.disk)
    }
}

#[derive(Debug)]
struct NotAVolume;

impl fmt::Display for NotAVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a volume")
    }
}

impl std::error::Error for NotAVolume {}

impl TryFrom<&AnyTable> for Volume {
    type Error = NotAVolume;

    fn try_from(table: &AnyTable) -> Result<Self, NotAVolume> {
        let AnyTable::Linear(table) = table else { return Err(NotAVolume) };
        Ok(Self { disk: table.device.number().ok_or(NotAVolume)?, start: table.start })
    }
}

impl FromStr for Volume {
    type Err = NotAVolume;

    fn from_str(text: &str) -> Result<Self, NotAVolume> {
        let table: AnyTable = Linear::parse_table(text).map_err(|_| NotAVolume)?.into();
        Self::try_from(&table)
    }
}

#[test]
fn own_types_become_tables_and_back() {
    let volume: Volume = "253:0 8".parse().unwrap();
    let line: TableLine = TableLine::new(Sectors(0), Sectors(8), volume.clone());
    assert_eq!(line.to_string(), "0 8 linear 253:0 8");
    assert_eq!(Volume::try_from(&line.params).unwrap(), volume);
    let typed = TableLine::<Linear>::new(Sectors(0), Sectors(8), volume);
    assert_eq!(typed.to_string(), line.to_string());
}

#[test]
fn tables_can_be_keys_of_maps_and_are_iterated() {
    let table = Table::parse_printed("0 8 linear 253:0 8\n8 8 zero ").unwrap();
    let lines: HashSet<&TableLine> = (&table).into_iter().collect();
    assert_eq!(lines.len(), 2);
    let tables: HashSet<AnyTable> = table.into_iter().map(|line| line.params).collect();
    assert!(tables.contains(&AnyTable::from(zero::ZeroTable)));
}

#[cfg(feature = "serde")]
mod with_serde {
    use super::*;

    /// Trait impls that are derived, and the same written by hand.
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Saved {
        table: linear::LinearTable,
        id: thin::ThinDevId,
        line: TableLine,
    }

    impl serde::Serialize for Volume {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            AnyTable::from(self.clone()).to_string().serialize(serializer)
        }
    }

    impl<'de> serde::Deserialize<'de> for Volume {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        }
    }

    #[test]
    fn own_types_are_saved() {
        let saved = Saved {
            table: linear::LinearTable::new(DeviceNumber::new(253, 0), Sectors(8)),
            id: thin::ThinDevId::new(7).unwrap(),
            line: TableLine::parse_printed("0 8 zero ").unwrap(),
        };
        let json = serde_json::to_string(&saved).unwrap();
        assert_eq!(json, r#"{"table":"253:0 8","id":7,"line":"0 8 zero "}"#);
        assert_eq!(serde_json::from_str::<Saved>(&json).unwrap(), saved);
        let volume: Volume = serde_json::from_str(r#""253:0 8""#).unwrap();
        assert_eq!(serde_json::to_string(&volume).unwrap(), r#""253:0 8""#);
    }

    #[test]
    fn a_thin_device_id_is_serialized_as_a_number_and_read_from_strings_too() {
        let id: thin::ThinDevId = serde_json::from_str(r#""7""#).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "7");
        for bad in ["16777216", "-1", r#""x""#, r#""16777216""#, "1.5"] {
            assert!(serde_json::from_str::<thin::ThinDevId>(bad).is_err(), "{bad}");
        }
    }
}
