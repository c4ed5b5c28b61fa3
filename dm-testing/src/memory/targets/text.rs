//! Targets of which only the text is modelled: a table that the library's checks accept can be loaded and read, its devices
//! are opened, and I/O fails.

use std::fmt;

use dm_targets::Device;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::QueueKind;

struct TextTarget {
    /// As the kernel prints it.
    table: String,
    queue: QueueKind,
}

/// May hold a key.
impl fmt::Debug for TextTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextTarget").finish_non_exhaustive()
    }
}

pub(super) fn construct<T: dm_targets::Target>(
    construction: &mut Construction<'_>,
    params: &str,
) -> Result<Box<dyn Target>, Errno> {
    construction.params::<T>(params)?;
    let mut words: Vec<String> = Vec::new();
    for word in params.split_ascii_whitespace() {
        let device = Device::new(word).ok().filter(|device| device.number().is_some() || word.starts_with("/dev/"));
        words.push(match device {
            Some(device) => construction.device(&device, "Device lookup failed")?.to_string(),
            None => word.to_owned(),
        });
    }
    let table = construction.params::<T>(&words.join(" "))?;
    // Multipath, unless its table asks for bios (`parse_features` in drivers/md/dm-mpath.c).
    let by_requests = T::TYPE == "multipath" && !params.contains("queue_mode bio");
    let queue = if by_requests { QueueKind::Requests } else { QueueKind::Bios };
    Ok(Box::new(TextTarget { table: format!("{table:#}"), queue }))
}

impl Target for TextTarget {
    fn table(&self, _: &Kernel) -> String {
        self.table.clone()
    }

    fn io(&mut self, _: &mut Kernel, _: u64, _: Io<'_>) -> IoResult {
        Err(IoFault::Failed(Errno::EOPNOTSUPP))
    }

    fn queues_requests(&self) -> bool {
        self.queue == QueueKind::Requests
    }
}
