//! Units as numbers, device numbers as text.

use dm_units::{Bytes, DataBlocks, DeviceNumber, MetaBlocks, Sectors};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    sectors: Sectors,
    bytes: Bytes,
    data: DataBlocks,
    meta: MetaBlocks,
    device: DeviceNumber,
}

const EVERYTHING: Everything = Everything {
    sectors: Sectors(8),
    bytes: Bytes(4096),
    data: DataBlocks(1),
    meta: MetaBlocks(2),
    device: DeviceNumber::new(253, 7),
};

#[test]
fn every_unit_reads_back_from_json() {
    let text = r#"{"sectors":8,"bytes":4096,"data":1,"meta":2,"device":"253:7"}"#;
    assert_eq!(serde_json::to_string(&EVERYTHING).unwrap(), text);
    assert_eq!(serde_json::from_str::<Everything>(text).unwrap(), EVERYTHING);
    assert_eq!(serde_json::from_value::<Everything>(serde_json::to_value(&EVERYTHING).unwrap()).unwrap(), EVERYTHING);
}

/// A format that does not say what it holds gets the same type for a small and a large number of bytes.
#[test]
fn every_unit_reads_back_from_a_binary_format() {
    for bytes in [Bytes(0), Bytes(4096), Bytes(u64::MAX.into()), Bytes::MAX] {
        let written = Everything { bytes, ..EVERYTHING };
        let buffer = postcard::to_allocvec(&written).unwrap();
        assert_eq!(postcard::from_bytes::<Everything>(&buffer).unwrap(), written);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Size {
    Number(Bytes),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    size: Inner,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    bytes: Bytes,
}

/// serde keeps the value in a buffer that has no 128-bit numbers, as some text formats have none.
#[test]
fn a_number_of_bytes_reads_back_from_a_format_without_128_bit_numbers() {
    for bytes in [Bytes(0), Bytes(4096), Bytes(u64::MAX.into()), Bytes::MAX] {
        let text = serde_json::to_string(&Size::Number(bytes)).unwrap();
        assert_eq!(serde_json::from_str::<Size>(&text).unwrap(), Size::Number(bytes));
        let flat = Flat { size: Inner { bytes } };
        assert_eq!(serde_json::from_str::<Flat>(&serde_json::to_string(&flat).unwrap()).unwrap(), flat);
        let number = i64::try_from(bytes.0).unwrap_or(i64::MAX);
        let signed = Bytes::deserialize(serde::de::value::I64Deserializer::<serde::de::value::Error>::new(number));
        assert_eq!(signed.unwrap(), Bytes(u128::try_from(number).unwrap()));
    }
    let negative = serde::de::value::I64Deserializer::<serde::de::value::Error>::new(-1);
    let error = Bytes::deserialize(negative).unwrap_err().to_string();
    assert_eq!(error, "invalid value: integer `-1`, expected a number of bytes");
}

#[test]
fn the_largest_values() {
    assert_eq!(serde_json::to_string(&Sectors::MAX).unwrap(), "18446744073709551615");
    assert_eq!(serde_json::to_string(&Bytes::MAX).unwrap(), r#""340282366920938463463374607431768211455""#);
    assert_eq!(serde_json::from_str::<Bytes>(r#""340282366920938463463374607431768211455""#).unwrap(), Bytes::MAX);
    assert_eq!(serde_json::from_str::<Sectors>("18446744073709551615").unwrap(), Sectors::MAX);
}

#[test]
fn refuses_anything_else() {
    assert!(serde_json::from_str::<Sectors>("-1").is_err());
    assert!(serde_json::from_str::<Sectors>("\"16 MiB\"").is_err());
    assert!(serde_json::from_str::<Sectors>("18446744073709551616").is_err());
    assert!(serde_json::from_str::<Bytes>("-1").is_err());
    assert!(serde_json::from_str::<Bytes>("1.5").is_err());
    assert!(serde_json::from_str::<Bytes>("\"16 MiB\"").is_err());
    let message = |text| serde_json::from_str::<DeviceNumber>(text).unwrap_err().to_string();
    assert_eq!(message("\"253\""), "invalid device number: expected `:` at byte 3 at line 1 column 5");
    assert!(message("253").contains("a device number such as \"253:7\""));
}
