//! Reading of the kernel's log, which is often the only place where the kernel says why it refused a command.
//!
//! For a refused table or message, the kernel returns just an errno, often `EINVAL`, and the log has a line such as
//! `device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)` (`dm_table_add_target` in
//! drivers/md/dm-table.c).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek as _, SeekFrom};
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use dm_units::DeviceNumber;
use nix::errno::Errno;
#[cfg(target_os = "linux")]
use nix::unistd::gettid;

#[cfg(not(target_os = "linux"))]
use super::elsewhere::gettid;
use super::log_lines::{Line, reasons};
use crate::wire::Command;

/// Whether the kernel may log a reason when it refuses the command. `RemoveAll` logs too, but only when it succeeds.
pub(super) const fn has_reasons(command: Command) -> bool {
    matches!(
        command,
        Command::TableLoad
            | Command::TargetMsg
            | Command::DeviceResume
            | Command::DeviceCreate
            | Command::DeviceRename
            | Command::SetGeometry
    )
}

/// The number of `/dev/kmsg` (Documentation/admin-guide/devices.txt).
const KMSG: DeviceNumber = DeviceNumber::new(1, 11);

/// The kernel's log, as read by one handle.
///
/// The position in the log belongs to an open file, so each pending call uses a separate file. Calls of several threads
/// therefore neither block each other nor consume each other's lines.
#[derive(Debug, Default)]
pub(super) struct KernelLogFile {
    idle: Mutex<Vec<LogFile>>,
    /// The number of calls with possible reasons that this handle has started, and the number that have finished. If
    /// the kernel does not record threads, a line without a device number can only be attributed to a call if no other
    /// call ran at the same time.
    begun: AtomicU64,
    ended: AtomicU64,
}

impl KernelLogFile {
    /// Moves to the end of the log.
    pub(super) fn mark(&self) -> LogMark<'_> {
        let before = self.begun.fetch_add(1, Ordering::SeqCst);
        let alone = self.ended.load(Ordering::SeqCst) == before;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let file = idle.and_then(LogFile::at_end).or_else(LogFile::open);
        LogMark(Source::Kernel { log: self, file, number: alone.then_some(before.wrapping_add(1)) })
    }
}

/// An open `/dev/kmsg`.
#[derive(Debug)]
struct LogFile {
    /// `None` only on drop, if it has turned out to be another file.
    file: Option<File>,
    /// A forked child would share the position, so it opens the log again.
    process: u32,
}

impl LogFile {
    /// Opens the log at its end. `None` if it cannot be read.
    fn open() -> Option<Self> {
        let options = nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC;
        let mut file = OpenOptions::new().read(true).custom_flags(options).open("/dev/kmsg").ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self { file: Some(file), process: std::process::id() })
    }

    /// Moves the file to the end of the log, if it still is the log.
    fn at_end(mut self) -> Option<Self> {
        if self.process != std::process::id() {
            return None;
        }
        let file = self.file.as_mut()?;
        // `/dev/kmsg` refuses to report a position in bytes (`devkmsg_llseek` in kernel/printk/printk.c). A file that
        // reports one is not the log and must not be moved; a file without positions, such as a socket, cannot seek to
        // the end either.
        if file.stream_position().is_ok() {
            return None;
        }
        file.seek(SeekFrom::End(0)).ok()?;
        Some(self)
    }

    /// A program that closes all descriptors and then opens its own files may have reused this descriptor.
    fn is_log(&self) -> bool {
        let metadata = self.file.as_ref().and_then(|file| file.metadata().ok());
        metadata.is_some_and(|metadata| {
            metadata.file_type().is_char_device() && DeviceNumber::from_dev_t(metadata.rdev()) == KMSG
        })
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        if !self.is_log() {
            // The descriptor now belongs to a file of the program and must not be closed.
            let _ = self.file.take().map(File::into_raw_fd);
        }
    }
}

/// The end of the kernel's log at the start of a call.
pub struct LogMark<'a>(Source<'a>);

enum Source<'a> {
    Kernel {
        log: &'a KernelLogFile,
        /// `None` if the log cannot be read.
        file: Option<LogFile>,
        /// The number of calls started, including this one; `None` if another call was pending.
        number: Option<u64>,
    },
    Lines(Box<dyn Fn() -> Vec<String> + 'a>),
}

impl<'a> LogMark<'a> {
    /// Makes a mark for a transport without a kernel: `lines` returns the lines logged since the mark was made.
    pub fn from_fn(lines: impl Fn() -> Vec<String> + 'a) -> Self {
        Self(Source::Lines(Box::new(lines)))
    }

    /// The lines about a device that were written since the mark. `None` if the log cannot be read.
    ///
    /// While another processor is writing a line, readers see the log end before that line, even if complete lines
    /// follow. So if a reason `must` exist and none is found, the search is repeated a few times.
    pub(super) fn lines(&self, device: Option<DeviceNumber>, must: bool) -> Option<Vec<String>> {
        match &self.0 {
            Source::Lines(lines) => Some(lines()),
            Source::Kernel { log, file, number } => {
                let file = file.as_ref()?.file.as_ref()?;
                let was_alone = || *number == Some(log.begun.load(Ordering::SeqCst));
                Some(lines_since(file, device, must, was_alone))
            }
        }
    }
}

