//! A simulation of udev, which decrements the semaphores of cookies.

use std::thread;
use std::time::Duration;

use dm_core::{UdevCookie, udev};

/// When the simulated udev of a [`MemoryKernel`](super::MemoryKernel) completes the cookies of commands. The simulated
/// udev makes no nodes.
///
/// A cookie is a semaphore on which an operation waits until udev has processed the events of its commands.
///
/// Operations wait for cookies if their host uses [`Udev::new`](dm_core::udev::Udev::new) with
/// [`Strategy::Cookies`](dm_core::udev::Strategy::Cookies). They do not fail because of missing nodes: the devices in
/// memory are not in `/sys`, so operations assume that another program has removed the devices.
///
/// ```
/// use std::time::Duration;
///
/// use dm_core::TargetLine;
/// use dm_core::udev::{Strategy, Udev};
/// use dm_testing::memory::{MemoryKernel, MemoryUdev};
/// use dm_units::Sectors;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = MemoryKernel::new();
/// memory.udev(MemoryUdev::After(Duration::from_millis(20)));
/// let host = memory.host().with_udev(Udev::new(Strategy::Cookies));
/// host.create("home", [TargetLine::text(Sectors(0), Sectors(8), "zero", "")])?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryUdev {
    /// Completes no cookies, as if udev did not run or hung. The default.
    #[default]
    None,
    /// Completes each cookie before its command returns.
    AtOnce,
    /// Completes each cookie once this number of later commands have started.
    AfterCommands(u32),
    /// Completes each cookie in another thread, after this time.
    After(Duration),
    /// Completes this number of cookies, each before its command returns, and then no more, as if udev had died.
    Dies(u32),
}

/// The part of an event number that names the semaphore of a cookie; the other bits are flags (`DM_UDEV_FLAGS_MASK` in
/// libdevmapper).
const BASE: u32 = 0xffff;

/// The state of the simulated udev.
#[derive(Debug, Default)]
pub(super) struct Daemon {
    kind: MemoryUdev,
    /// The pending cookies, with the number of commands until they are completed.
    waiting: Vec<(UdevCookie, u32)>,
}

impl Daemon {
    /// Changes the behavior for later cookies; pending cookies still wait for commands.
    pub(super) fn set(&mut self, kind: MemoryUdev) {
        self.kind = kind;
    }

    /// Receives a uevent with the cookie of its command, if it has one: flags alone have no semaphore.
    pub(super) fn uevent(&mut self, number: u32) {
        if number & BASE == 0 {
            return;
        }
        let cookie = UdevCookie::from_number(number);
        match &mut self.kind {
            MemoryUdev::None | MemoryUdev::Dies(0) => {}
            MemoryUdev::AtOnce | MemoryUdev::AfterCommands(0) => complete(cookie),
            MemoryUdev::AfterCommands(count) => self.waiting.push((cookie, *count)),
            MemoryUdev::After(time) => {
                let time = *time;
                thread::spawn(move || {
                    thread::sleep(time);
                    complete(cookie);
                });
            }
            MemoryUdev::Dies(left) => {
                *left = left.saturating_sub(1);
                complete(cookie);
            }
        }
    }

    /// Counts the start of a command.
    pub(super) fn command(&mut self) {
        self.waiting.retain_mut(|(cookie, left)| {
            *left = left.saturating_sub(1);
            if *left == 0 {
                complete(*cookie);
            }
            *left > 0
        });
    }
}

/// An error means that the semaphore was removed, so no process waits for it.
fn complete(cookie: UdevCookie) {
    let _ = udev::complete(cookie);
}
