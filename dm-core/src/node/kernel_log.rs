//! What the kernel wrote to its log while it refused a command: often the only place where it says why.
//!
//! An errno has no room for a reason, so a refused table or message gives just `EINVAL`, and the log a line such as
//! `device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)` (`dm_table_add_target` in drivers/md/dm-table.c).

use std::cell::{Cell, OnceCell};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dm_units::DeviceNumber;
use nix::errno::Errno;

use crate::wire::command::Command;

thread_local! {
    /// The log has one place per open file, so each thread has a file of its own: commands of two threads do not wait for
    /// each other to tell their lines apart. `None` where the log can't be read.
    static LOG: OnceCell<Option<File>> = const { OnceCell::new() };

    /// This thread's last call.
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Last {
    command: Command,
    /// How many calls had begun with it; `None` if another one was under way.
    number: Option<u64>,
}

/// How many calls that may get reasons this process has begun, and how many of them have ended.
///
/// A line that names no device can't be told from one that another thread's call has caused, unless there was no such call.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// The commands that the kernel gives reasons for.
pub(crate) const fn has_reasons(command: Command) -> bool {
    matches!(
        command,
        Command::TableLoad | Command::TargetMsg | Command::DeviceResume | Command::DeviceCreate | Command::DeviceRename
    )
}

/// A call that may get reasons, as long as it is under way.
pub(crate) struct Call;

impl Drop for Call {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
}

/// Goes to the end of the log, which is one system call, if the kernel gives reasons for refusing the command.
pub(crate) fn begin(command: Command) -> Option<Call> {
    if !has_reasons(command) {
        return None;
    }
    let before = BEGUN.fetch_add(1, Ordering::SeqCst);
    let alone = ENDED.load(Ordering::SeqCst) == before;
    LAST.set(Some(Last { command, number: alone.then_some(before.wrapping_add(1)) }));
    // Where the log can't be read there will be no reasons, which is all.
    LOG.with(|log| log.get_or_init(open).as_ref().map(|mut log| log.seek(SeekFrom::End(0))));
    Some(Call)
}

/// Whether no other call was under way at any moment since this thread's last one began.
fn was_alone() -> bool {
    LAST.get().is_some_and(|last| last.number == Some(BEGUN.load(Ordering::SeqCst)))
}

fn open() -> Option<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC).open("/dev/kmsg").ok()
}

/// The lines about a device that were written since this thread was at the end of the log.
///
/// While another processor is busy with a line of its own, the log ends before that for readers, also if there are lines
/// behind it. So where there must be a reason and none is seen, it is looked for again a few times.
pub(crate) fn lines_since(device: Option<DeviceNumber>) -> Vec<String> {
    let must_be_there = device.is_some()
        && LAST.get().is_some_and(|last| matches!(last.command, Command::TableLoad | Command::DeviceResume));
    let thread = nix::unistd::gettid().as_raw();
    LOG.with(|log| {
        let Some(log) = log.get().and_then(Option::as_ref) else { return Vec::new() };
        let mut records = Vec::new();
        let mut pauses = PAUSES.iter().filter(|_| must_be_there);
        loop {
            read_records(log, &mut records);
            // Asked when all was read.
            let alone = was_alone();
            let found = reasons(records.iter().filter_map(|record| Line::parse(record)), device, thread, alone);
            match pauses.next() {
                Some(&pause) if found.is_empty() => thread::sleep(Duration::from_millis(pause)),
                _ => return found,
            }
        }
    })
}

/// In milliseconds.
const PAUSES: [u64; 4] = [1, 2, 4, 8];

/// The most records that are looked at, which is far more than one command writes.
const MOST_RECORDS: usize = 256;

/// Reads to the end of the log. Each read gives one record.
fn read_records(mut log: &File, records: &mut Vec<String>) {
    let mut record = vec![0; 8192];
    while records.len() < MOST_RECORDS {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(len) => records.push(String::from_utf8_lossy(record.get(..len).unwrap_or_default()).into_owned()),
            // Records were overwritten before they were read; those that follow are there.
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
}

/// A line of the device mapper in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    text: &'a str,
    /// The thread that wrote it, where the kernel was built to say so.
    thread: Option<i32>,
    /// The mapped device it names.
    device: Option<DeviceNumber>,
}

