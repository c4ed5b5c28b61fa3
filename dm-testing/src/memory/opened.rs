//! [`OpenDevice`]: an open device, as in a program that uses it.

use std::sync::Arc;

use super::node::Machine;

/// Keeps a mapped device of a [`MemoryKernel`](super::MemoryKernel) open, so that it cannot be removed. Dropping the
/// `OpenDevice` closes the device.
#[derive(Debug)]
#[must_use = "the device is closed when this is dropped"]
pub struct OpenDevice {
    machine: Arc<Machine>,
    minor: u32,
}

impl OpenDevice {
    /// Opens the device, which must exist.
    pub(super) fn new(machine: &Arc<Machine>, minor: u32) -> Self {
        Self { machine: Arc::clone(machine), minor }
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        self.machine.with(|kernel| {
            // The device exists, since an open device cannot be removed.
            if let Ok(device) = kernel.device_mut(self.minor) {
                device.opened = device.opened.saturating_sub(1);
            }
            kernel.remove_closed();
        });
    }
}
