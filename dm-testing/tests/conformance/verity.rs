//! Hash trees that the library makes and checks, and devices that use them.

use dm_core::SetupOptions;
use dm_core::udev::Visibility;
use dm_targets::devices::{DevError, LinearDev, VerityAlgorithm, VerityDev, VerityError, VerityFormat, VerityVolume};
use dm_targets::linear::LinearTable;
use dm_targets::verity::{Hex, OnCorruption, VerityTable};
use dm_targets::{Device, Linear, Table, TableLine, Verity};
use dm_testing::TestKernel;
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

use crate::support::Data;

on_both_kernels! { ["verity"];
    a_device_over_a_new_tree_has_its_data,
    data_and_hashes_are_on_one_device_if_they_do_not_overlap,
    one_device_by_two_names_is_one,
    a_tree_that_does_not_fit_is_not_started,
    other_data_in_the_place_of_a_tree_is_named,
    a_changed_block_is_found_when_it_is_read,
    a_changed_hash_block_makes_its_data_unreadable,
    zeros_are_given_out_for_blocks_that_were_zero,
    the_reaction_to_corruption_is_changed_in_use,
}

/// The length of the data, in whole blocks of every size in these tests.
const LENGTH: Sectors = Sectors(2048);
const OPTIONS: fn() -> SetupOptions<'static> = SetupOptions::new;

fn format() -> VerityFormat {
    VerityFormat::new().salt(*b"salt").uuid([7; 16])
}

/// A data disk, and a disk for hashes.
fn volume(kernel: &dyn TestKernel) -> (VerityVolume, [DeviceNumber; 2]) {
    let disks = [kernel.disk(LENGTH.to_bytes()), kernel.disk(Bytes(1 << 20))];
    Data::new(1).write(kernel, disks[0], Sectors(0), LENGTH).unwrap();
    (VerityVolume::new(disks[0], disks[1]), disks)
}

fn verity_error(error: DevError) -> VerityError {
    match error {
        DevError::Verity(error) => *error,
        other => unreachable!("{other}"),
    }
}

fn a_device_over_a_new_tree_has_its_data(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let formats = [
        format(),
        format().version(0).algorithm(VerityAlgorithm::Sha1).block_sizes(1024, 512),
        format().algorithm(VerityAlgorithm::Sha512).block_sizes(512, 4096).salt([]),
        format().data_blocks(DataBlocks(1)),
    ];
    for format in formats {
        let (volume, _) = volume(kernel);
        let volume = volume.hash_offset(Sectors(24));
        let made = volume.format(&host, &format).unwrap();
        assert_eq!(volume.superblock(&host).unwrap(), made.superblock);
        volume.verify(&host, &made.root_hash).unwrap();
        let table = volume.table(&host, &made.root_hash).unwrap();
        let name = kernel.name("verity");
        let device = VerityDev::activate_with(&host, &name, table.clone(), OPTIONS()).unwrap();
        assert!(device.info(&host).unwrap().is_read_only());
        assert_eq!(device.table(&host).unwrap().length(), made.superblock.length());
        Data::new(1).verify(kernel, device.number(&host).unwrap(), Sectors(0), made.superblock.length());
        assert!(!device.is_corrupted(&host).unwrap());
        assert_eq!(VerityDev::activate_with(&host, &name, table, OPTIONS()).unwrap(), device);
        host.remove(&name).unwrap();
    }
}

fn data_and_hashes_are_on_one_device_if_they_do_not_overlap(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(2 << 20)));
    Data::new(1).write(kernel, disk, Sectors(0), Sectors(4096)).unwrap();
    for (offset, format) in [
        (Sectors(0), format()),
        (Sectors(7), format()),
        (Sectors(2047), format().data_blocks(DataBlocks(256))),
        (Sectors(2048), format().data_blocks(DataBlocks(u64::MAX))),
    ] {
        let error = verity_error(VerityVolume::on_one(disk, offset).format(&host, &format).unwrap_err());
        assert!(matches!(error, VerityError::Overlap { .. }), "{offset:?}: {error}");
    }
    Data::new(1).verify(kernel, disk, Sectors(0), Sectors(4096));

    let volume = VerityVolume::on_one(disk, LENGTH);
    let root = volume.format(&host, &format()).unwrap().root_hash;
    Data::new(1).verify(kernel, disk, Sectors(0), LENGTH);
    volume.verify(&host, &root).unwrap();
    let table = volume.table(&host, &root).unwrap();
    let device = VerityDev::activate_with(&host, kernel.name("verity"), table, OPTIONS()).unwrap();
    Data::new(1).verify(kernel, device.number(&host).unwrap(), Sectors(0), LENGTH);
    let error = volume.format(&host, &format()).unwrap_err();
    assert!(error.is_busy(), "{error}");
}

