//! The target `thin` (`thin_ctr` and the other functions of `thin_target`).

use dm_targets::thin::{ThinDevId, ThinTable};
use dm_targets::{Device, Thin};
use dm_units::DeviceNumber;

use super::mode::Mode;
use super::pool::Pool;
use super::{put_pool, with_pool};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::targets::{Construction, Target};

#[derive(Debug)]
pub(super) struct ThinTarget {
    /// The mapped device of the target.
    pub(super) minor: u32,
    /// The device of the pool.
    pub(super) pool: DeviceNumber,
    pub(super) id: u32,
    pub(super) origin: Option<DeviceNumber>,
    /// The length of the external origin when the device was resumed.
    pub(super) origin_length: u64,
    pub(super) block_size: u64,
    takes_discards: bool,
}

pub(in crate::memory::targets) fn construct(
    construction: &mut Construction<'_>,
    params: &str,
) -> Result<Box<dyn Target>, Errno> {
    let ThinTable::Device { pool, id, external_origin } = construction.params::<Thin>(params)? else {
        return construction.refuse(Errno::EINVAL, "Invalid argument count");
    };
    let origin = match external_origin {
        Some(origin) => Some(construction.device_for(&origin, false, "Error opening origin device")?),
        None => None,
    };
    let pool = construction.device(&pool, "Error opening pool device")?;
    if construction.kernel.mapped(pool).is_none() {
        return construction.refuse(Errno::EINVAL, "Couldn't get pool mapped device");
    }
    let minor = construction.minor;
    let opened = with_pool(construction.kernel, pool.minor, |_, pool| open(pool, minor, id.get()));
    match opened.unwrap_or(Err((Errno::EINVAL, "Couldn't find pool object"))) {
        Err((errno, reason)) => construction.refuse(errno, reason),
        Ok((block_size, takes_discards)) => {
            Ok(Box::new(ThinTarget { minor, pool, id: id.get(), origin, origin_length: 0, block_size, takes_discards }))
        }
    }
}

/// Opens a thin device in the pool.
fn open(pool: &mut Pool, minor: u32, id: u32) -> Result<(u64, bool), (Errno, &'static str)> {
    if pool.features.mode == Mode::Fail {
        return Err((Errno::EINVAL, "Couldn't open thin device, Pool is in fail mode"));
    }
    pool.metadata.open_thin(id).map_err(|errno| (errno, "Couldn't open thin internal device"))?;
    if pool.suspended {
        pool.metadata.close_thin(id);
        return Err((Errno::EINVAL, "Unable to activate thin device while pool is suspended"));
    }
    pool.thins.push(minor);
    pool.references = pool.references.saturating_add(1);
    Ok((pool.block_size, pool.features.takes_discards))
}

impl ThinTarget {
    fn has_failed(&self, kernel: &Kernel) -> bool {
        kernel.shared.thin.pools.get(&self.pool.minor).is_none_or(|pool| pool.features.mode == Mode::Fail)
    }
}

impl Target for ThinTarget {
    fn table(&self, kernel: &Kernel) -> String {
        let Some(id) = ThinDevId::new(self.id).ok().filter(|_| !self.has_failed(kernel)) else {
            return ThinTable::Fail.to_string();
        };
        let pool = Device::Number(self.pool);
        match self.origin {
            Some(origin) => ThinTable::with_external_origin(pool, id, origin).to_string(),
            None => ThinTable::new(pool, id).to_string(),
        }
    }

    fn status(&mut self, kernel: &mut Kernel, _: bool) -> String {
        if self.has_failed(kernel) {
            return "Fail".to_owned();
        }
        let pool = kernel.shared.thin.pools.get(&self.pool.minor);
        let Some((count, highest)) = pool.and_then(|pool| pool.metadata.current.mapped(self.id)) else {
            return "Error".to_owned();
        };
        let mapped = count.saturating_mul(self.block_size);
        match highest {
            Some(highest) => {
                let end = highest.saturating_add(1).saturating_mul(self.block_size);
                format!("{mapped} {}", end.saturating_sub(1))
            }
            None => format!("{mapped} -"),
        }
    }

    fn discards(&self, _: &Kernel) -> bool {
        self.takes_discards
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        match io {
            Io::Flush => self.flush(kernel),
            Io::Discard(length) => self.discard(kernel, start, length),
            Io::Read(_) | Io::Write(_) => {
                io.by_blocks(start, self.block_size, |at, part| self.block_io(kernel, at, part))
            }
        }
    }

    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        self.origin_length = self.origin.and_then(|origin| kernel.sectors(origin)).unwrap_or(0);
        Ok(())
    }

    fn destroy(&mut self, kernel: &mut Kernel) {
        with_pool(kernel, self.pool.minor, |_, pool| {
            if let Some(at) = pool.thins.iter().position(|minor| *minor == self.minor) {
                pool.thins.remove(at);
            }
            pool.metadata.close_thin(self.id);
        });
        put_pool(kernel, self.pool.minor);
    }
}
