//! What the kernel wrote to its log while it refused a command: often the only place where it says why.
//!
//! An errno has no room for a reason, so a refused table or message gives just `EINVAL`, and the log a line such as
//! `device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)` (`dm_table_add_target` in drivers/md/dm-table.c).

use std::cell::OnceCell;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

use dm_units::DeviceNumber;
use nix::errno::Errno;

use crate::command::Command;

thread_local! {
    /// The log has one place per open file, so each thread has a file of its own: commands of two threads do not wait for
    /// each other to tell their lines apart. `None` where the log can't be read.
    static LOG: OnceCell<Option<File>> = const { OnceCell::new() };
}

/// The commands that the kernel gives reasons for.
pub(crate) const fn has_reasons(command: Command) -> bool {
    matches!(
        command,
        Command::TableLoad | Command::TargetMsg | Command::DeviceResume | Command::DeviceCreate | Command::DeviceRename
    )
}

/// Goes to the end of the log, which is one system call, if the kernel gives reasons for refusing the command.
pub(crate) fn skip_to_end(command: Command) {
    if has_reasons(command) {
        // Where the log can't be read there will be no reasons, which is all.
        LOG.with(|log| log.get_or_init(open).as_ref().map(|mut log| log.seek(SeekFrom::End(0))));
    }
}

fn open() -> Option<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC).open("/dev/kmsg").ok()
}

/// The lines about a device that were written since this thread was at the end of the log.
pub(crate) fn lines_since(device: Option<DeviceNumber>) -> Vec<String> {
    let records = LOG.with(|log| log.get().and_then(Option::as_ref).map(read_records).unwrap_or_default());
    let thread = nix::unistd::gettid().as_raw();
    reasons(records.iter().filter_map(|record| Line::parse(record)), device, thread)
}

/// The most records that are looked at, which is far more than one command writes.
const MOST_RECORDS: usize = 256;

/// Reads to the end of the log. Each read gives one record.
fn read_records(mut log: &File) -> Vec<String> {
    let mut records = Vec::new();
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
    records
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
/// if nothing else was said at that moment about another device.
fn reasons<'a>(lines: impl Iterator<Item = Line<'a>>, device: Option<DeviceNumber>, thread: i32) -> Vec<String> {
    let lines: Vec<Line<'a>> = lines.filter(|line| line.thread.is_none_or(|writer| writer == thread)).collect();
    let is_others = |line: &Line<'_>| line.device.is_some() && line.device != device;
    let quiet = !lines.iter().any(is_others);
    let is_ours = |line: &&Line<'_>| !is_others(line) && (line.device.is_some() || line.thread.is_some() || quiet);
    lines.iter().filter(is_ours).map(|line| line.text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: DeviceNumber = DeviceNumber::new(253, 0);

    fn said(records: &[&str]) -> Vec<String> {
        reasons(records.iter().filter_map(|record| Line::parse(record)), Some(OURS), 201)
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
    fn the_kernel_may_say_which_thread_wrote_a_line() {
        let ours = "3,1,2,-,caller=T201;device-mapper: ioctl: The device has no table.\n";
        let theirs = "3,2,3,-,caller=T202;device-mapper: ioctl: Empty message received.\n";
        let interrupt = "3,3,4,-,caller=C1;device-mapper: multipath: 253:0: Failing path 8:0.\n";
        assert_eq!(said(&[ours, theirs, interrupt]), ["device-mapper: ioctl: The device has no table."]);
    }
}