fn one_device_by_two_names_is_one(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(2 << 20)));
    let line = TableLine::<Linear>::new(Sectors(0), Sectors(4096), LinearTable::new(disk, Sectors(0)));
    let below = LinearDev::create(&host, kernel.name("below"), &Table::new([line]).unwrap()).unwrap();
    let path = Device::new(below.path(&host).unwrap().to_str().unwrap()).unwrap();
    Data::new(1).write(kernel, disk, Sectors(0), Sectors(4096)).unwrap();
    let volume = VerityVolume::new(path, below.number(&host).unwrap());
    let error = verity_error(volume.clone().format(&host, &format()).unwrap_err());
    assert!(matches!(error, VerityError::Overlap { .. }), "{error}");
    let volume = volume.hash_offset(LENGTH);
    let root = volume.format(&host, &format()).unwrap().root_hash;
    Data::new(1).verify(kernel, disk, Sectors(0), LENGTH);
    volume.verify(&host, &root).unwrap();
}

fn a_tree_that_does_not_fit_is_not_started(kernel: &dyn TestKernel) {
    let (host, (_, [data, _])) = (kernel.host(), volume(kernel));
    let small = kernel.disk(Bytes(8192));
    Data::new(2).write(kernel, small, Sectors(0), Sectors(16)).unwrap();
    let volume = VerityVolume::new(data, small);
    for format in [format(), format().data_blocks(DataBlocks(257)), format().data_blocks(DataBlocks(u64::MAX >> 24))] {
        let error = verity_error(volume.format(&host, &format).unwrap_err());
        assert!(matches!(error, VerityError::TooSmall { .. }), "{error}");
    }
    for format in [format().block_sizes(4096, 3), format().salt([0; 257]), format().version(2)] {
        let error = verity_error(volume.format(&host, &format).unwrap_err());
        assert!(matches!(error, VerityError::Invalid(_)), "{error}");
    }
    Data::new(2).verify(kernel, small, Sectors(0), Sectors(16));
}

fn other_data_in_the_place_of_a_tree_is_named(kernel: &dyn TestKernel) {
    let (host, (volume, [_, hash])) = (kernel.host(), volume(kernel));
    let refusal = || verity_error(volume.superblock(&host).unwrap_err()).to_string();
    assert_eq!(refusal(), format!("{hash} has no verity superblock at sector 0: there are zeros"));
    let mut sector = [0; 512];
    sector[..4].copy_from_slice(b"XFSB");
    kernel.write(hash, Sectors(0), &sector).unwrap();
    assert_eq!(refusal(), format!("{hash} has no verity superblock at sector 0: there is an XFS file system"));
    let behind = verity_error(volume.hash_offset(LENGTH).superblock(&host).unwrap_err());
    assert!(matches!(behind, VerityError::TooSmall { .. }), "{behind}");
}

/// A device with a new tree, and its disks.
fn device(kernel: &dyn TestKernel) -> (VerityDev, VerityVolume, Hex, [DeviceNumber; 2]) {
    let (host, (volume, disks)) = (kernel.host(), volume(kernel));
    let root = volume.format(&host, &format()).unwrap().root_hash;
    let table = volume.table(&host, &root).unwrap();
    let device = VerityDev::activate_with(&host, kernel.name("verity"), table, OPTIONS()).unwrap();
    (device, volume, root, disks)
}

fn flip(kernel: &dyn TestKernel, disk: DeviceNumber, block: u64) {
    let (at, mut content) = (Sectors(8 * block + 3), [0; 512]);
    kernel.read(disk, at, &mut content).unwrap();
    content[77] ^= 0x10;
    kernel.write(disk, at, &content).unwrap();
}

