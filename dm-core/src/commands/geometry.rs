//! `DM_DEV_SET_GEOMETRY`.

use std::io::Write as _;

use dm_units::Sectors;

use crate::error::Result;
use crate::id::dev_id::DevId;
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::command::Command;
use crate::wire::header::{HEADER_SIZE, Request};

/// The disk geometry that a device pretends to have, for boot loaders and partitioning tools that ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Number of cylinders.
    pub cylinders: u16,
    /// Number of heads.
    pub heads: u8,
    /// Number of sectors a track.
    pub sectors: u8,
    /// Where the device starts on the disk that it stands for.
    pub start: Sectors,
}

/// The longest text there can be: four numbers of at most 5, 3, 3 and 20 digits, three spaces and a NUL.
const TEXT_SIZE: usize = 5 + 3 + 3 + 20 + 3 + 1;

impl<T: Transport> Dm<T> {
    /// Sets the geometry that `HDIO_GETGEO` tells.
    ///
    /// - Interface 4.6 and later.
    /// - Needs no table. A table of another size that is put in force wipes it.
    ///
    /// # Errors
    /// [`is_invalid`](crate::Error::is_invalid): the start lies behind the end, which is cylinders × heads × sectors.
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_SET_GEOMETRY")]
    pub fn set_geometry<'a>(&self, id: impl Into<DevId<'a>>, geometry: Geometry) -> Result<()> {
        let Geometry { cylinders, heads, sectors, start } = geometry;
        let mut bytes = [0; HEADER_SIZE + TEXT_SIZE];
        if let Some(mut text) = bytes.get_mut(HEADER_SIZE..) {
            // Always fits; what is behind it stays zero.
            let _ = write!(text, "{cylinders} {heads} {sectors} {start}");
        }
        self.send_bytes(&Request::of(Command::SetGeometry, id.into()), &mut bytes)?;
        Ok(())
    }
}
