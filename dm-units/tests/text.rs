//! Exact strings, and the laws between printing and reading.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use std::fmt::{self, Write};

use dm_units::{Bytes, DataBlocks, DeviceNumber, MetaBlocks, ParseUnitErrorKind, Sectors, decimal};
use proptest::prelude::*;

const UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

fn size_of(unit: &str) -> u128 {
    UNITS.iter().take_while(|name| **name != unit).fold(1, |size, _| size * 1024)
}

#[test]
fn the_text_is_the_number_alone() {
    assert_eq!(Sectors(0).to_string(), "0");
    assert_eq!(Sectors::MAX.to_string(), "18446744073709551615");
    assert_eq!(Bytes::MAX.to_string(), "340282366920938463463374607431768211455");
    assert_eq!(DataBlocks(16).to_string(), "16");
    assert_eq!(MetaBlocks(16).to_string(), "16");
}

#[test]
fn the_alternate_text_has_a_unit() {
    for (bytes, text) in [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1792, "1.75 KiB"),
        (1025, "1 KiB"),
        (1034, "1.01 KiB"),
        (1126, "1.1 KiB"),
        (16 << 20, "16 MiB"),
        // Half a hundredth is rounded up: 1.125 and 1.375.
        (1152, "1.13 KiB"),
        (1408, "1.38 KiB"),
        // 1023.994 and 1023.995 KiB.
        (1_048_570, "1023.99 KiB"),
        (1_048_571, "1 MiB"),
        (1_048_575, "1 MiB"),
        ((1 << 30) - 1, "1 GiB"),
        (1 << 40, "1 TiB"),
        (1 << 50, "1 PiB"),
        (1 << 60, "1 EiB"),
        (1 << 70, "1 ZiB"),
        (1 << 80, "1 YiB"),
        (1 << 90, "1024 YiB"),
        (u128::MAX, "281474976710656 YiB"),
    ] {
        assert_eq!(format!("{:#}", Bytes(bytes)), text, "{bytes}");
    }
    assert_eq!(format!("{:#}", Sectors(1)), "512 B");
    assert_eq!(format!("{:#}", Sectors(3)), "1.5 KiB");
    assert_eq!(format!("{:#}", Sectors::MAX), "8 ZiB");
    assert_eq!(format!("{:#}", MetaBlocks(1)), "4 KiB");
    assert_eq!(format!("{:#}", MetaBlocks::MAX), "64 ZiB");
    assert_eq!(format!("{:#}", DataBlocks(0)), "0 blocks");
    assert_eq!(format!("{:#}", DataBlocks(1)), "1 block");
    assert_eq!(format!("{:#}", DataBlocks::MAX), "18446744073709551615 blocks");
    assert_eq!(format!("{:#}", DeviceNumber::new(253, 7)), "253:7");
}

#[test]
fn width_fill_and_alignment() {
    let sectors = Sectors(8);
    assert_eq!(format!("{sectors:5}|{sectors:<5}|{sectors:^5}|{sectors:05}|{sectors:+}"), "    8|8    |  8  |00008|+8");
    assert_eq!(
        format!("{sectors:#8}|{sectors:<#8}|{sectors:^#8}|{sectors:*>#8}"),
        "   4 KiB|4 KiB   | 4 KiB  |***4 KiB"
    );
    assert_eq!(format!("{:#10}|{:#.1}", DataBlocks(8), Bytes(1792)), "  8 blocks|1.75 KiB");
    let device = DeviceNumber::new(8, 1);
    assert_eq!(format!("{device:6}|{device:>6}|{device:-^7}"), "8:1   |   8:1|--8:1--");
}

/// Counts the writes that a text takes.
#[derive(Default)]
struct Writes(Vec<String>);

impl Write for Writes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push(text.to_string());
        Ok(())
    }
}

#[test]
fn plain_text_is_one_write() {
    let mut writes = Writes::default();
    write!(writes, "{}", Sectors(1_234_567)).unwrap();
    write!(writes, "{}", Bytes(123)).unwrap();
    write!(writes, "{}", DeviceNumber::new(253, 1_048_575)).unwrap();
    decimal::write_u64(&mut writes, u64::MAX).unwrap();
    assert_eq!(writes.0, ["1234567", "123", "253:1048575", "18446744073709551615"]);
}