impl Drop for LogMark<'_> {
    fn drop(&mut self) {
        if let Source::Kernel { log, file, .. } = &mut self.0 {
            log.ended.fetch_add(1, Ordering::SeqCst);
            if let Some(file) = file.take() {
                let mut idle = log.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < MAX_IDLE {
                    idle.push(file);
                }
            }
        }
    }
}

impl fmt::Debug for LogMark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMark").finish_non_exhaustive()
    }
}

/// The largest number of open files that are kept.
const MAX_IDLE: usize = 4;

fn lines_since(file: &File, device: Option<DeviceNumber>, must: bool, was_alone: impl Fn() -> bool) -> Vec<String> {
    let thread = gettid().as_raw();
    let mut records = Vec::new();
    let mut pauses = PAUSES.iter().filter(|_| must && device.is_some());
    loop {
        read_records(file, &mut records);
        // Checked after reading, so that a call that started meanwhile is noticed.
        let alone = was_alone();
        let found = reasons(records.iter().filter_map(|record| Line::parse(record)), device, thread, alone);
        match pauses.next() {
            Some(&pause) if found.is_empty() => thread::sleep(Duration::from_millis(pause)),
            _ => return found,
        }
    }
}

/// Pauses between searches, in milliseconds.
const PAUSES: [u64; 4] = [1, 2, 4, 8];

/// The largest number of records that are examined, far more than one command writes.
const MAX_RECORDS: usize = 256;

/// An upper bound of the size of a record: `CONSOLE_EXT_LOG_MAX` of older kernels such as 6.1. The limit of newer ones,
/// `PRINTK_MESSAGE_MAX` in kernel/printk/internal.h, is smaller.
const RECORD_SIZE: usize = 8192;

/// Reads to the end of the log. Each read returns one record.
fn read_records(mut log: impl Read, records: &mut Vec<String>) {
    let mut record = vec![0; RECORD_SIZE];
    // Overwritten records and signals cause errors after which reading can continue, so their number must be limited.
    for _ in 0..MAX_RECORDS.saturating_mul(2) {
        if records.len() >= MAX_RECORDS {
            break;
        }
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(len) => records.push(String::from_utf8_lossy(record.get(..len).unwrap_or_default()).into_owned()),
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mark: &LogMark<'_>) -> Option<u64> {
        match &mark.0 {
            Source::Kernel { number, .. } => *number,
            Source::Lines(_) => None,
        }
    }

    #[test]
    fn a_call_beside_another_one_of_the_handle_is_not_alone() {
        let log = KernelLogFile::default();
        let first = log.mark();
        assert_eq!((number(&first), format!("{first:?}").as_str()), (Some(1), "LogMark { .. }"));
        let second = log.mark();
        assert_eq!(number(&second), None);
        drop((first, second));
        assert_eq!(number(&log.mark()), Some(3));
        assert_eq!(number(&KernelLogFile::default().mark()), Some(1), "another handle counts by itself");
    }

    #[test]
    fn a_file_that_is_not_the_log_is_neither_moved_nor_closed() {
        use std::os::fd::AsRawFd as _;
        let mut theirs = tempfile::tempfile().unwrap();
        theirs.seek(SeekFrom::Start(3)).unwrap();
        let fdinfo = format!("/proc/self/fdinfo/{}", theirs.as_raw_fd());
        let taken = LogFile { file: Some(theirs), process: std::process::id() };
        assert!(taken.at_end().is_none());
        let position = std::fs::read_to_string(fdinfo).expect("it is still open");
        assert!(position.starts_with("pos:\t3\n"), "{position}");
    }

    #[test]
    fn a_device_that_is_not_the_log_is_not_closed() {
        use std::os::fd::AsRawFd as _;
        let theirs = File::open("/dev/null").unwrap();
        let link = format!("/proc/self/fd/{}", theirs.as_raw_fd());
        drop(LogFile { file: Some(theirs), process: std::process::id() });
        assert_eq!(std::fs::read_link(link).unwrap().to_str(), Some("/dev/null"));
    }

    /// A log whose reads end with these results.
    struct Reads(std::vec::IntoIter<Result<&'static str, Errno>>);

    impl Read for Reads {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let record = self.0.next().expect("reading ends at the end of the log")?;
            buffer[..record.len()].copy_from_slice(record.as_bytes());
            Ok(record.len())
        }
    }

    #[test]
    fn reading_continues_after_overwritten_records_and_signals_and_stops_at_the_end() {
        let results = vec![Ok("one"), Err(Errno::EPIPE), Ok("two"), Err(Errno::EINTR), Ok("three"), Err(Errno::EAGAIN)];
        let mut records = Vec::new();
        read_records(Reads(results.into_iter()), &mut records);
        assert_eq!(records, ["one", "two", "three"]);
    }

    #[test]
    fn a_fork_opens_the_log_again() {
        let other = LogFile { file: None, process: std::process::id().wrapping_add(1) };
        assert!(other.at_end().is_none());
    }
}
