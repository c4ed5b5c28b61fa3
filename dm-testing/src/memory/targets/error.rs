//! `error` (drivers/md/dm-target.c).

use dm_targets::Device;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};

#[derive(Debug)]
struct Errors;

/// Accepts any params. Two words are a device, which is opened but not used, and a start sector.
pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    if let [device, start] = params.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        if start.parse::<u64>().is_err() {
            return construction.refuse(Errno::EINVAL, "Invalid device sector");
        }
        let device = Device::new(device).or_else(|_| construction.refuse(Errno::EINVAL, "Device lookup failed"))?;
        construction.device(&device, "Device lookup failed")?;
    }
    Ok(Box::new(Errors))
}

impl Target for Errors {
    fn table(&self, _: &Kernel) -> String {
        String::new()
    }

    fn io(&mut self, _: &mut Kernel, _: u64, io: Io<'_>) -> IoResult {
        // The target does not request flushes, so those of its device succeed.
        if io == Io::Flush { Ok(()) } else { Err(IoFault::Failed(Errno::EIO)) }
    }

    fn wants_flushes(&self) -> bool {
        false
    }
}
