//! Waits until the control node is readable, and for an event of one device.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno as Known;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Errno, OpenError, Refusal, Result};
use crate::id::AsDevId;
use crate::node::Dm;
use crate::wire::{Command, DeviceInfo};

/// The end of a wait; `None` for no limit.
pub(super) struct End(Option<Instant>);

impl End {
    /// Converts a timeout. One that exceeds the range of the clock has no end.
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    fn left(&self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub(super) fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// This end, or the end of `pause` from now if that is earlier.
    pub(super) fn or_after(&self, pause: Option<Duration>) -> Self {
        let Self(paused) = Self::after(pause);
        Self([self.0, paused].into_iter().flatten().min())
    }

    /// The remaining time in milliseconds, rounded up, since rounding down would busy-wait during the last fraction.
    fn poll_timeout(&self) -> PollTimeout {
        match self.left() {
            None => PollTimeout::NONE,
            Some(left) => {
                let millis = left.as_nanos().div_ceil(1_000_000);
                PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
            }
        }
    }
}

/// Waits for an event since the handle was armed; returns `false` when the time has expired. Signals do not end the
/// wait.
pub(super) fn wait_readable(descriptor: BorrowedFd<'_>, end: &End) -> Result<bool> {
    loop {
        let mut descriptors = [PollFd::new(descriptor, PollFlags::POLLIN)];
        match poll(&mut descriptors, end.poll_timeout()) {
            Ok(0) if end.is_over() => return Ok(false),
            Ok(0) | Err(Known::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(Refusal::new(Command::ArmPoll, None, Errno::known(errno)).into()),
        }
    }
}

impl Dm {
    /// Waits until a device's event number differs from `event_nr`. Returns `None` if it does not within `timeout`.
    ///
    /// - Interface 4.36 and later.
    /// - Unlike [`device_wait`](Self::device_wait), it has a timeout, the removal of the device always ends it, and
    ///   signals do not. With `None`, or with a timeout such as `Duration::MAX`, it waits without limit.
    /// - It takes two ioctls, and two more for each event of any device.
    /// - It arms this handle and thus all its clones, as [`arm_poll`](Self::arm_poll) does. If several threads wait,
    ///   each needs a separate handle: see [`reopen`](Self::reopen).
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
    /// [`OpenError::NoDescriptor`]: the handle's transport has no descriptor to wait for.
    #[doc(alias = "DM_DEV_WAIT")]
    #[doc(alias = "dmsetup wait")]
    pub fn wait_event(&self, id: impl AsDevId, event_nr: u32, timeout: Option<Duration>) -> Result<Option<DeviceInfo>> {
        let descriptor = self.poll_fd().ok_or(OpenError::NoDescriptor)?;
        let end = End::after(timeout);
        loop {
            // Armed first, so that an event after the lookup makes the handle readable.
            self.arm_poll()?;
            let info = self.device_info(&id)?;
            if info.event_nr() != event_nr {
                return Ok(Some(info));
            }
            if !wait_readable(descriptor, &end)? {
                return Ok(None);
            }
        }
    }
}
