//! `log-writes` (drivers/md/dm-log-writes.c), with the kernel's format of the log.

use dm_targets::LogWrites;
use dm_targets::log_writes::LogWritesTable;

use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

const FLUSH: u64 = 1;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

/// The first two numbers of a log: the magic number, and the version of the format.
const MAGIC: [u64; 2] = [0x006a_7366_7773_6872, 1];

#[derive(Debug)]
struct LogWritesTarget {
    table: LogWritesTable,
    part: DevicePart,
    log: DevicePart,
    length: u64,
    /// The number of entries in the log.
    entries: u64,
    /// The sector of the log device for the next entry.
    next_sector: u64,
    is_disabled: bool,
    /// Writes since the last flush, which a power failure would lose.
    unflushed: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The first sector of the write.
    sector: u64,
    /// The number of sectors.
    sectors: u64,
    flags: u64,
    data: Vec<u8>,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<LogWrites>(params)?;
    let mut open = |device, failure| DevicePart::open(construction, device, dm_units::Sectors(0), failure);
    let part = open(&mut table.device, "Device lookup failed")?;
    let log = open(&mut table.log_device, "Log device lookup failed")?;
    Ok(Box::new(LogWritesTarget {
        table,
        part,
        log,
        length: construction.length,
        entries: 0,
        // Sector 0 contains the superblock with the number of entries.
        next_sector: 1,
        is_disabled: false,
        unflushed: Vec::new(),
    }))
}

impl LogWritesTarget {
    /// Appends an entry to the log. After a failure, nothing more is logged.
    fn log(&mut self, kernel: &mut Kernel, entry: &Entry) {
        if self.is_disabled {
            return;
        }
        let at = self.next_sector;
        let data_sectors = if entry.flags & DISCARD == 0 { entry.sectors } else { 0 };
        self.next_sector = at.saturating_add(data_sectors).saturating_add(1);
        if self.next_sector >= self.log.device_len(kernel) {
            kernel.log("log-writes", "Ran out of space on the logdev");
            self.is_disabled = true;
            return;
        }
        self.entries = self.entries.saturating_add(1);
        let is_mark = entry.flags & MARK != 0;
        let len = if is_mark { u64::try_from(entry.data.len()).unwrap_or(0) } else { 0 };
        let mut header: Vec<u8> =
            [entry.sector, entry.sectors, entry.flags, len].iter().flat_map(|number| number.to_le_bytes()).collect();
        if is_mark {
            header.extend_from_slice(&entry.data);
        }
        let mut written = self.write(kernel, at, header);
        if !is_mark && !entry.data.is_empty() {
            written = written.and_then(|()| self.log.io(kernel, at.saturating_add(1), Io::Write(&entry.data)));
        }
        if is_mark {
            let mut first: Vec<u8> =
                MAGIC.iter().chain([&self.entries]).flat_map(|number| number.to_le_bytes()).collect();
            first.extend_from_slice(&512_u32.to_le_bytes());
            written = written.and_then(|()| self.write(kernel, 0, first));
        }
        self.is_disabled = written.is_err();
    }

    /// Writes a sector of the log.
    fn write(&self, kernel: &mut Kernel, at: u64, mut bytes: Vec<u8>) -> IoResult {
        bytes.resize(SECTOR, 0);
        self.log.io(kernel, at, Io::Write(&bytes))
    }

    fn mark(&mut self, kernel: &mut Kernel, text: &str) {
        // A sector has space for this many characters after the header.
        let data = text.bytes().take(SECTOR - 4 * 8 - 1).collect();
        self.log(kernel, &Entry { sector: 0, sectors: 0, flags: MARK, data });
    }

    fn flush_log(&mut self, kernel: &mut Kernel) {
        for entry in std::mem::take(&mut self.unflushed) {
            self.log(kernel, &entry);
        }
    }
}

impl Target for LogWritesTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let disabled = if self.is_disabled { " logging_disabled" } else { "" };
        format!("{} {}{disabled}", self.entries, self.next_sector.saturating_sub(1))
    }

    /// What could not be written is logged as well (`normal_end_io`). A discard that the device does not support is only
    /// logged (`log_writes_map`).
    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        let sectors = io.sectors();
        let (flags, data) = match &io {
            Io::Read(_) => return self.part.io(kernel, start, io),
            Io::Write(data) => (0, data.to_vec()),
            Io::Discard(_) => (DISCARD, Vec::new()),
            Io::Flush => (FLUSH, Vec::new()),
        };
        let is_passed_on = flags != DISCARD || self.is_disabled || kernel.discards(self.part.device);
        let done = if is_passed_on { self.part.io(kernel, start, io) } else { Ok(()) };
        if let Err(IoFault::Held(_) | IoFault::Waits(_)) = done {
            return done;
        }
        let entry = Entry { sector: start, sectors, flags, data };
        if flags == FLUSH {
            self.flush_log(kernel);
            self.log(kernel, &entry);
        } else if !self.is_disabled {
            self.unflushed.push(entry);
        }
        done
    }

    fn discards(&self, _: &Kernel) -> bool {
        true
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.part.span(self.length)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        let refusal = match words {
            [name, text] if name.eq_ignore_ascii_case("mark") => {
                self.mark(kernel, text);
                return Some(Ok(None));
            }
            [name, _] => format!("Unrecognised log writes target message received: {name}"),
            _ => format!("Invalid log-writes message arguments, expect 2 arguments, got {}", words.len()),
        };
        kernel.log("log-writes", &refusal);
        Some(Err(Errno::EINVAL))
    }

    fn destroy(&mut self, kernel: &mut Kernel) {
        self.flush_log(kernel);
        self.mark(kernel, "dm-log-writes-end");
    }
}
