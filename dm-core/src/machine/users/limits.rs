//! Limits on size and time, so that the examined programs cannot make the search take unlimited time or memory.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest line that is read. It has two paths of up to 4095 bytes, which escaping can make four times as long, a
/// source and options.
const LINE: u64 = 64 << 10;
/// The number of bytes of one namespace's mounts that are read.
const FILE: u64 = 16 << 20;
/// The number of processes that are examined: as many as the kernel allows by default with 128 processors.
pub(super) const PROCESSES: usize = 1 << 17;
/// The number of mount namespaces that are examined; few in tests, which make a folder for each process.
pub(super) const NAMESPACES: usize = if cfg!(test) { 16 } else { 4096 };
/// The number of descriptors of a process that are examined.
pub(super) const DESCRIPTORS: usize = 1 << 16;
/// The number of mounts of one other namespace that are kept, so that one namespace does not displace the others.
pub(super) const MOUNTS_OF_ANOTHER: usize = 16;
/// The number of mounts that are kept.
pub(super) const MOUNTS: usize = 256;
/// The number of processes that are kept of those that have the device open, and of the others.
pub(super) const USERS: usize = 64;
/// The number of bytes of mount points below those of the device that are kept during the search for processes.
pub(super) const NESTED_BYTES: usize = 1 << 20;
/// The number of mounts at or below `/dev` that are kept.
pub(super) const DEVICE_DIRS: usize = 256;
/// The number of bytes of other namespaces' mount points that are kept, so that these need not be read again.
pub(super) const TABLES: usize = 1 << 20;

/// The remaining time, and whether anything was omitted.
#[derive(Debug)]
pub(super) struct Budget {
    /// `None` if the end is beyond the range of the clock.
    deadline: Option<Instant>,
    complete: bool,
}

impl Budget {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(timeout), complete: true }
    }

    /// Whether the time has expired, which makes the search incomplete.
    pub(super) fn is_over(&mut self) -> bool {
        let is_over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.complete &= !is_over;
        is_over
    }

    /// Records that something was omitted.
    pub(super) fn leave_out(&mut self) {
        self.complete = false;
    }

    /// Records that something could not be read, unless it no longer exists.
    pub(super) fn failed(&mut self, error: &io::Error) {
        use nix::libc::{ENOENT, ESRCH};
        if !matches!(error.raw_os_error(), Some(ENOENT | ESRCH)) {
            self.leave_out();
        }
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }
}

/// The lines of a file, one at a time in one buffer, up to a number of bytes.
#[derive(Debug)]
pub(super) struct Lines {
    file: io::Take<BufReader<File>>,
    line: Vec<u8>,
    count: u8,
}

/// The number of lines between two readings of the clock, which can cost more than a line. A power of two.
const LINES_AT_ONCE: u8 = 32;

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(32 << 10, File::open(path)?).take(FILE), line: Vec::new(), count: 0 })
    }

    /// The next line without its line feed. A line that is too long is skipped.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Option<&[u8]> {
        loop {
            if self.count % LINES_AT_ONCE == 0 && budget.is_over() {
                return None;
            }
            self.count = self.count.wrapping_add(1);
            self.line.clear();
            let read = (&mut self.file).take(LINE).read_until(b'\n', &mut self.line);
            match read {
                Ok(0) => {
                    if self.file.limit() == 0 {
                        budget.leave_out();
                    }
                    return None;
                }
                Ok(_) if self.line.last() == Some(&b'\n') => {
                    self.line.pop();
                    break;
                }
                Ok(_) if to_u64(self.line.len()) < LINE && self.file.limit() > 0 => break,
                Ok(_) => {
                    budget.leave_out();
                    self.skip_line()?;
                }
                Err(error) => {
                    budget.failed(&error);
                    return None;
                }
            }
        }
        Some(&self.line)
    }

    fn skip_line(&mut self) -> Option<()> {
        loop {
            let bytes = self.file.fill_buf().ok().filter(|bytes| !bytes.is_empty())?;
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(bytes.len(), |end| end.saturating_add(1));
            self.file.consume(used);
            if end.is_some() {
                return Some(());
            }
        }
    }
}

/// The first bytes of a small file.
pub(super) fn read_start(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn lines(text: &[u8], timeout: Duration) -> (Vec<Vec<u8>>, bool) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let (mut lines, mut budget, mut found) = (Lines::open(file.path()).unwrap(), Budget::new(timeout), Vec::new());
        while let Some(line) = lines.next(&mut budget) {
            found.push(line.to_vec());
        }
        (found, budget.is_complete())
    }

    #[test]
    fn lines_end_at_line_feeds_and_at_the_end() {
        assert_eq!(
            lines(b"a\n\nb\xff\nc", LONG),
            (vec![b"a".to_vec(), vec![], b"b\xff".to_vec(), b"c".to_vec()], true)
        );
        assert_eq!(lines(b"", LONG), (vec![], true));
    }

    #[test]
    fn a_line_without_end_is_passed_over_and_reported() {
        let long = vec![b'x'; 200 << 10];
        let text = [b"a\n".as_slice(), &long, b"\nb\n", &long].concat();
        assert_eq!(lines(&text, LONG), (vec![b"a".to_vec(), b"b".to_vec()], false));
    }

    #[test]
    fn a_file_without_end_is_left_at_the_limit_and_reported() {
        let limit = usize::try_from(FILE).unwrap();
        // The limit is at the end of a line, and within one.
        for length in [1024, 1000] {
            let line = [vec![b'x'; length - 1].as_slice(), b"\n"].concat();
            let (found, complete) = lines(&line.repeat(limit / length + 5), LONG);
            assert_eq!((found.len(), complete), (limit / length, false));
        }
    }

    #[test]
    fn nothing_is_read_once_the_time_is_over() {
        assert_eq!(lines(b"a\nb\n", Duration::ZERO), (vec![], false));
        assert!(!Budget::new(Duration::MAX).is_over());
    }

    #[test]
    fn a_vanished_file_does_not_make_the_result_incomplete() {
        let mut budget = Budget::new(LONG);
        budget.failed(&io::Error::from_raw_os_error(nix::libc::ESRCH));
        budget.failed(&io::Error::from_raw_os_error(nix::libc::ENOENT));
        assert!(budget.is_complete());
        budget.failed(&io::Error::from_raw_os_error(nix::libc::EACCES));
        assert!(!budget.is_complete());
    }
}
