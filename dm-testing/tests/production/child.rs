//! Runs this test program as a separate process that can be killed.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use nix::sys::signal::Signal;

/// The environment variable with the task of the child.
const ORDER: &str = "DM_PRODUCTION_ORDER";

/// In the child, returns its task. A test that starts children checks this first.
pub(crate) fn order() -> Option<String> {
    std::env::var(ORDER).ok()
}

/// Runs the present test in a child with a task, and waits for its end.
pub(crate) fn run(order: &str) -> ExitStatus {
    command(order, &[]).status().unwrap()
}

/// The command of [`run`], started by a wrapper such as `unshare --ipc`.
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
    // Its output would look like the result of the test.
    command.args([test.as_str(), "--exact", "--ignored"]).env(ORDER, order).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Kills this process immediately.
pub(crate) fn die() {
    nix::sys::signal::raise(Signal::SIGKILL).unwrap();
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::SIGKILL as i32)
}
