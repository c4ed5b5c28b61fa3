//! `delay` (drivers/md/dm-delay.c) without delays: each class of I/O goes to its device at once.

use dm_targets::Delay;
use dm_targets::delay::{DelayClass, DelayTable};

use super::part::DevicePart;
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct DelayTarget {
    table: DelayTable,
    read: DevicePart,
    write: DevicePart,
    flush: DevicePart,
    length: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Delay>(params)?;
    let mut open = |class: &mut DelayClass| {
        DevicePart::open(construction, &mut class.device, class.offset, "Device lookup failed")
    };
    let (read, write, flush) = match &mut table {
        DelayTable::All(all) => {
            let class = open(all)?;
            (class, class, class)
        }
        DelayTable::ReadWrite { read, write } => {
            let (read, write) = (open(read)?, open(write)?);
            (read, write, write)
        }
        DelayTable::ReadWriteFlush { read, write, flush } => (open(read)?, open(write)?, open(flush)?),
        _ => return construction.refuse(Errno::EINVAL, "Requires exactly 3, 6 or 9 arguments"),
    };
    Ok(Box::new(DelayTarget { table, read, write, flush, length: construction.length }))
}

impl Target for DelayTarget {
    fn table(&self, _: &Kernel) -> String {
        self.table.to_string()
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        // No I/O is delayed.
        "0 0 0".to_owned()
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        let class = match io {
            Io::Read(_) => self.read,
            Io::Write(_) | Io::Discard(_) => self.write,
            Io::Flush => self.flush,
        };
        class.io(kernel, start, io)
    }

    fn wants_flushes(&self) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        [self.read, self.write, self.flush].map(|part| part.span(self.length)).to_vec()
    }
}
