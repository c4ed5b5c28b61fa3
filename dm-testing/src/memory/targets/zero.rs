//! `zero` (drivers/md/dm-zero.c).

use dm_targets::Zero;

use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};

#[derive(Debug)]
struct ZeroTarget;

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    construction.params::<Zero>(params)?;
    Ok(Box::new(ZeroTarget))
}

impl Target for ZeroTarget {
    fn table(&self, _: &Kernel) -> String {
        String::new()
    }

    fn io(&mut self, _: &mut Kernel, _: u64, io: Io<'_>) -> IoResult {
        if let Io::Read(data) = io {
            data.fill(0);
        }
        Ok(())
    }

    fn wants_flushes(&self) -> bool {
        false
    }
}
