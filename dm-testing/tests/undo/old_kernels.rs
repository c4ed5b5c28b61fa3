//! Every operation on kernels that lack options of newer ones.

use dm_core::OpError;
use dm_testing::MemoryKernel;
use dm_units::Version;

use crate::cases::{Case, all};
use crate::kernel::{Kernel, Plan};

const NEWEST: u32 = 48;
const SINCE_INACTIVE: u32 = 16;
const SINCE_UUIDS: u32 = 19;
const SINCE_DEFERRED: u32 = 27;

fn run(case: &Case, minor: u32) -> (Kernel, Result<(), OpError>) {
    let kernel = Kernel::over(MemoryKernel::with_interface(Version::new(4, minor, 0)), &case.before);
    kernel.set_plan(Plan::default());
    let result = (case.run)(&kernel.host());
    (kernel, result)
}

/// Whether a kernel with this interface can have the devices of the case, and can do what it asks for.
fn is_possible(case: &Case, minor: u32) -> bool {
    let is_new = |device: &crate::model::Device| device.deferred || device.internally_suspended;
    let is_deferred = case.name.contains("eferred") || case.before.devices.values().any(is_new);
    (minor >= SINCE_DEFERRED || !is_deferred) && (minor >= SINCE_UUIDS || !case.name.contains("set_uuid"))
}

#[test]
fn an_operation_has_the_same_result_on_an_old_kernel() {
    for case in all() {
        let (newest, expected) = run(&case, NEWEST);
        for minor in [4, 11, 15, 18, 19, 26, 36, 44].into_iter().filter(|minor| is_possible(&case, *minor)) {
            let (kernel, result) = run(&case, minor);
            assert_eq!(result.is_ok(), expected.is_ok(), "{} with 4.{minor}: {result:?}", case.name);
            // An older kernel does not report the inactive table.
            if minor >= SINCE_INACTIVE {
                assert_eq!(kernel.state(), newest.state(), "{} with 4.{minor}", case.name);
            }
        }
    }
}
