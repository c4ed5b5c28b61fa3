//! How often to try again what failed because something was busy.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;

/// How long to try again while a device is busy, and how often.
///
/// udev and programs that watch for disks open every device that appears or changes for a moment, so what fails at once
/// often works a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    deadline: Duration,
    first_pause: Duration,
}

impl Retry {
    /// Not at all.
    pub const NONE: Self = Self { deadline: Duration::ZERO, first_pause: Duration::ZERO };

    /// For so long, first after a millisecond, then with pauses twice as long each time, but no longer than a tenth of a
    /// second.
    #[must_use]
    pub const fn within(deadline: Duration) -> Self {
        Self { deadline, first_pause: Duration::from_millis(1) }
    }

    /// How long the first pause is.
    #[must_use]
    pub const fn first_pause(self, pause: Duration) -> Self {
        Self { first_pause: pause, ..self }
    }

    /// Whether anything is tried again at all.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.deadline.is_zero()
    }

    /// Tries until it works, fails for another reason than being busy, or the time is over. Nothing is tried when it is.
    pub(crate) fn while_busy<R>(self, mut action: impl FnMut() -> Result<R>) -> Result<R> {
        let start = Instant::now();
        let mut pause = self.first_pause;
        loop {
            let left = self.deadline.saturating_sub(start.elapsed());
            match action() {
                Err(error) if error.is_busy() && !left.is_zero() => {
                    thread::sleep(pause.min(left));
                    pause = pause.saturating_mul(2).clamp(Duration::from_micros(100), LONGEST_PAUSE);
                }
                result => return result,
            }
        }
    }
}

const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Within a second.
impl Default for Retry {
    fn default() -> Self {
        Self::within(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::Refusal;
    use crate::wire::command::Command;

    fn fails_with(errno: i32) -> Result<()> {
        Err(Refusal::new(Command::DeviceRemove, None, &io::Error::from_raw_os_error(errno)).into())
    }

    const EBUSY: i32 = nix::libc::EBUSY;
    const ENXIO: i32 = nix::libc::ENXIO;

    fn tries(retry: Retry, mut action: impl FnMut(u32) -> Result<()>) -> (u32, Result<()>) {
        let mut tries: u32 = 0;
        let result = retry.while_busy(|| {
            tries = tries.saturating_add(1);
            action(tries)
        });
        (tries, result)
    }

    #[test]
    fn nothing_is_tried_again_unless_asked_for() {
        let (tries, result) = tries(Retry::NONE, |_| fails_with(EBUSY));
        assert!(tries == 1 && result.unwrap_err().is_busy());
    }

    #[test]
    fn only_what_is_busy_is_tried_again() {
        assert_eq!(tries(Retry::default(), |_| fails_with(ENXIO)).0, 1);
        let (tries, result) = tries(Retry::default(), |tries| if tries < 4 { fails_with(EBUSY) } else { Ok(()) });
        assert!(tries == 4 && result.is_ok());
    }

    #[test]
    fn the_deadline_ends_it_and_the_last_try_is_at_the_end() {
        let deadline = Duration::from_millis(50);
        let start = Instant::now();
        let mut last = Duration::ZERO;
        let (tries, result) = tries(Retry::within(deadline), |_| {
            last = start.elapsed();
            fails_with(EBUSY)
        });
        assert!(tries > 2 && result.is_err());
        assert!(last >= deadline, "{last:?}");
    }
}
