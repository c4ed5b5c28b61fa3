//! This test program once more, as a process of its own that can be killed.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use nix::sys::signal::Signal;

/// What the child is to do.
const ORDER: &str = "DM_PRODUCTION_ORDER";

/// In the child: what it is to do. A test that starts children of itself asks for that first.
pub(crate) fn order() -> Option<String> {
    std::env::var(ORDER).ok()
}

/// Runs the present test in a process of its own, with an order, to its end.
pub(crate) fn run(order: &str) -> ExitStatus {
    command(order, &[]).status().unwrap()
}

/// The same, started by another program with these words, such as `unshare --ipc`; not started yet.
pub(crate) fn command(order: &str, wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let test = thread::current().name().unwrap().to_owned();
    let mut command = match wrapper {
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        [] => Command::new(program),
    };
    // Its output would look like the verdict on the test.
    command.args([test.as_str(), "--exact", "--ignored"]).env(ORDER, order).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Kills this process, at once.
pub(crate) fn die() {
    nix::sys::signal::raise(Signal::SIGKILL).unwrap();
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::SIGKILL as i32)
}
