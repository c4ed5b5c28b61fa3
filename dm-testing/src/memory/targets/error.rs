//! `error` (drivers/md/dm-target.c).

use dm_targets::Device;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;
use crate::memory::text::number;

#[derive(Debug)]
struct Errors {
    /// The device whose limits the target has.
    span: Option<Span>,
}

/// Accepts any params. Exactly two words are a device and a start sector (`io_err_get_args`).
pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let [device, start] = params.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        return Ok(Box::new(Errors { span: None }));
    };
    let Some(start) = number(start) else { return construction.refuse(Errno::EINVAL, "Invalid device sector") };
    let device = Device::new(device).or_else(|_| construction.refuse(Errno::EINVAL, "Device lookup failed"))?;
    let number = construction.device(&device, "Device lookup failed")?;
    Ok(Box::new(Errors { span: Some(Span { number, start, length: construction.length }) }))
}

impl Target for Errors {
    fn table(&self, _: &Kernel) -> String {
        String::new()
    }

    fn io(&mut self, _: &mut Kernel, _: u64, io: Io<'_>) -> IoResult {
        // The target does not request flushes, so those of its device succeed.
        if io == Io::Flush { Ok(()) } else { Err(IoFault::Failed(Errno::EIO)) }
    }

    fn spans(&self) -> Vec<Span> {
        self.span.into_iter().collect()
    }

    fn wants_flushes(&self) -> bool {
        false
    }

    fn lacks_devices(&self) -> bool {
        self.span.is_none()
    }

    /// Also above a device that does not support them: they fail as other I/O does (`io_err_ctr`).
    fn discards(&self, _: &Kernel) -> bool {
        true
    }
}
