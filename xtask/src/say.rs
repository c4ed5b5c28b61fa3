//! Messages for the user, on standard error.

use std::io::{IsTerminal, Write};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// The interval at which a running step is checked.
const POLL: Duration = Duration::from_millis(20);

/// Prints the start of a step.
pub(crate) fn step(text: &str) {
    eprintln!("{} {text}", bold("=>"));
}

/// Prints a detail of the current step.
pub(crate) fn note(text: &str) {
    eprintln!("   {text}");
}

/// Makes the text bold if standard error is a terminal.
fn bold(text: &str) -> String {
    if std::io::stderr().is_terminal() { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// Formats a duration: `1.9 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Waits for a silent child, and shows the elapsed time: on a terminal in one line, else every ten seconds.
///
/// # Errors
/// When the child cannot be waited for.
pub(crate) fn wait_with_progress(child: &mut Child, what: &str) -> std::io::Result<ExitStatus> {
    let terminal = std::io::stderr().is_terminal();
    let interval = Duration::from_secs(if terminal { 1 } else { 10 });
    let start = Instant::now();
    let mut shown = Duration::ZERO;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let elapsed = start.elapsed();
        if elapsed.saturating_sub(shown) >= interval {
            shown = elapsed;
            let end = if terminal { "\r" } else { "\n" };
            eprint!("   {what}: {} s{end}", elapsed.as_secs());
            std::io::stderr().flush()?;
        }
        std::thread::sleep(POLL);
    };
    if terminal && !shown.is_zero() {
        eprint!("\r\x1b[K");
    }
    Ok(status)
}
