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
    /// The length of a chunk in sectors.
    chunk: u64,
    stripes: Vec<Stripe>,
    /// The length of each stripe.
    length: u64,
}

#[derive(Debug)]
struct Stripe {
    device: DeviceNumber,
    /// The first sector on that device.
    start: u64,
    errors: u32,
}

/// The number of errors of a stripe from which on none raises an event (`DM_IO_ERROR_THRESHOLD`).
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
    /// The stripe that contains a sector, and the sector within the stripe.
    fn place(&self, sector: u64) -> Option<(usize, u64)> {
        let count = u64::try_from(self.stripes.len()).ok()?;
        let (chunk, rest) = (sector.checked_div(self.chunk)?, sector.checked_rem(self.chunk)?);
        let stripe = usize::try_from(chunk.checked_rem(count)?).ok()?;
        let chunk = chunk.checked_div(count)?;
        Some((stripe, chunk.checked_mul(self.chunk)?.checked_add(rest)?))
    }

    /// Counts an error for all stripes on the failed device, as `stripe_end_io` does, which knows only the device. An
    /// operation that the device does not support is not an error of the device.
    fn count(&mut self, kernel: &mut Kernel, device: DeviceNumber, done: IoResult) -> IoResult {
        if !matches!(done, Err(IoFault::Failed(errno)) if errno != Errno::EOPNOTSUPP) {
            return done;
        }
        let mut is_reported = false;
        for stripe in self.stripes.iter_mut().filter(|stripe| stripe.device == device) {
            stripe.errors = stripe.errors.saturating_add(1);
            is_reported |= stripe.errors < REPORTED_ERRORS;
        }
        if is_reported {
            kernel.event(self.minor);
        }
        done
    }

    /// Flushes all stripes, even after an error.
    fn flush(&mut self, kernel: &mut Kernel) -> IoResult {
        let devices: Vec<DeviceNumber> = self.stripes.iter().map(|stripe| stripe.device).collect();
        let mut result = Ok(());
        for device in devices {
            let done = kernel.io(device, 0, Io::Flush);
            result = result.and(self.count(kernel, device, done));
        }
        result
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
            return self.flush(kernel);
        }
        io.by_blocks(start, self.chunk, |at, part| {
            let (number, sector) = self.place(at).ok_or(Errno::EIO)?;
            let Stripe { device, start, .. } = *self.stripes.get(number).ok_or(Errno::EIO)?;
            let done = kernel.io(device, start.saturating_add(sector), part);
            self.count(kernel, device, done)
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
