//! `DM_DEV_SET_GEOMETRY`: sets the geometry that `HDIO_GETGEO` reports.

use std::io::Write as _;

use dm_units::Sectors;

use super::dev_id;
use crate::error::Result;
use crate::id::AsDevId;
use crate::node::Dm;
use crate::wire::Command;
use crate::wire::header::{HEADER_SIZE, Request};

/// The disk geometry that a device reports, for boot loaders and partitioning tools that use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Geometry {
    /// Number of cylinders.
    pub cylinders: u16,
    /// Number of heads.
    pub heads: u8,
    /// Number of sectors per track.
    pub sectors: u8,
    /// The sector of the disk at which this device begins, if it represents a partition.
    pub start: Sectors,
}

impl Geometry {
    /// Makes the geometry of a device that begins at sector 0 of the disk.
    #[must_use]
    pub const fn new(cylinders: u16, heads: u8, sectors: u8) -> Self {
        Self { cylinders, heads, sectors, start: Sectors(0) }
    }

    /// Sets the sector of the disk at which this device begins.
    #[must_use]
    pub const fn start(self, start: Sectors) -> Self {
        Self { start, ..self }
    }
}

/// The longest text: four numbers of at most 5, 3, 3 and 20 digits, three spaces and a NUL.
const TEXT_SIZE: usize = 5 + 3 + 3 + 20 + 3 + 1;

impl Dm {
    /// Sets the geometry that `HDIO_GETGEO` reports.
    ///
    /// - Ioctl interface 4.6 and later.
    /// - The device needs no table. When a table of another size becomes active, such as the first one, the kernel
    ///   resets the geometry.
    ///
    /// # Errors
    /// [`is_invalid`](crate::Error::is_invalid): the start is larger than cylinders × heads × sectors.
    /// [`is_not_found`](crate::Error::is_not_found): the device does not exist.
    #[doc(alias = "DM_DEV_SET_GEOMETRY")]
    #[doc(alias = "DM_DEVICE_SET_GEOMETRY")]
    #[doc(alias = "dm_task_set_geometry")]
    #[doc(alias = "dmsetup setgeometry")]
    pub fn set_geometry(&self, id: impl AsDevId, geometry: Geometry) -> Result<()> {
        let Geometry { cylinders, heads, sectors, start } = geometry;
        let mut bytes = [0; HEADER_SIZE + TEXT_SIZE];
        if let Some(mut text) = bytes.get_mut(HEADER_SIZE..) {
            // Always fits; the rest stays zero.
            let _ = write!(text, "{cylinders} {heads} {sectors} {start}");
        }
        let request = Request::of(Command::SetGeometry, dev_id(Command::SetGeometry, &id)?);
        self.send_array(&request, &mut bytes)
    }
}
