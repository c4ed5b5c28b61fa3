//! A program that has a device open.

use std::sync::Arc;

use super::node::Machine;

/// Holds a device of a [`MemoryKernel`](super::MemoryKernel) open, so that it can't be removed; closes it when dropped.
#[derive(Debug)]
#[must_use = "the device is closed when this is dropped"]
pub struct OpenDevice {
    machine: Arc<Machine>,
    minor: u32,
}

impl OpenDevice {
    /// Opens the device, which exists.
    pub(super) fn new(machine: &Arc<Machine>, minor: u32) -> Self {
        Self { machine: Arc::clone(machine), minor }
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        self.machine.with(|kernel| {
            // It is there: an open device can't be removed.
            if let Ok(device) = kernel.device_mut(self.minor) {
                device.opened = device.opened.saturating_sub(1);
            }
            kernel.remove_closed();
        });
    }
}
