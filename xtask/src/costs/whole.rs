//! Whole calls, the kernel's part of them included: how many instructions dm-core's take, and how many the least that does
//! the same.
//!
//! They are made in a QEMU guest whose clock goes by the instructions that it carries out, so processor time is a count of
//! them. The least is `floor.c` beside the example: ioctls by hand, in a buffer of just the right size.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{build, grouped};
use crate::guest::{self, Clock, Event, Job, Limits, Live, Place, Setup};
use crate::say;
use crate::workspace::Workspace;

/// A call and what it may take.
struct Call {
    /// Its name to the programs.
    name: &'static str,
    summary: &'static str,
    /// How many entries its table or list has.
    size: u32,
    /// How often it is made in a row: so often that the reading of the clock does not count.
    count: u32,
    /// How many thousandths of the least it may take; `None` where it is just shown.
    limit: Option<u64>,
}

const fn call(name: &'static str, summary: &'static str, size: u32, count: u32, limit: u64) -> Call {
    Call { name, summary, size, count, limit: Some(limit) }
}

/// In this order: devices are made as lists get longer, and stay.
const CALLS: [Call; 26] = [
    call("first_table_text", "table text, 1 line, a process's first call", 1, 1, 2000),
    call("open", "open", 1, 100, 1300),
    call("open_version", "open, version", 1, 100, 1300),
    call("version", "version", 1, 1000, 1200),
    call("device_info", "device_info", 1, 1000, 1200),
    call("list_versions", "list_versions", 1, 200, 1200),
    call("table_text", "table text, 100 lines", 100, 20, 1050),
    call("table_status", "table_status, 100 lines", 100, 50, 1050),
    call("table_text", "table text, 10 000 lines", 10_000, 1, 1050),
    call("table_status", "table_status, 10 000 lines", 10_000, 1, 1050),
    call("table_load_typed", "table_load, 1 typed line", 1, 100, 1050),
    call("table_load_typed", "table_load, 100 typed lines", 100, 5, 1050),
    call("table_load_typed", "table_load, 1000 typed lines", 1000, 3, 1050),
    call("table_load_text", "table_load, 100 lines of text", 100, 5, 1020),
    call("table_load_text", "table_load, 1000 lines of text", 1000, 3, 1020),
    Call { name: "list_devices", summary: "list_devices, 10 devices", size: 10, count: 200, limit: None },
    call("list_devices", "list_devices, 100 devices", 100, 20, 1050),
    call("table_deps", "table_deps, 100 devices", 100, 300, 1200),
    call("first_table_deps", "the same, a process's first call", 100, 1, 1500),
    call("list_devices", "list_devices, 1000 devices", 1000, 2, 1050),
    call("list_devices_uuids", "the same, with uuids", 1000, 2, 1050),
    call("life", "create, load, resume, remove", 1, 10, 1010),
    call("list_devices", "list_devices, 4000 devices", 4000, 1, 1050),
    call("list_devices_uuids", "the same, with uuids", 4000, 1, 1050),
    call("first_list_devices", "4000 devices, a process's first call", 4000, 1, 1500),
    call("first_list_devices_uuids", "the same, with uuids", 4000, 1, 1650),
];

/// Making thousands of devices, and removing them, is a silent time.
pub(super) const LIMITS: Limits = Limits::both(Duration::from_secs(600));

/// Makes each call in the guest, and prints a table; whether all keep to their limits.
///
/// # Errors
/// When there is no C compiler, a program cannot be built, or the guest did not come to a good end.
pub(super) fn run(workspace: &Workspace, limits: Limits) -> Result<bool> {
    if !Place::guests().contains(&Place::Qemu) {
        bail!("the guest that counts instructions does not run on this kind of processor yet");
    }
    let program = build(workspace)?;
    let floor = compile_floor(workspace, &program)?;
    say::step("counting the instructions of whole calls in a throw-away kernel");
    let setup = Setup { kernel: None, udev: false, interactive: false, clock: Clock::Instructions };
    let job = Job { folder: workspace.root.clone(), variables: Vec::new(), words: words(&program, &floor) };
    let mut table = Table::default();
    let finished = guest::run(Place::Qemu, &workspace.guest_dir(), &setup, &[job], limits, &mut |live| match live {
        Live::Event(Event::Ready { release, .. }) => {
            say::note(&format!("Linux {release}"));
            println!("{:<44}{:>12}{:>12}{:>8}{:>9}", "call", "least", "ours", "ratio", "at most");
        }
        Live::Event(_) => {}
        Live::Text(text) => table.take(text),
    })?;
    let status = finished.good_status()?;
    if status != 0 {
        bail!("the program ended with status {status}: {}", table.rest());
    }
    if table.results.len() != CALLS.len() {
        bail!("{} calls were counted instead of {}", table.results.len(), CALLS.len());
    }
    Ok(table.results.iter().all(|is_good| *is_good))
}

