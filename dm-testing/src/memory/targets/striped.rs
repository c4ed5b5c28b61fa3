//! `striped` (drivers/md/dm-stripe.c).

use dm_targets::striped::StripedTable;
use dm_targets::{Device, Striped};
use dm_units::DeviceNumber;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct StripedTarget {
    minor: u32,
    table: StripedTable,
    chunk: u64,
    stripes: Vec<Stripe>,
    /// The length of each stripe.
    length: u64,
}

#[derive(Debug)]
struct Stripe {
    device: DeviceNumber,
    start: u64,
    errors: u32,
}

/// So many errors of a stripe are events (`DM_IO_ERROR_THRESHOLD`).
const REPORTED_ERRORS: u32 = 15;

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Striped>(params)?;
    let mut stripes = Vec::new();
    for stripe in &mut table.stripes {
        let device = construction.device(&stripe.device, "Couldn't parse stripe destination")?;
        stripe.device = Device::Number(device);
        stripes.push(Stripe { device, start: stripe.offset.0, errors: 0 });
    }
    let count = u64::try_from(stripes.len()).unwrap_or(u64::MAX);
    let length = construction.length.checked_div(count).unwrap_or(0);
    Ok(Box::new(StripedTarget { minor: construction.minor, chunk: table.chunk_size.0, table, stripes, length }))
}

impl StripedTarget {
    /// The stripe that a sector is on, and its sector there.
    fn place(&self, sector: u64) -> Option<(usize, u64)> {
        let count = u64::try_from(self.stripes.len()).ok()?;
        let (chunk, rest) = (sector.checked_div(self.chunk)?, sector.checked_rem(self.chunk)?);
        let stripe = usize::try_from(chunk.checked_rem(count)?).ok()?;
        let chunk = chunk.checked_div(count)?;
        Some((stripe, chunk.checked_mul(self.chunk)?.checked_add(rest)?))
    }
}

impl Target for StripedTarget {
    fn table(&self, _: &Kernel) -> String {
        self.table.to_string()
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let devices: String = self.stripes.iter().map(|stripe| format!("{} ", stripe.device)).collect();
        let health: String = self.stripes.iter().map(|stripe| if stripe.errors > 0 { 'D' } else { 'A' }).collect();
        format!("{} {devices}1 {health}", self.stripes.len())
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        if io == Io::Flush {
            return self.stripes.iter().try_for_each(|stripe| kernel.io(stripe.device, 0, Io::Flush));
        }
        io.by_blocks(start, self.chunk, |at, part| {
            let (number, sector) = self.place(at).ok_or(Errno::EIO)?;
            let stripe = self.stripes.get_mut(number).ok_or(Errno::EIO)?;
            let done = kernel.io(stripe.device, stripe.start.saturating_add(sector), part);
            if matches!(done, Err(IoFault::Failed(_))) {
                stripe.errors = stripe.errors.saturating_add(1);
                if stripe.errors < REPORTED_ERRORS {
                    kernel.event(self.minor);
                }
            }
            done
        })
    }

    fn wants_flushes(&self) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        let span = |stripe: &Stripe| Span { number: stripe.device, start: stripe.start, length: self.length };
        self.stripes.iter().map(span).collect()
    }
}