#[test]
fn reads_what_it_documents() {
    assert_eq!("16".parse(), Ok(Sectors(16)));
    assert_eq!("0016".parse(), Ok(Sectors(16)));
    assert_eq!("16s".parse(), Ok(Sectors(16)));
    assert_eq!("16 s".parse(), Ok(Sectors(16)));
    assert_eq!("512B".parse(), Ok(Sectors(1)));
    assert_eq!("16MiB".parse(), Ok(Sectors(32_768)));
    assert_eq!("16 MiB".parse(), Ok(Sectors(32_768)));
    assert_eq!("1.5 GiB".parse(), Ok(Sectors(3_145_728)));
    assert_eq!("0.50 KiB".parse(), Ok(Sectors(1)));
    assert_eq!("18446744073709551615".parse(), Ok(Sectors::MAX));
    assert_eq!("18446744073709551615s".parse(), Ok(Sectors::MAX));
    assert_eq!("8388608 PiB".parse(), Ok(MetaBlocks(1 << 61)));
    assert_eq!("8s".parse(), Ok(Bytes(4096)));
    assert_eq!("0.5s".parse(), Ok(Bytes(256)));
    assert_eq!("340282366920938463463374607431768211455".parse(), Ok(Bytes::MAX));
    assert_eq!("340282366920938463463374607431768211455 B".parse(), Ok(Bytes::MAX));
    assert_eq!("8s".parse(), Ok(MetaBlocks(1)));
    assert_eq!("1 MiB".parse(), Ok(MetaBlocks(256)));
    assert_eq!("16".parse(), Ok(DataBlocks(16)));
    assert_eq!("1 block".parse(), Ok(DataBlocks(1)));
    assert_eq!("16blocks".parse(), Ok(DataBlocks(16)));
    assert_eq!("253:7".parse(), Ok(DeviceNumber::new(253, 7)));
    assert_eq!("4294967295:4294967295".parse(), Ok(DeviceNumber::new(u32::MAX, u32::MAX)));
}

/// The smallest fraction of all: one byte of a yobibyte has 80 decimals, none of which may get lost.
#[test]
fn reads_fractions_exactly() {
    let digits = "0.00000000000000000000000082718061255302767487140869206996285356581211090087890625";
    assert_eq!(format!("{digits} YiB").parse(), Ok(Bytes(1)));
    assert_eq!(format!("{digits}0 YiB").parse(), Ok(Bytes(1)));
    let error = format!("{digits}1 YiB").parse::<Bytes>().unwrap_err();
    assert_eq!(error.kind(), ParseUnitErrorKind::NotWhole);
}

macro_rules! messages {
    ($type:ty: $($text:literal => $message:literal),+ $(,)?) => {
        $(assert_eq!($text.parse::<$type>().unwrap_err().to_string(), $message, "{:?}", $text);)+
    };
}

#[test]
fn messages_about_sizes() {
    messages!(Sectors:
        "" => "invalid number of sectors: expected a decimal digit at byte 0",
        "+5" => "invalid number of sectors: expected a decimal digit at byte 0",
        "-5" => "invalid number of sectors: expected a decimal digit at byte 0",
        " 5" => "invalid number of sectors: expected a decimal digit at byte 0",
        ".5 KiB" => "invalid number of sectors: expected a decimal digit at byte 0",
        "5. KiB" => "invalid number of sectors: expected a decimal digit at byte 2",
        "5." => "invalid number of sectors: expected a decimal digit at byte 2",
        "1.5" => "invalid number of sectors: expected a unit at byte 3: B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "5 " => "invalid number of sectors: expected a unit at byte 2: B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "0x10" => "invalid number of sectors: unknown unit at byte 1: write B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "5  KiB" => "invalid number of sectors: unknown unit at byte 2: write B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "5 KiB " => "invalid number of sectors: unknown unit at byte 2: write B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "5 kib" => "invalid number of sectors: unknown unit at byte 2: write B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "5 \u{b5}B" => "invalid number of sectors: unknown unit at byte 2: write B, KiB, MiB, GiB, TiB, PiB, EiB, ZiB, YiB or s",
        "5M" => "invalid number of sectors: ambiguous unit at byte 1: write KiB, MiB, GiB and so on for powers of 1024",
        "5 MB" => "invalid number of sectors: ambiguous unit at byte 2: write KiB, MiB, GiB and so on for powers of 1024",
        "5kB" => "invalid number of sectors: ambiguous unit at byte 1: write KiB, MiB, GiB and so on for powers of 1024",
        "513 B" => "invalid number of sectors: the size is not a whole number of them",
        "0.3 KiB" => "invalid number of sectors: the size is not a whole number of them",
        "18446744073709551616" => "invalid number of sectors: the number at byte 0 is too large",
        "8 ZiB" => "invalid number of sectors: the number at byte 0 is too large",
        "340282366920938463463374607431768211456" => "invalid number of sectors: the number at byte 0 is too large",
        "340282366920938463463374607431768211455 KiB" => "invalid number of sectors: the number at byte 0 is too large",
    );
    messages!(Bytes: "1.3 B" => "invalid number of bytes: the size is not a whole number of them");
    messages!(MetaBlocks: "9s" => "invalid number of metadata blocks: the size is not a whole number of them");
    messages!(DataBlocks:
        "16 MiB" => "invalid number of data blocks: unknown unit at byte 3: write `blocks`",
        "16M" => "invalid number of data blocks: unknown unit at byte 2: write `blocks`",
        "16 " => "invalid number of data blocks: expected a unit at byte 3: `blocks`",
        "1.5 blocks" => "invalid number of data blocks: the size is not a whole number of them",
    );
}

