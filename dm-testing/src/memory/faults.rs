//! States and failures of the kernel that no command causes.

use dm_core::AsDevId;

use super::{MemoryKernel, device_mut};
use crate::memory::kernel::device::Device;

/// The step at which a resume fails: see [`MemoryKernel::fail_next_resume`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResumeFault {
    /// The inactive table cannot replace the active one: the inactive table is destroyed, and the device stays
    /// suspended. Without an inactive table, as [`Targets`](Self::Targets).
    Swap,
    /// A target cannot be resumed: an inactive table has already become the active one, and the device stays suspended.
    Targets,
}

impl MemoryKernel {
    /// Makes the next resume fail with `EINVAL` that would otherwise reach the point of the fault: one whose device is suspended
    /// or has an inactive table. The fault is kept until then. For other failures of commands use
    /// [`FailAt`](crate::FailAt).
    pub fn fail_next_resume(&self, fault: ResumeFault) {
        self.machine.with(|kernel| kernel.resume_fault = Some(fault));
    }

    /// Suspends a device internally, as Linux does with the thin devices of a pool that is suspended, or ends that
    /// suspension. Returns `false` if the device does not exist.
    ///
    /// Meanwhile, suspends and resumes of the device block, except a resume that has nothing to do.
    pub fn set_internally_suspended(&self, id: impl AsDevId, suspended: bool) -> bool {
        let set = |device: &mut Device| device.internal_suspensions = usize::from(suspended);
        self.machine.with(|kernel| device_mut(kernel, &id).map(set).is_some())
    }
}