/// Whether blocks can be read through the device.
fn reads<const N: usize>(kernel: &dyn TestKernel, device: &VerityDev, blocks: [u64; N]) -> [bool; N] {
    let number = device.number(&kernel.host()).unwrap();
    blocks.map(|block| kernel.read(number, Sectors(8 * block), &mut [0; 4096]).is_ok())
}

fn change(kernel: &dyn TestKernel, device: &VerityDev, change: impl Fn(VerityTable) -> VerityTable) {
    let all = |lines: &mut Vec<TableLine<Verity>>| {
        lines.iter_mut().for_each(|line| line.params = change(line.params.clone()));
    };
    device.change(&kernel.host(), all).unwrap();
}

fn a_changed_block_is_found_when_it_is_read(kernel: &dyn TestKernel) {
    let (host, (device, volume, root, [data, _])) = (kernel.host(), device(kernel));
    let number = device.number(&host).unwrap();
    flip(kernel, data, 40);
    assert_eq!(reads(kernel, &device, [39, 41]), [true; 2]);
    assert!(!device.is_corrupted(&host).unwrap());
    assert_eq!(reads(kernel, &device, [40, 41]), [false, true]);
    // The part that contains the block.
    kernel.read(number, Sectors(0), &mut vec![0; 64 * 4096]).unwrap_err();
    assert!(device.is_corrupted(&host).unwrap());
    assert_eq!(verity_error(volume.verify(&host, &root).unwrap_err()).to_string(), "data block 40 is corrupted");
    // The status is kept until a table is loaded.
    flip(kernel, data, 40);
    assert_eq!((reads(kernel, &device, [40]), device.is_corrupted(&host).unwrap()), ([true], true));
    change(kernel, &device, |table| table.on_corruption(OnCorruption::Ignore));
    assert!(!device.is_corrupted(&host).unwrap());
    flip(kernel, data, 40);
    assert_eq!((reads(kernel, &device, [40]), device.is_corrupted(&host).unwrap()), ([true], true));
}

fn a_changed_hash_block_makes_its_data_unreadable(kernel: &dyn TestKernel) {
    let (host, (device, volume, root, [_, hash])) = (kernel.host(), device(kernel));
    // Checked hashes stay in memory.
    device.remove_with(&host, dm_core::RemovePolicy::new().retry(dm_core::Retry::default())).unwrap();
    // After the superblock and the root: the second of two blocks, with the hashes from data block 128 on.
    flip(kernel, hash, 3);
    let table = volume.table(&host, &root).unwrap();
    // Other programs would read the end of the device before the test does.
    let private = OPTIONS().visibility(Visibility::Private);
    let device = VerityDev::activate_with(&host, kernel.name("verity"), table, private).unwrap();
    assert_eq!(reads(kernel, &device, [0, 127]), [true; 2]);
    assert!(!device.is_corrupted(&host).unwrap());
    assert_eq!(reads(kernel, &device, [128, 255]), [false; 2]);
    assert!(device.is_corrupted(&host).unwrap());
}

fn zeros_are_given_out_for_blocks_that_were_zero(kernel: &dyn TestKernel) {
    let (host, disks) = (kernel.host(), [kernel.disk(LENGTH.to_bytes()), kernel.disk(Bytes(1 << 20))]);
    let volume = VerityVolume::new(disks[0], disks[1]);
    let root = volume.format(&host, &format()).unwrap().root_hash;
    let table = volume.table(&host, &root).unwrap();
    let device = VerityDev::activate_with(&host, kernel.name("verity"), table, OPTIONS()).unwrap();
    flip(kernel, disks[0], 40);
    assert_eq!(reads(kernel, &device, [40]), [false]);
    change(kernel, &device, VerityTable::ignore_zero_blocks);
    Data::zeros().verify(kernel, device.number(&host).unwrap(), Sectors(0), LENGTH);
    assert!(!device.is_corrupted(&host).unwrap());
}

fn the_reaction_to_corruption_is_changed_in_use(kernel: &dyn TestKernel) {
    let (host, (device, ..)) = (kernel.host(), device(kernel));
    change(kernel, &device, |table| table.on_corruption(OnCorruption::Ignore));
    let table = device.table(&host).unwrap();
    assert_eq!(table.lines()[0].params.options.on_corruption, Some(OnCorruption::Ignore));
    assert!(device.info(&host).unwrap().is_read_only());
}