#[test]
fn messages_about_device_numbers() {
    messages!(DeviceNumber:
        "" => "invalid device number: expected a decimal digit at byte 0",
        ":7" => "invalid device number: expected a decimal digit at byte 0",
        "/dev/sda" => "invalid device number: expected a decimal digit at byte 0",
        "253" => "invalid device number: expected `:` at byte 3",
        "253-7" => "invalid device number: expected `:` at byte 3",
        "253 :7" => "invalid device number: expected `:` at byte 3",
        "253:" => "invalid device number: expected a decimal digit at byte 4",
        "253: 7" => "invalid device number: expected a decimal digit at byte 4",
        "253:+7" => "invalid device number: expected a decimal digit at byte 4",
        "253:7:" => "invalid device number: expected a decimal digit at byte 5",
        "253:7\n" => "invalid device number: expected a decimal digit at byte 5",
        "4294967296:7" => "invalid device number: the number at byte 0 is too large",
        "253:4294967296" => "invalid device number: the number at byte 4 is too large",
        "253:99999999999999999999" => "invalid device number: the number at byte 4 is too large",
    );
}

#[test]
fn messages_about_bare_numbers() {
    let message = |text: &[u8]| decimal::parse_u64(text).unwrap_err().to_string();
    assert_eq!(message(b""), "invalid number: expected a decimal digit at byte 0");
    assert_eq!(message(b"12 "), "invalid number: expected a decimal digit at byte 2");
    assert_eq!(message(b"12\xff"), "invalid number: expected a decimal digit at byte 2");
    assert_eq!(message(b"18446744073709551616"), "invalid number: the number at byte 0 is too large");
    assert_eq!(message(b"99999999999999999999999x"), "invalid number: expected a decimal digit at byte 23");
    let message = |text: &[u8]| Sectors::from_ascii(text).unwrap_err().to_string();
    assert_eq!(message(b"16 MiB"), "invalid number of sectors: expected a decimal digit at byte 2");
}

