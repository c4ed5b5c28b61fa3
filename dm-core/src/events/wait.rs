//! Waits with a timeout: until the control node is readable, or for an event of one device.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno as NixErrno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Errno, OpenError, Refusal, Result};
use crate::id::AsDevId;
use crate::node::Dm;
use crate::wire::{Command, DeviceInfo};

/// The time at which a wait ends; `None` for no limit.
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline of a wait that starts now. A timeout that exceeds the range of the clock has no limit.
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    fn remaining(&self) -> Option<Duration> {
        self.0.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    pub(super) fn has_passed(&self) -> bool {
        self.remaining().is_some_and(|remaining| remaining.is_zero())
    }

    /// This deadline, or the end of `pause` from now if that is earlier.
    pub(super) fn or_after(&self, pause: Option<Duration>) -> Self {
        let Self(paused) = Self::after(pause);
        Self([self.0, paused].into_iter().flatten().min())
    }

    /// The remaining time in milliseconds, rounded up, since rounding down would busy-wait during the last fraction.
    fn poll_timeout(&self) -> PollTimeout {
        match self.remaining() {
            None => PollTimeout::NONE,
            Some(remaining) => {
                let millis = remaining.as_nanos().div_ceil(1_000_000);
                PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
            }
        }
    }
}

/// Waits until an armed control node is readable, which it is after any event since it was armed. Returns `false` if
/// that is not so before the deadline. Signals do not end the wait.
pub(super) fn wait_readable(descriptor: BorrowedFd<'_>, deadline: &Deadline) -> Result<bool> {
    loop {
        let mut descriptors = [PollFd::new(descriptor, PollFlags::POLLIN)];
        match poll(&mut descriptors, deadline.poll_timeout()) {
            Ok(0) if deadline.has_passed() => return Ok(false),
            Ok(0) | Err(NixErrno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(Refusal::new(Command::ArmPoll, None, Errno::from_nix(errno)).into()),
        }
    }
}

impl Dm {
    /// Waits until a device's event number differs from `event_nr`, and returns the device's state. Returns `None`
    /// after `timeout`.
    ///
    /// - Ioctl interface 4.36 and later.
    /// - Unlike [`device_wait`](Self::device_wait), this call has a timeout, and signals do not end the wait. With
    ///   `None`, or a timeout too long for the clock, such as `Duration::MAX`, the wait has no limit.
    /// - Removing the device ends the wait. If another device takes its name, uuid or number at the same moment, the
    ///   wait continues with that device.
    /// - The call takes two ioctls, and at most two more for each event of any device.
    /// - The call [arms](Self::arm_poll) this handle and all its clones. If several threads wait, each needs a separate
    ///   handle: see [`reopen`](Self::reopen).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let dm = memory.dm();
    /// # let line = dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "");
    /// # memory.host().create("pool", [line]).expect("a device");
    /// let before = dm.device_info("pool")?.event_nr();
    /// # assert!(memory.raise_event("pool"));
    /// match dm.wait_event("pool", before, Some(Duration::from_secs(60)))? {
    ///     Some(info) => println!("{} events so far", info.event_nr()),
    ///     None => println!("no event within a minute"),
    /// }
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found): the device does not exist, or was removed meanwhile.
    /// [`is_unsupported`](crate::Error::is_unsupported): the kernel has an older interface.
    /// [`OpenError::NoDescriptor`]: the handle's transport has no descriptor to wait for.
    #[doc(alias = "DM_DEV_WAIT")]
    #[doc(alias = "dmsetup wait")]
    pub fn wait_event(&self, id: impl AsDevId, event_nr: u32, timeout: Option<Duration>) -> Result<Option<DeviceInfo>> {
        let descriptor = self.poll_fd().ok_or(OpenError::NoDescriptor)?;
        let deadline = Deadline::after(timeout);
        loop {
            // Armed first, so that an event after the lookup makes the handle readable.
            self.arm_poll()?;
            let info = self.device_info(&id)?;
            if info.event_nr() != event_nr {
                return Ok(Some(info));
            }
            if !wait_readable(descriptor, &deadline)? {
                return Ok(None);
            }
        }
    }
}
