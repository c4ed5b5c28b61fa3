//! udev, as far as commands can see it: it counts the semaphores of their cookies down.

use std::thread;
use std::time::Duration;

use dm_core::{UdevCookie, udev};

/// How udev answers the cookies of commands. It makes no nodes.
///
/// Operations wait for cookies if their host is made so: [`Udev::new`](dm_core::udev::Udev::new) with
/// [`Strategy::Cookies`](dm_core::udev::Strategy::Cookies). Since the devices are not in `/sys`,
/// operations take them for removed by another program, and do not miss their nodes.
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
    /// No cookie is answered: there is no udev, or it hangs.
    #[default]
    None,
    /// Each is answered before its command returns.
    AtOnce,
    /// Each is answered when this number of further commands have begun.
    AfterCommands(u32),
    /// Each is answered after a while, by a thread.
    After(Duration),
    /// This number is answered at once, and then none: udev has died.
    Dies(u32),
}

/// What udev is doing.
#[derive(Debug, Default)]
pub(super) struct Daemon {
    kind: MemoryUdev,
    /// The cookies that wait, and for how many commands.
    waiting: Vec<(UdevCookie, u32)>,
}

impl Daemon {
    /// It behaves in another way from now on. What waits for commands still waits for them.
    pub(super) fn set(&mut self, kind: MemoryUdev) {
        self.kind = kind;
    }

    /// A uevent was sent, with the number from its command.
    pub(super) fn uevent(&mut self, number: u32) {
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

    /// A command begins.
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

/// A semaphore that is not there any more is not waited for either.
fn complete(cookie: UdevCookie) {
    let _ = udev::complete(cookie);
}
