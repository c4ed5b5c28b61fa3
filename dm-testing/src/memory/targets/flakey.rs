//! `flakey` (drivers/md/dm-flakey.c). Its intervals are counted in I/Os instead of seconds.

use dm_targets::flakey::{Direction, FlakeyFeatures, FlakeyTable};
use dm_targets::{Device, Flakey};
use dm_units::DeviceNumber;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct FlakeyTarget {
    table: FlakeyTable,
    device: DeviceNumber,
    length: u64,
    /// The number of I/Os since the table was loaded.
    count: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Flakey>(params)?;
    let features = &mut table.features;
    construction.only_known(&features.other_features, "Unrecognised flakey feature requested")?;
    // Without features, all I/O fails while the device is down (`parse_features`).
    if *features == FlakeyFeatures::default() {
        (features.error_reads, features.error_writes) = (true, true);
    }
    let device = construction.device(&table.device, "Device lookup failed")?;
    table.device = Device::Number(device);
    Ok(Box::new(FlakeyTarget { table, device, length: construction.length, count: 0 }))
}

impl FlakeyTarget {
    /// Counts an I/O, and returns whether the device is down for it.
    fn is_down(&mut self) -> bool {
        let (up, down) = (u64::from(self.table.up), u64::from(self.table.down));
        let position = self.count.checked_rem(up.saturating_add(down)).unwrap_or(0);
        self.count = self.count.saturating_add(1);
        position >= up
    }

    /// Overwrites the byte that `corrupt_bio_byte` names, whatever the flags of the I/O.
    fn corrupt(&self, direction: Direction, data: &mut [u8]) {
        let corrupt = self.table.features.corrupt_bio_byte.filter(|corrupt| corrupt.direction == direction);
        let place = corrupt.and_then(|corrupt| {
            let nth = usize::try_from(corrupt.nth).ok()?.checked_sub(1)?;
            Some((data.get_mut(nth)?, corrupt.value))
        });
        if let Some((byte, value)) = place {
            *byte = value;
        }
    }
}

impl Target for FlakeyTarget {
    fn table(&self, _: &Kernel) -> String {
        self.table.to_string()
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        let start = self.table.offset.0.saturating_add(start);
        if !self.is_down() {
            return kernel.io(self.device, start, io);
        }
        let features = &self.table.features;
        let failed = Err(IoFault::Failed(Errno::EIO));
        match io {
            Io::Read(_) if features.error_reads => failed,
            Io::Read(data) => {
                kernel.io(self.device, start, Io::Read(data))?;
                self.corrupt(Direction::Read, data);
                Ok(())
            }
            Io::Write(_) | Io::Discard(_) | Io::Flush if features.drop_writes => Ok(()),
            Io::Write(_) | Io::Discard(_) | Io::Flush if features.error_writes => failed,
            Io::Write(data) => {
                let mut data = data.to_vec();
                self.corrupt(Direction::Write, &mut data);
                kernel.io(self.device, start, Io::Write(&data))
            }
            Io::Discard(_) | Io::Flush => kernel.io(self.device, start, io),
        }
    }

    fn wants_flushes(&self) -> bool {
        false
    }

    fn spans(&self) -> Vec<Span> {
        vec![Span { number: self.device, start: self.table.offset.0, length: self.length }]
    }
}
