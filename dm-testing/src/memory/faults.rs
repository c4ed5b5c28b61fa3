//! States and failures of the kernel that no command causes.

use dm_core::AsDevId;

use super::{MemoryKernel, device_mut};
use crate::memory::kernel::device::Device;

/// The step at which a resume fails: see [`MemoryKernel::fail_next_resume`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResumeFault {
    /// The inactive table cannot replace the active one. The inactive table is destroyed, and the device stays
    /// suspended. If there is no inactive table, the resume fails as with [`Targets`](Self::Targets).
    Swap,
    /// A target cannot be resumed. If there was an inactive table, it is already the active one. The device stays
    /// suspended.
    Targets,
}

impl MemoryKernel {
    /// Makes a resume fail with `EINVAL` at the given step. The fault is kept until a resume reaches this step. A
    /// resume of a device that is not suspended and has no inactive table does not reach it. For other failures of
    /// commands, use [`FailAt`](crate::FailAt).
    pub fn fail_next_resume(&self, fault: ResumeFault) {
        self.machine.with(|kernel| kernel.resume_fault = Some(fault));
    }

    /// Suspends a device internally, or ends the internal suspension. Linux suspends the thin devices of a suspended
    /// pool in this way. Returns `false` if the device does not exist.
    ///
    /// During the internal suspension, calls that suspend or resume the device block, except a resume that has nothing
    /// to do.
    pub fn set_internally_suspended(&self, id: impl AsDevId, suspended: bool) -> bool {
        let set = |device: &mut Device| device.internal_suspensions = usize::from(suspended);
        self.machine.with(|kernel| device_mut(kernel, &id).map(set).is_some())
    }
}
