//! Block devices, mapped and others.

use std::fs::File;

use dm_core::block::{BlockDevice, BlockError, BlockOpenOptions};
use dm_testing::{LoopDevice, LoopOptions, Pattern, Scratch, require};
use dm_units::{Bytes, Sectors};

use crate::support::linear;

const SIZE: Sectors = Sectors(2048);
const WRITABLE: BlockOpenOptions = BlockOpenOptions::new().writable(true);

/// Writes a pattern, zeroes eight sectors and discards eight others.
fn erase(device: &BlockDevice, path: &std::path::Path) {
    Pattern::new(1).write(path, Sectors(0), SIZE).unwrap();
    device.zero_out(Sectors(8), Sectors(8)).unwrap();
    device.zero_out(SIZE, Sectors(0)).unwrap();
    Pattern::new(1).verify(path, Sectors(0), Sectors(8)).unwrap();
    Pattern::zeros().verify(path, Sectors(8), Sectors(8)).unwrap();
    Pattern::new(1).verify(path, Sectors(16), Sectors(8)).unwrap();
    match device.discard(Sectors(24), Sectors(8)) {
        Ok(()) => Pattern::zeros().verify(path, Sectors(24), Sectors(8)).unwrap(),
        Err(error) => assert!(error.is_unsupported(), "{error}"),
    }
    Pattern::new(1).verify(path, Sectors(32), Sectors(2016)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn sizes_zeros_and_discards_of_both_kinds_of_device() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (disk, device) = linear(&scratch, SIZE.to_bytes());
    for (path, number) in [(disk.path().to_owned(), disk.number()), (device.path(), device.number())] {
        let block = BlockDevice::open_with(&path, WRITABLE.number(number)).unwrap();
        assert_eq!((block.number(), block.size().unwrap()), (number, SIZE));
        assert_eq!(block.logical_block_size().unwrap(), Bytes(512));
        assert!(block.physical_block_size().unwrap() >= Bytes(512));
        erase(&block, &path);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn ranges_are_checked_before_anything_is_written() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::program("losetup")]) else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let disk = scratch.keep(LoopDevice::over(file.path(), LoopOptions::new().sector_size(4096)).unwrap());
    Pattern::new(1).write(disk.path(), Sectors(0), SIZE).unwrap();
    let block = BlockDevice::open_with(disk.path(), WRITABLE).unwrap();
    assert_eq!(block.logical_block_size().unwrap(), Bytes(4096));
    for (start, len) in [(1, 8), (0, 4), (2040, 16), (2048, 8), (u64::MAX, 8), (8, u64::MAX)] {
        for error in [block.zero_out(Sectors(start), Sectors(len)), block.discard(Sectors(start), Sectors(len))] {
            let error = error.unwrap_err();
            assert!(error.is_out_of_range() && error.errno().is_none(), "{error}");
        }
    }
    let text = format!("cannot zero a range of {}: 8 sectors at sector 1 are not whole blocks", disk.path().display());
    assert!(block.zero_out(Sectors(1), Sectors(8)).unwrap_err().to_string().starts_with(&text));
    Pattern::new(1).verify(disk.path(), Sectors(0), SIZE).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_can_be_made_read_only_and_back() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (disk, device) = linear(&scratch, SIZE.to_bytes());
    for path in [disk.path().to_owned(), device.path()] {
        let block = BlockDevice::open(&path).unwrap();
        assert!(!block.is_read_only().unwrap());
        block.set_read_only(true).unwrap();
        assert!(block.is_read_only().unwrap());
        block.set_read_only(false).unwrap();
        assert!(!block.is_read_only().unwrap());
        BlockDevice::open_with(&path, WRITABLE).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn errors_of_block_devices_are_distinguished() {
    let Some(scratch) = Scratch::new(&["linear", "error"].map(require::target)) else { return };
    let (disk, device) = linear(&scratch, SIZE.to_bytes());
    // Opened only for reading.
    let block = BlockDevice::from_file(File::open(device.path()).unwrap()).unwrap();
    let error = block.zero_out(Sectors(0), Sectors(8)).unwrap_err();
    assert!(error.is_not_writable() && !error.is_busy(), "{error}");
    let name = format!("{} ({device}, {})", device.path().display(), device.number());
    let text = format!("cannot zero a range of {name}: it was opened for reading only; open it as writable (EBADF)");
    assert_eq!(error.to_string(), text);
    // The device above it has opened it exclusively.
    let error = BlockDevice::open_with(disk.path(), BlockOpenOptions::new().exclusive(true)).unwrap_err();
    assert!(error.is_busy() && !error.is_not_writable(), "{error}");
    BlockDevice::open_with(device.path(), WRITABLE.exclusive(true)).unwrap();
    // The path leads to another device.
    let error = BlockDevice::open_with(device.path(), WRITABLE.number(disk.number())).unwrap_err();
    assert!(matches!(error, BlockError::AnotherDevice { .. }), "{error}");
    let text = format!("{} is the device {}, not {}", device.path().display(), device.number(), disk.number());
    assert_eq!(error.to_string(), text);
    // A device on which all I/O fails.
    let line = dm_core::TargetLine::text(Sectors(0), SIZE, "error", "");
    let broken = scratch.map("broken", [line]).unwrap();
    let block = BlockDevice::open_with(broken.path(), WRITABLE).unwrap();
    let error = block.zero_out(Sectors(0), Sectors(8)).unwrap_err();
    assert_eq!(error.errno(), Some(nix::libc::EIO), "{error}");
}