impl<'a> Line<'a> {
    /// Reads a record of `/dev/kmsg`: `4,1043,77812,-,caller=T201;device-mapper: …` and more lines that begin with a space.
    fn parse(record: &'a str) -> Option<Self> {
        let (fields, text) = record.split_once(';')?;
        let text = text.lines().next()?;
        let said = text.strip_prefix("device-mapper: ")?;
        let caller = fields.split(',').find_map(|field| field.strip_prefix("caller="));
        // Another letter stands for a processor in an interrupt, which is no thread.
        let thread = caller.map(|caller| caller.strip_prefix('T').and_then(|id| id.parse().ok()).unwrap_or(0));
        // After the part of the device mapper that speaks comes the device, in most lines.
        let device = said.split(": ").nth(1).and_then(|number| number.parse().ok());
        Some(Self { text, thread, device })
    }
}

/// Those lines that are about the device.
///
/// A line that names no device is one of this thread, where the kernel says so. Where it does not, such lines are believed
/// if this process had no other call under way, and nothing was said at that moment about another device.
fn reasons<'a>(
    lines: impl Iterator<Item = Line<'a>>,
    device: Option<DeviceNumber>,
    thread: i32,
    alone: bool,
) -> Vec<String> {
    let lines: Vec<Line<'a>> = lines.filter(|line| line.thread.is_none_or(|writer| writer == thread)).collect();
    let is_others = |line: &Line<'_>| line.device.is_some() && line.device != device;
    let quiet = alone && !lines.iter().any(is_others);
    let is_ours = |line: &&Line<'_>| !is_others(line) && (line.device.is_some() || line.thread.is_some() || quiet);
    lines.iter().filter(is_ours).map(|line| line.text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: DeviceNumber = DeviceNumber::new(253, 0);

    fn said(records: &[&str]) -> Vec<String> {
        said_while(records, true)
    }

    fn said_while(records: &[&str], alone: bool) -> Vec<String> {
        reasons(records.iter().filter_map(|record| Line::parse(record)), Some(OURS), 201, alone)
    }

    #[test]
    fn lines_about_this_device_are_reasons() {
        let lookup = "3,1043,77812,-;device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)\n";
        let ioctl = "3,1044,77813,-;device-mapper: ioctl: error adding target to table\n SUBSYSTEM=block\n";
        assert_eq!(
            said(&[lookup, "6,1,2,-;loop0: detected capacity change\n", ioctl]),
            [
                "device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)",
                "device-mapper: ioctl: error adding target to table"
            ]
        );
    }

    #[test]
    fn another_devices_lines_are_not() {
        let theirs = "3,1,2,-;device-mapper: table: 253:10: linear: Invalid argument count (-EINVAL)\n";
        let unnamed = "3,2,3,-;device-mapper: ioctl: error adding target to table\n";
        assert_eq!(said(&[theirs, unnamed]), [] as [&str; 0], "who wrote the second can't be known");
        let ours = "3,2,3,-;device-mapper: table: 253:0: zero: No arguments required (-EINVAL)\n";
        assert_eq!(said(&[theirs, ours, unnamed]).len(), 1);
    }

    #[test]
    fn beside_other_calls_only_what_names_the_device_is_a_reason() {
        let ours = "3,2,3,-;device-mapper: table: 253:0: zero: No arguments required (-EINVAL)\n";
        let unnamed = "3,2,3,-;device-mapper: ioctl: Target type does not support messages\n";
        assert_eq!(said_while(&[ours, unnamed], true).len(), 2);
        assert_eq!(said_while(&[ours, unnamed], false).len(), 1);
    }

    #[test]
    fn a_call_beside_another_one_is_not_alone() {
        let alone_beside = |other: Option<Call>| {
            let call = begin(Command::TableLoad);
            drop((call, other));
            was_alone()
        };
        assert!(!alone_beside(begin(Command::TableLoad)));
        drop(begin(Command::TableLoad));
        thread::spawn(|| drop(begin(Command::TargetMsg))).join().unwrap();
        assert!(!was_alone(), "another one began since");
        assert!(begin(Command::DeviceInfo).is_none());
    }

    #[test]
    fn the_kernel_may_say_which_thread_wrote_a_line() {
        let ours = "3,1,2,-,caller=T201;device-mapper: ioctl: The device has no table.\n";
        let theirs = "3,2,3,-,caller=T202;device-mapper: ioctl: Empty message received.\n";
        let interrupt = "3,3,4,-,caller=C1;device-mapper: multipath: 253:0: Failing path 8:0.\n";
        assert_eq!(said(&[ours, theirs, interrupt]), ["device-mapper: ioctl: The device has no table."]);
    }
}
