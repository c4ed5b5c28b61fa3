//! `DM_DEV_ARM_POLL`: arms the control node for `poll`.

use crate::error::Result;
use crate::node::Dm;
use crate::wire::Command;
use crate::wire::header::{NO_HEADER, Request};

impl Dm {
    /// Makes this handle's [`poll_fd`](Self::poll_fd) readable at the next event of any device.
    ///
    /// - Ioctl interface 4.36 and later.
    /// - The descriptor becomes readable when a target raises an event, when a table becomes active, and when a device
    ///   is created, removed, renamed or given a uuid. It stays readable until `arm_poll` is called again. A new handle
    ///   is already armed.
    /// - To miss no events, first arm the descriptor, then list the devices and compare their event numbers, then poll.
    ///   [`EventPoller`](crate::EventPoller) does this.
    /// - Each thread that waits needs a separate handle ([`reopen`](Self::reopen)), since the armed state belongs to
    ///   the open file.
    ///
    /// # Errors
    /// [`is_unsupported`](crate::Error::is_unsupported): the kernel has an older interface.
    #[doc(alias = "DM_DEV_ARM_POLL")]
    #[doc(alias = "DM_DEVICE_ARM_POLL")]
    pub fn arm_poll(&self) -> Result<()> {
        self.send(&Request::new(Command::ArmPoll), &mut { NO_HEADER })
    }
}
