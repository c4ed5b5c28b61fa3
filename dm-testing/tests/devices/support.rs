//! Functions for tests of several kinds of devices.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use dm_core::{Difference, Host, OpErrorKind, RemovePolicy, Retry};
use dm_targets::devices::DevError;
use dm_targets::linear::LinearTable;
use dm_targets::{Linear, Table, TableLine, Target};
use dm_testing::{LoopDevice, Scratch, require};
use dm_units::{Bytes, DeviceNumber, Sectors};

/// The size of most disks.
pub(crate) const LENGTH: Sectors = Sectors(2048);

/// The timeout for conditions that are met within a moment.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Long enough for other programs to close a device that they have opened for a moment.
pub(crate) const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(SOON));

/// A scratch and its host, if the kernel has these targets.
pub(crate) fn scene(targets: &[&str]) -> Option<(Scratch, Host)> {
    let needs: Vec<_> = targets.iter().map(|target| require::target(target)).collect();
    let scratch = Scratch::new(&needs)?;
    let host = scratch.host().clone();
    Some((scratch, host))
}

/// A sparse disk of [`LENGTH`].
pub(crate) fn disk(scratch: &Scratch) -> Arc<LoopDevice> {
    scratch.loop_device(LENGTH.to_bytes()).unwrap()
}

/// A sparse disk of this size in MiB.
pub(crate) fn large_disk(scratch: &Scratch, mebibytes: u128) -> Arc<LoopDevice> {
    scratch.loop_device(Bytes(mebibytes << 20)).unwrap()
}

/// A table with one line.
pub(crate) fn one<T: Target>(length: Sectors, params: T::Table) -> Table<T> {
    Table::new([TableLine::<T> { start: Sectors(0), length, params }]).unwrap()
}

/// The first sectors of a disk.
pub(crate) fn linear(disk: DeviceNumber) -> Table<Linear> {
    one(LENGTH, LinearTable::new(disk, Sectors(0)))
}

/// The difference of the existing device.
pub(crate) fn difference(error: &DevError) -> Difference {
    match error.operation().map(dm_core::OpError::kind) {
        Some(OpErrorKind::Differs(difference)) => *difference,
        _ => unreachable!("{error}"),
    }
}

/// An error with its causes.
pub(crate) fn in_full(error: &DevError) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
