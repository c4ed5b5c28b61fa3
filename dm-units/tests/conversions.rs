//! How conversions round, and what they refuse.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use dm_units::{Bytes, DataBlocks, META_BLOCK_SIZE, MetaBlocks, SECTOR_SIZE, Sectors};
use proptest::prelude::*;

#[test]
fn sizes() {
    assert_eq!((SECTOR_SIZE, META_BLOCK_SIZE), (512, 4096));
    assert_eq!(Sectors(3).to_bytes(), Bytes(1536));
    assert_eq!(MetaBlocks(3).to_bytes(), Bytes(12_288));
    assert_eq!(MetaBlocks(3).to_sectors(), Some(Sectors(24)));
    assert_eq!(DataBlocks(3).to_sectors(Sectors(128)), Some(Sectors(384)));
    assert_eq!(DataBlocks(3).to_bytes(Sectors(128)), Some(Bytes(196_608)));
}

#[test]
fn the_largest_values() {
    assert_eq!(Sectors::MAX.to_bytes(), Bytes(u128::from(u64::MAX) * 512));
    assert_eq!(MetaBlocks::MAX.to_bytes(), Bytes(u128::from(u64::MAX) * 4096));
    assert_eq!(MetaBlocks::MAX.to_sectors(), None);
    assert_eq!(MetaBlocks(u64::MAX / 8).to_sectors(), Some(Sectors(u64::MAX - 7)));
    assert_eq!(DataBlocks::MAX.to_sectors(Sectors(1)), Some(Sectors::MAX));
    assert_eq!(DataBlocks::MAX.to_sectors(Sectors(2)), None);
    assert_eq!(DataBlocks::MAX.to_bytes(Sectors::MAX), None);
    assert_eq!(DataBlocks::MAX.to_bytes(Sectors(1)), Some(Sectors::MAX.to_bytes()));
}

#[test]
fn bytes_are_rounded_to_sectors_as_the_method_says() {
    let rounded = |bytes| {
        let bytes = Bytes(bytes);
        (bytes.to_sectors_floor(), bytes.to_sectors_ceil(), bytes.to_sectors_exact())
    };
    assert_eq!(rounded(0), (Some(Sectors(0)), Some(Sectors(0)), Some(Sectors(0))));
    assert_eq!(rounded(1), (Some(Sectors(0)), Some(Sectors(1)), None));
    assert_eq!(rounded(511), (Some(Sectors(0)), Some(Sectors(1)), None));
    assert_eq!(rounded(512), (Some(Sectors(1)), Some(Sectors(1)), Some(Sectors(1))));
    assert_eq!(rounded(513), (Some(Sectors(1)), Some(Sectors(2)), None));

    let max = Sectors::MAX.to_bytes().0;
    assert_eq!(rounded(max), (Some(Sectors::MAX), Some(Sectors::MAX), Some(Sectors::MAX)));
    assert_eq!(rounded(max + 1), (Some(Sectors::MAX), None, None));
    assert_eq!(rounded(max + 512), (None, None, None));
    assert_eq!(rounded(u128::MAX), (None, None, None));
}

#[test]
fn a_block_size_of_zero() {
    for sectors in [Sectors(0), Sectors(8)] {
        assert_eq!(sectors.to_data_blocks_floor(Sectors::ZERO), None);
        assert_eq!(sectors.to_data_blocks_ceil(Sectors::ZERO), None);
        assert_eq!(sectors.to_data_blocks_exact(Sectors::ZERO), None);
    }
}

#[test]
fn conversions_work_in_constants() {
    const CHUNKS: Option<DataBlocks> = Sectors(1 << 21).to_data_blocks_exact(Sectors(128));
    const SECTORS: Option<Sectors> = Bytes(4096).to_sectors_exact();
    assert_eq!((CHUNKS, SECTORS), (Some(DataBlocks(16_384)), Some(Sectors(8))));
}

proptest! {
    #[test]
    fn sectors_to_bytes_and_back(sectors: u64) {
        let sectors = Sectors(sectors);
        prop_assert_eq!(sectors.to_bytes().to_sectors_exact(), Some(sectors));
    }

    #[test]
    fn bytes_lie_between_floor_and_ceil(bytes in 0..Sectors::MAX.to_bytes().0) {
        let bytes = Bytes(bytes);
        let floor = bytes.to_sectors_floor().unwrap();
        let ceil = bytes.to_sectors_ceil().unwrap();
        prop_assert!(floor.to_bytes() <= bytes && bytes <= ceil.to_bytes());
        let exact = floor.to_bytes() == bytes;
        prop_assert_eq!(ceil.0 - floor.0, u64::from(!exact));
        prop_assert_eq!(bytes.to_sectors_exact(), exact.then_some(floor));
    }

    #[test]
    fn sectors_lie_between_data_blocks(sectors: u64, block_size in prop_oneof![1..=u64::MAX, 1..=2048_u64]) {
        let (sectors, block_size) = (Sectors(sectors), Sectors(block_size));
        let floor = sectors.to_data_blocks_floor(block_size).unwrap();
        let ceil = sectors.to_data_blocks_ceil(block_size).unwrap();
        let below = floor.to_bytes(block_size).unwrap();
        prop_assert!(below <= sectors.to_bytes() && sectors.to_bytes() <= ceil.to_bytes(block_size).unwrap());
        let exact = below == sectors.to_bytes();
        prop_assert_eq!(ceil.0 - floor.0, u64::from(!exact));
        prop_assert_eq!(sectors.to_data_blocks_exact(block_size), exact.then_some(floor));
    }

    #[test]
    fn metadata_blocks_are_blocks_of_eight_sectors(sectors: u64) {
        let sectors = Sectors(sectors);
        let size = Sectors(8);
        let same = |blocks: Option<DataBlocks>| blocks.map(|blocks| MetaBlocks(blocks.0));
        prop_assert_eq!(Some(sectors.to_meta_blocks_floor()), same(sectors.to_data_blocks_floor(size)));
        prop_assert_eq!(Some(sectors.to_meta_blocks_ceil()), same(sectors.to_data_blocks_ceil(size)));
        prop_assert_eq!(sectors.to_meta_blocks_exact(), same(sectors.to_data_blocks_exact(size)));
    }

    #[test]
    fn data_blocks_to_sectors_and_back(blocks: u32, block_size in 1..u32::MAX) {
        let (blocks, block_size) = (DataBlocks(blocks.into()), Sectors(block_size.into()));
        let sectors = blocks.to_sectors(block_size).unwrap();
        prop_assert_eq!(sectors.to_data_blocks_exact(block_size), Some(blocks));
        prop_assert_eq!(blocks.to_bytes(block_size), Some(sectors.to_bytes()));
    }
}
