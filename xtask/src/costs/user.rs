//! Counts the instructions of dm-core's calls in user space, and compares them with limits.
//!
//! `dm-core/examples/costs` repeats a call on a simulated kernel, and callgrind counts instructions. The difference
//! between a long and a short run is the cost of further calls, after the buffer has grown. The cost of the ioctl is
//! counted in the same way and subtracted.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{build, grouped};
use crate::say;
use crate::workspace::Workspace;

/// A call of dm-core that the example can repeat.
struct Call {
    /// Its name in the arguments of the example.
    name: &'static str,
    /// Its name in the table of results.
    summary: &'static str,
    /// The number of calls in the short run and in the long one.
    counts: [u64; 2],
    /// The maximum number of instructions of one call.
    limit: u64,
}

/// The limits are 1.5 to 2.1 times the instructions of hand-written code with a buffer of the right size, and 3.2 times
/// for dependencies: that call is short, and a large part of it lends the handle's buffer to the reply.
const CALLS: [Call; 8] = [
    Call { name: "device_info", summary: "device_info", counts: [100, 1100], limit: 400 },
    Call { name: "version", summary: "version", counts: [100, 1100], limit: 400 },
    Call { name: "list_devices", summary: "list_devices, 4000 devices", counts: [3, 13], limit: 400_000 },
    Call { name: "list_devices_uuids", summary: "the same with uuids", counts: [3, 13], limit: 700_000 },
    Call { name: "table_text", summary: "table_status, text of 100 000 lines", counts: [2, 4], limit: 14_000_000 },
    Call { name: "table_load_typed", summary: "table_load, 100 000 typed lines", counts: [2, 4], limit: 60_000_000 },
    Call { name: "table_load_text", summary: "table_load, 100 000 lines of text", counts: [2, 4], limit: 21_500_000 },
    Call { name: "table_deps", summary: "table_deps, 100 devices", counts: [100, 1100], limit: 1_300 },
];

/// Counts the instructions of each call, and prints a table. Returns whether all are within their limits.
///
/// # Errors
/// When valgrind is missing, or the example cannot be built or run.
pub(super) fn run(workspace: &Workspace) -> Result<bool> {
    check_valgrind()?;
    let program = build(workspace)?;
    say::step("counting the instructions of each call, without the ioctl itself");
    println!("{:<36}{:>12}{:>12}", "call", "counted", "at most");
    let mut good = true;
    for call in &CALLS {
        let counted = count(&program, call)?;
        let is_good = counted <= call.limit;
        let remark = if is_good { "" } else { "  TOO MANY" };
        println!("{:<36}{:>12}{:>12}{remark}", call.summary, grouped(counted), grouped(call.limit));
        good &= is_good;
    }
    Ok(good)
}

fn check_valgrind() -> Result<()> {
    let status = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        bail!("cannot count instructions without valgrind: install it");
    }
    Ok(())
}

/// The instructions of one call after the buffer has grown, without its ioctl.
fn count(program: &Path, call: &Call) -> Result<u64> {
    let [few, many] = call.counts;
    let whole = [collect(program, call, few, &[])?, collect(program, call, many, &[])?];
    let ioctl = [collect(program, call, few, &["ioctl"])?, collect(program, call, many, &["ioctl"])?];
    per_call(call.counts, whole, ioctl).with_context(|| format!("the counts of {} are inconsistent", call.name))
}

/// The instructions of one call, from short and long runs of the call and of only its ioctl.
fn per_call(counts: [u64; 2], whole: [u64; 2], ioctl: [u64; 2]) -> Option<u64> {
    let more = |[few, many]: [u64; 2]| many.checked_sub(few);
    more(whole)?.checked_sub(more(ioctl)?)?.checked_div(more(counts)?)
}

/// The instructions of a complete run of the example.
fn collect(program: &Path, call: &Call, count: u64, mode: &[&str]) -> Result<u64> {
    let mut child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["user", call.name, &count.to_string()])
        .args(mode)
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run valgrind")?;
    // callgrind writes less than a pipe holds, so its output can be read when it has ended.
    let status = say::wait_with_progress(&mut child, call.name)?;
    let mut output = String::new();
    child.stderr.take().context("valgrind has no output")?.read_to_string(&mut output)?;
    match collected(&output) {
        Some(instructions) if status.success() => Ok(instructions),
        _ => bail!("counting {} failed:\n{output}", call.name),
    }
}

/// The number in callgrind's line `==2093== Collected : 1234`.
fn collected(output: &str) -> Option<u64> {
    output.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{collected, per_call};

    #[test]
    fn the_cost_of_starting_and_of_the_ioctl_is_not_counted() {
        // 10 000 at the start, 300 for each call, of which the ioctl takes 50.
        assert_eq!(per_call([100, 1100], [40_000, 340_000], [15_000, 65_000]), Some(250));
        assert_eq!(per_call([1, 2], [5, 4], [0, 0]), None);
    }

    #[test]
    fn the_number_is_found_in_the_output_of_callgrind() {
        let output =
            "==7== Callgrind, a call-graph profiler\n==7== Events    : Ir\n==7== Collected : 1324147\n==7== \n";
        assert_eq!(collected(output), Some(1_324_147));
        assert_eq!(collected("valgrind: no such file"), None);
    }
}
