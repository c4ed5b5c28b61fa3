//! [`wait_until`]: waits for a condition, with a timeout.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use crate::real::error::{Error, Result};

/// The default time to wait for other programs to close a device.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The longest pause between two checks.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// Waits until a condition is true. The condition is checked repeatedly, with pauses that grow from 1 to 20
/// milliseconds.
///
/// `what` names the condition in the text of the error: "waited 3s for `what`, in vain".
///
/// # Errors
/// [`Error::TimedOut`]: the condition did not become true within `timeout`. With a zero timeout the condition is
/// checked once.
pub fn wait_until(what: impl Display, timeout: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while !condition() {
        if start.elapsed() >= timeout {
            return Err(Error::TimedOut { what: what.to_string(), timeout });
        }
        thread::sleep(pause);
        pause = pause.saturating_mul(2).min(MAX_PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        wait_until("the third look", Duration::from_secs(60), || {
            looks += 1;
            looks == 3
        })
        .unwrap();
        assert_eq!(looks, 3);
    }

    #[test]
    fn a_wait_ends_with_its_timeout() {
        let error = wait_until("nothing", Duration::from_millis(3), || false).unwrap_err();
        assert_eq!(error.to_string(), "waited 3ms for nothing, in vain");
    }
}