proptest! {
    #[test]
    fn a_bare_number_reads_back(number: u64, wide: u128) {
        prop_assert_eq!(Sectors(number).to_string().parse(), Ok(Sectors(number)));
        prop_assert_eq!(Sectors::from_ascii(number.to_string().as_bytes()), Ok(Sectors(number)));
        prop_assert_eq!(DataBlocks(number).to_string().parse(), Ok(DataBlocks(number)));
        prop_assert_eq!(DataBlocks::from_ascii(number.to_string().as_bytes()), Ok(DataBlocks(number)));
        prop_assert_eq!(MetaBlocks(number).to_string().parse(), Ok(MetaBlocks(number)));
        prop_assert_eq!(MetaBlocks::from_ascii(number.to_string().as_bytes()), Ok(MetaBlocks(number)));
        prop_assert_eq!(Bytes(wide).to_string(), wide.to_string());
        prop_assert_eq!(wide.to_string().parse(), Ok(Bytes(wide)));
    }

    #[test]
    fn numbers_are_written_and_read_as_the_standard_library_does(number: u64, shift in 0..64_u32, zeros in 0..30_usize) {
        let number = number >> shift;
        let mut text = String::new();
        decimal::write_u64(&mut text, number).unwrap();
        prop_assert_eq!(&text, &number.to_string());
        let text = "0".repeat(zeros) + &text;
        prop_assert_eq!(decimal::parse_u64(text.as_bytes()), Ok(number));
    }

    #[test]
    fn a_device_number_reads_back(major: u32, minor: u32) {
        let number = DeviceNumber::new(major, minor);
        prop_assert_eq!(number.to_string(), format!("{major}:{minor}"));
        prop_assert_eq!(number.to_string().parse(), Ok(number));
    }

    #[test]
    fn blocks_for_people_read_back(blocks: u64) {
        prop_assert_eq!(format!("{:#}", DataBlocks(blocks)).parse(), Ok(DataBlocks(blocks)));
    }

    /// Up to two decimals are exact for quarters.
    #[test]
    fn quarters_of_a_unit_read_back(quarters in 4..4096_u128, unit in 1..UNITS.len()) {
        let bytes = Bytes(quarters * size_of(UNITS[unit]) / 4);
        let text = format!("{bytes:#}");
        prop_assert!(text.ends_with(UNITS[unit]), "{}", text);
        prop_assert_eq!(text.parse(), Ok(bytes));
        if let Some(sectors) = bytes.to_sectors_exact() {
            prop_assert_eq!(text.parse(), Ok(sectors));
            prop_assert_eq!(format!("{sectors:#}"), text);
        }
    }

    #[test]
    fn text_for_people_is_the_nearest(bytes: u128, shift in 10..128_u32) {
        let bytes = bytes >> shift;
        let text = format!("{:#}", Bytes(bytes));
        let (number, unit) = text.split_once(' ').unwrap();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        prop_assert!(decimals.len() <= 2 && (!decimals.ends_with('0') || decimals == "0"), "{}", text);

        let whole: u128 = whole.parse().unwrap();
        prop_assert!((whole > 0 || bytes == 0) && (whole < 1024 || unit == "YiB"), "{}", text);
        let hundredths = whole * 100 + format!("{decimals:0<2}").parse::<u128>().unwrap();
        let size = size_of(unit);
        let error = (hundredths * size).abs_diff(bytes * 100);
        prop_assert!(error * 2 <= size, "{}", text);
        prop_assert_eq!(text.parse() == Ok(Bytes(bytes)), error == 0, "{}", text);
    }

    #[test]
    fn a_size_is_read_if_it_is_whole(whole: u32, decimals in "[0-9]{1,9}", unit in 0..7_usize, space in " ?") {
        let text = format!("{whole}.{decimals}{space}{}", UNITS[unit]);
        let power = 10_u128.pow(u32::try_from(decimals.len()).unwrap());
        let scaled = (u128::from(whole) * power + decimals.parse::<u128>().unwrap()) * size_of(UNITS[unit]);

        let bytes = (scaled % power == 0).then_some(Bytes(scaled / power));
        prop_assert_eq!(text.parse::<Bytes>().ok(), bytes);
        prop_assert_eq!(text.parse::<Sectors>().ok(), bytes.and_then(Bytes::to_sectors_exact));
        // Not by way of sectors: more blocks than sectors fit into a number.
        let blocks = bytes.filter(|bytes| bytes.0 % 4096 == 0).and_then(|bytes| u64::try_from(bytes.0 / 4096).ok());
        prop_assert_eq!(text.parse::<MetaBlocks>().ok(), blocks.map(MetaBlocks));
    }

    #[test]
    fn no_text_makes_a_reader_panic(
        text in prop_oneof![any::<String>(), "[0-9]{0,45}(\\.[0-9]{0,90})?[ :]?[0-9a-zA-Z\u{b5}]{0,6}"],
        bytes: Vec<u8>,
    ) {
        let offsets = [
            text.parse::<Sectors>().err(),
            text.parse::<Bytes>().err(),
            text.parse::<DataBlocks>().err(),
            text.parse::<MetaBlocks>().err(),
            text.parse::<DeviceNumber>().err(),
            decimal::parse_u64(text.as_bytes()).err(),
        ];
        for error in offsets.into_iter().flatten() {
            prop_assert!(text.is_char_boundary(error.offset()), "{}", error);
        }
        let _ = DeviceNumber::from_ascii(&bytes);
        let _ = decimal::parse_u64(&bytes);
    }
}
