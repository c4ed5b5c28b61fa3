//! [`Retry`]: repeats an action that fails because a device is busy.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long to retry while a device is busy, and the pauses between the tries. The default is one second.
///
/// udev and programs that watch disks open most new or changed devices for a moment, so an action that fails at first
/// often works a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    timeout: Duration,
    first_pause: Duration,
}

impl Retry {
    /// Tries once, without a retry.
    pub const NONE: Self = Self { timeout: Duration::ZERO, first_pause: Duration::ZERO };

    /// Retries for `timeout`. The first pause is one millisecond; each further pause is twice as long, up to 100
    /// milliseconds.
    #[must_use]
    pub const fn within(timeout: Duration) -> Self {
        Self { timeout, first_pause: Duration::from_millis(1) }
    }

    /// Sets the length of the first pause. Each further pause is twice as long as the one before, but at least 100
    /// microseconds and at most 100 milliseconds.
    #[must_use]
    pub const fn first_pause(self, pause: Duration) -> Self {
        Self { first_pause: pause, ..self }
    }

    /// Whether the action is tried only once.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.timeout.is_zero()
    }

    /// Repeats the action until it succeeds, fails for a reason other than a busy device, or the timeout has passed.
    /// The last try starts at the end of the timeout, or later if the action itself takes long. With a zero timeout the
    /// action runs once.
    pub(super) fn while_busy<R>(self, mut action: impl FnMut() -> Result<R, Error>) -> Result<R, Error> {
        if self.is_none() {
            return action();
        }
        let start = Instant::now();
        let mut pause = self.first_pause;
        loop {
            let left = self.timeout.saturating_sub(start.elapsed());
            match action() {
                Err(error) if error.is_busy() && !left.is_zero() => {
                    thread::sleep(pause.min(left));
                    pause = pause.saturating_mul(2).clamp(Duration::from_micros(100), MAX_PAUSE);
                }
                result => return result,
            }
        }
    }
}

const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Retries for one second.
impl Default for Retry {
    fn default() -> Self {
        Self::within(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno::{EBUSY, ENXIO};

    use super::*;
    use crate::error::{Errno, Refusal};
    use crate::wire::Command;

    fn fails_with(errno: nix::errno::Errno) -> Result<(), Error> {
        Err(Refusal::new(Command::DeviceRemove, None, Errno::from_nix(errno)).into())
    }

    fn run_and_count(retry: Retry, mut action: impl FnMut(u32) -> Result<(), Error>) -> (u32, Result<(), Error>) {
        let mut tries: u32 = 0;
        let result = retry.while_busy(|| {
            tries = tries.saturating_add(1);
            action(tries)
        });
        (tries, result)
    }

    #[test]
    fn without_a_timeout_the_action_runs_once() {
        let (tries, result) = run_and_count(Retry::NONE, |_| fails_with(EBUSY));
        assert!(tries == 1 && result.unwrap_err().is_busy());
    }

    #[test]
    fn only_an_error_of_a_busy_device_is_retried() {
        assert_eq!(run_and_count(Retry::default(), |_| fails_with(ENXIO)).0, 1);
        let (tries, result) =
            run_and_count(Retry::default(), |tries| if tries < 4 { fails_with(EBUSY) } else { Ok(()) });
        assert!(tries == 4 && result.is_ok());
    }

    #[test]
    fn the_last_try_is_at_the_end_of_the_timeout() {
        let timeout = Duration::from_millis(50);
        let start = Instant::now();
        let mut last = Duration::ZERO;
        let (tries, result) = run_and_count(Retry::within(timeout), |_| {
            last = start.elapsed();
            fails_with(EBUSY)
        });
        assert!(tries > 1 && result.is_err());
        assert!(last >= timeout, "{last:?}");
    }
}