/// Compiles the program that does the least; its path.
fn compile_floor(workspace: &Workspace, program: &Path) -> Result<PathBuf> {
    let floor = program.with_file_name("floor");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&compiler)
        .args(["-O3", "-o"])
        .arg(&floor)
        .arg(workspace.root.join("dm-core/examples/costs/floor.c"))
        .status()
        .with_context(|| format!("cannot run {}: install a C compiler", compiler.to_string_lossy()))?;
    if !status.success() {
        bail!("floor.c does not compile: are the C library's and the kernel's headers installed?");
    }
    Ok(floor)
}

/// The command that makes all calls.
fn words(program: &Path, floor: &Path) -> Vec<OsString> {
    let calls = CALLS.iter().map(|call| format!("{}:{}:{}", call.name, call.size, call.count).into());
    [program.into(), "compare".into(), floor.into()].into_iter().chain(calls).collect()
}

/// The lines that come from the guest, `CALL:SIZE:COUNT LEAST OURS`, in the order of the calls.
#[derive(Default)]
struct Table {
    unread: Vec<u8>,
    /// Whether each call kept to its limit.
    results: Vec<bool>,
}

impl Table {
    /// Takes what has come, and prints the rows that are complete.
    fn take(&mut self, text: &[u8]) {
        self.unread.extend_from_slice(text);
        while let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
            let Some((is_good, row)) =
                CALLS.get(self.results.len()).and_then(|call| row(call, self.unread.get(..end)?))
            else {
                break;
            };
            println!("{row}");
            self.results.push(is_good);
            self.unread.drain(..=end);
        }
    }

    /// What is no row, such as an error.
    fn rest(&self) -> String {
        String::from_utf8_lossy(&self.unread).trim().to_owned()
    }
}

/// Whether a call kept to its limit, and its row; `None` where the line is not about it.
fn row(call: &Call, line: &[u8]) -> Option<(bool, String)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.strip_prefix(&format!("{}:{}:{} ", call.name, call.size, call.count))?.split_whitespace();
    let mut one = || words.next()?.parse::<u64>().ok()?.checked_div(call.count.into());
    let (least, ours) = (one()?, one()?);
    let ratio = ours.checked_mul(1000)?.checked_div(least)?;
    let is_good = call.limit.is_none_or(|limit| ratio <= limit);
    let limit = call.limit.map_or("-".to_owned(), thousandths);
    let remark = if is_good { "" } else { "  TOO MANY" };
    let (least, ours, ratio) = (grouped(least), grouped(ours), thousandths(ratio));
    Some((is_good, format!("{:<44}{least:>12}{ours:>12}{ratio:>8}{limit:>9}{remark}", call.summary)))
}

/// A number of thousandths as people write it: `1.050`.
fn thousandths(number: u64) -> String {
    format!("{}.{:03}", number.div_euclid(1000), number.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::{CALLS, Call, Table, row, thousandths};

    const CALL: Call = Call { name: "list", summary: "a list", size: 10, count: 4, limit: Some(1050) };

    #[test]
    fn a_call_is_good_up_to_its_limit() {
        let is_good = |line: &str| row(&CALL, line.as_bytes()).map(|(is_good, _)| is_good);
        assert_eq!(is_good("list:10:4 4000 4200"), Some(true));
        assert_eq!(is_good("list:10:4 4000 4208"), Some(false));
        assert_eq!(is_good("list:10:4 0 4"), None);
        assert_eq!(is_good("list:100:4 4000 4000"), None, "another call");
        assert_eq!(is_good("list:10:4 4000"), None);
        let (is_good, text) = row(&Call { limit: None, ..CALL }, b"list:10:4 4000 80000").unwrap();
        assert!(is_good && text.ends_with("20.000        -"), "{text}");
    }

    #[test]
    fn rows_come_in_pieces_and_errors_are_kept() {
        let first = CALLS.first().unwrap();
        let line = format!("{}:{}:{} 1000 1000\n", first.name, first.size, first.count);
        let (start, end) = line.split_at(7);
        let mut table = Table::default();
        table.take(start.as_bytes());
        assert!(table.results.is_empty());
        table.take(end.as_bytes());
        table.take(b"thread panicked\n");
        assert_eq!((table.results.as_slice(), table.rest().as_str()), (&[true][..], "thread panicked"));
    }

    #[test]
    fn thousandths_have_three_digits() {
        assert_eq!([1050, 999, 2000].map(thousandths), ["1.050", "0.999", "2.000"]);
    }
}
