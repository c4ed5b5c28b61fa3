//! States and failures that no command causes.

use dm_core::AsDevId;

use super::{MemoryKernel, device_mut};
use crate::memory::kernel::device::Device;

/// How far a resume gets before it fails, as when the kernel has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResumeFault {
    /// The inactive table can't take the place of the active one: it is dropped, and the device stays suspended.
    Swap,
    /// A target can't be resumed: the new table is active, and the device stays suspended.
    Targets,
}

impl MemoryKernel {
    /// The next resume fails with `EINVAL`, unless it succeeds before it gets that far. Other failures of commands are those of
    /// [`FailAt`](crate::FailAt).
    pub fn fail_next_resume(&self, fault: ResumeFault) {
        self.machine.with(|kernel| kernel.resume_fault = Some(fault));
    }

    /// Suspends a device as the kernel does while another device needs that, or ends this. `false` if the device does not exist.
    ///
    /// Commands that suspend or resume the device wait meanwhile.
    pub fn set_internally_suspended(&self, id: impl AsDevId, suspended: bool) -> bool {
        let set = |device: &mut Device| device.internal_suspensions = usize::from(suspended);
        self.machine.with(|kernel| device_mut(kernel, &id).map(set).is_some())
    }
}
