//! What the tests of several commands need.

use dm_core::{AsDevId, DeviceInfo, Dm, LineText, TargetLine};
use dm_testing::TestKernel;
use dm_units::{Sectors, Version};

/// The size of most devices here.
pub(crate) const LENGTH: Sectors = Sectors(64);

pub(crate) fn zero(length: Sectors) -> TargetLine<LineText<'static, &'static str>> {
    TargetLine::text(Sectors(0), length, "zero", "")
}

/// A handle for single commands.
pub(crate) fn dm(kernel: &dyn TestKernel) -> Dm {
    kernel.host().dm().clone()
}

pub(crate) fn info(dm: &Dm, id: impl AsDevId) -> DeviceInfo {
    dm.device_info(id).unwrap()
}

pub(crate) fn exists(dm: &Dm, id: impl AsDevId) -> bool {
    match dm.device_info(id) {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => unreachable!("{error}"),
    }
}

/// Names that other things in `/dev/mapper` have.
pub(crate) const RESERVED: [&str; 3] = ["control", ".", ".."];

/// Whether the kernel keeps devices from having them, as it does since interface 4.48.
pub(crate) fn refuses_reserved_names(dm: &Dm) -> bool {
    dm.version().unwrap() >= Version::new(4, 48, 0)
}

/// A minor number far from those that the kernel chooses, another one for each test that asks for one.
pub(crate) fn far_minor(test: u32) -> u32 {
    (1 << 19) | test << 16 | std::process::id() & 0xffff
}
