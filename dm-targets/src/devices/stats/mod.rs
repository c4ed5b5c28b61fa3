//! [`Stats`]: I/O statistics that the kernel keeps for a device.

mod rates;
mod reading;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::time::Instant;

use dm_core::{AsDevId, DevId, DevIdBuf, Host};

pub use rates::{StatsFlow, StatsRates};
pub use reading::StatsReading;

use super::DevError;
use crate::WordBuf;
use crate::errors::problem::{InvalidField, Problem};
use crate::message::stats::{StatsAreas, StatsCreate, StatsMessage, StatsRange, StatsRegion, StatsReply};

/// The I/O statistics of a mapped device with any targets.
///
/// The kernel counts I/O in *regions*. A region is a part of the device, and is divided into *areas* of the same size;
/// the last area can be shorter. Create a region, read its counters from time to time, and compute rates from two
/// readings.
///
/// Regions belong to the device, not to the process: they exist until they are deleted or the device is removed. If you
/// create a region with a program id, a later process can find it with [`regions_of`](Self::regions_of).
///
/// Calls find the device by its uuid, or by its name if it has no uuid, as for a [`MappedDev`](super::MappedDev).
///
/// ```
/// use dm_core::Host;
/// use dm_targets::WordBuf;
/// use dm_targets::devices::{DevError, Stats};
/// use dm_targets::stats::{StatsCreate, StatsStep};
/// use std::{thread, time::Duration};
///
/// fn watch(host: &Host, device: &str, program: WordBuf) -> Result<(), DevError> {
///     let stats = Stats::of(host, device)?;
///     // Deletes regions that a crashed process of this program has left.
///     stats.delete_of(host, &program)?;
///
///     let whole = StatsCreate::new(None, StatsStep::Areas(1)).precise_timestamps().program(program);
///     let region = stats.create(host, &whole)?;
///     let before = stats.read(host, &region)?;
///     thread::sleep(Duration::from_secs(1));
///     if let Some(rates) = stats.read(host, &region)?.rates_since(&before) {
///         println!("{:.0} requests/s, {:.0} % busy", rates.all.per_second, rates.all.utilization * 100.0);
///     }
///     stats.delete(host, &region)
/// }
/// ```
///
/// # Costs
///
/// Each method takes one ioctl, unless its docs say otherwise, and another one if the reply does not fit into the
/// buffer. Creating a region suspends the device for a moment (`dm_stats_create` in drivers/md/dm-stats.c). From then
/// on, the kernel checks every request to the device against all its regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    device: DevIdBuf,
}

impl Stats {
    /// Looks up the device with this name, uuid or number.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found): the device does not exist.
    pub fn of(host: &Host, device: impl AsDevId) -> Result<Self, DevError> {
        let info = host.dm().device_info(device)?;
        let by_name = || info.name().map(DevId::Name);
        let id = info.uuid().map(DevId::Uuid).or_else(by_name).unwrap_or(DevId::Number(info.number()));
        Ok(Self { device: id.to_owned() })
    }

    /// Finds all regions with this program id on all devices of the host, for example regions that a killed process has
    /// left.
    ///
    /// The call takes one ioctl, and two more for each device of the host. Devices that are removed during the call are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: a reply cannot be parsed.
    pub fn find(host: &Host, program: &WordBuf) -> Result<Vec<(Self, Vec<StatsRegion>)>, DevError> {
        let mut found = Vec::new();
        for device in &host.dm().list_devices()? {
            let stats = Self::of(host, device?.name);
            match stats.and_then(|stats| Ok((stats.regions_of(host, program)?, stats))) {
                Err(error) if error.is_not_found() => {}
                Ok((regions, _)) if regions.is_empty() => {}
                Ok((regions, stats)) => found.push((stats, regions)),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The uuid of the device, or its name if it has no uuid.
    #[must_use]
    pub const fn device(&self) -> &DevIdBuf {
        &self.device
    }

    /// Creates a region, and returns it with its id and the size of its areas.
    ///
    /// The call takes two ioctls. When the second fails, the region is deleted again.
    ///
    /// # Errors
    ///
    /// [`DevError::Request`]: the kernel would refuse the region, or the program id contains white space, which would
    /// make the kernel's list ambiguous. [`is_invalid`](DevError::is_invalid): the kernel lacks precise timestamps or
    /// histograms, which require ioctl interface 4.32.
    pub fn create(&self, host: &Host, create: &StatsCreate) -> Result<StatsRegion, DevError> {
        create.check().map_err(|invalid| self.refused(invalid))?;
        if create.program.as_ref().is_some_and(|program| program.as_str().contains(char::is_whitespace)) {
            return Err(
                self.refused(InvalidField::new("program id", Problem::Expected("one word without white space")))
            );
        }
        let StatsReply::Created(id) = self.send(host, &StatsMessage::Create(create.clone()))? else {
            return Err(self.refused(InvalidField::new("region id", Problem::Missing)));
        };
        let found = self.find_created(host, create, id);
        found.map_err(|cause| cause.undo(self.send(host, &StatsMessage::Delete(id)).map(drop)))
    }

    /// Finds the new region in the kernel's list. The requested fields come from the request, since aux data can look
    /// like an option.
    fn find_created(&self, host: &Host, create: &StatsCreate, id: u32) -> Result<StatsRegion, DevError> {
        let regions = self.list(host, create.program.clone())?;
        let region = regions.into_iter().find(|region| region.id == id);
        let mut region = region.ok_or_else(|| self.refused(InvalidField::new("region id", Problem::Missing)))?;
        region.precise_timestamps = create.precise_timestamps;
        region.histogram.clone_from(&create.histogram);
        if let Some(aux) = &create.aux {
            region.aux = aux.clone();
        }
        Ok(region)
    }

    /// Lists all regions of the device.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: the reply cannot be parsed, for example because another program has used a program id with
    /// white space.
    pub fn regions(&self, host: &Host) -> Result<Vec<StatsRegion>, DevError> {
        self.list(host, None)
    }

    /// Lists the regions of the device that were created with this program id, such as those of an earlier process.
    ///
    /// # Errors
    ///
    /// As [`regions`](Self::regions).
    pub fn regions_of(&self, host: &Host, program: &WordBuf) -> Result<Vec<StatsRegion>, DevError> {
        self.list(host, Some(program.clone()))
    }

    fn list(&self, host: &Host, program: Option<WordBuf>) -> Result<Vec<StatsRegion>, DevError> {
        match self.send(host, &StatsMessage::List { program })? {
            StatsReply::Regions(regions) => Ok(regions),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads the counters of a region.
    ///
    /// # Errors
    ///
    /// [`is_no_such_region`](DevError::is_no_such_region): the region was deleted, or another device has replaced this
    /// one. [`is_not_found`](DevError::is_not_found): the device was removed. [`DevError::Text`]: the reply cannot be
    /// parsed.
    pub fn read(&self, host: &Host, region: &StatsRegion) -> Result<StatsReading, DevError> {
        self.print(host, region, StatsMessage::Print { region: region.id, areas: None })
    }

    /// Reads the counters of the selected areas of a region. Areas that do not exist are left out.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_areas(&self, host: &Host, region: &StatsRegion, areas: StatsAreas) -> Result<StatsReading, DevError> {
        self.print(host, region, StatsMessage::Print { region: region.id, areas: Some(areas) })
    }

    /// Reads the counters of a region and resets them, except the number of requests in flight.
    ///
    /// No request is lost: the kernel subtracts exactly the values that it has printed, and only if all of them fit
    /// into the reply (`dm_stats_print` in drivers/md/dm-stats.c).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_and_clear(&self, host: &Host, region: &StatsRegion) -> Result<StatsReading, DevError> {
        self.print(host, region, StatsMessage::PrintClear { region: region.id, areas: None })
    }

    fn print(&self, host: &Host, region: &StatsRegion, message: StatsMessage) -> Result<StatsReading, DevError> {
        let mut areas = match self.send(host, &message)? {
            StatsReply::Areas(areas) => areas,
            _ => Vec::new(),
        };
        areas.iter_mut().for_each(|area| shorten(&mut area.range, region.range));
        Ok(StatsReading { taken_at: Instant::now(), precise_timestamps: region.precise_timestamps, areas })
    }

    /// Sets all counters of a region to 0, except the number of requests in flight.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn clear(&self, host: &Host, region: &StatsRegion) -> Result<(), DevError> {
        self.send(host, &StatsMessage::Clear(region.id)).map(drop)
    }

    /// Replaces the auxiliary data of a region, a word that the kernel keeps for the program.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn set_aux(&self, host: &Host, region: &mut StatsRegion, aux: WordBuf) -> Result<(), DevError> {
        self.send(host, &StatsMessage::SetAux { region: region.id, aux: aux.clone() })?;
        region.aux = aux;
        Ok(())
    }

    /// Deletes a region. The kernel can give its id to a new region.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn delete(&self, host: &Host, region: &StatsRegion) -> Result<(), DevError> {
        self.send(host, &StatsMessage::Delete(region.id)).map(drop)
    }

    /// Deletes all regions of the device that were created with this program id, and returns how many there were.
    ///
    /// The call takes one ioctl, and one more for each region. A region that another process deletes during the call is
    /// not an error.
    ///
    /// # Errors
    ///
    /// As [`regions`](Self::regions).
    pub fn delete_of(&self, host: &Host, program: &WordBuf) -> Result<usize, DevError> {
        let regions = self.regions_of(host, program)?;
        for region in &regions {
            match self.delete(host, region) {
                Err(error) if error.is_no_such_region() => {}
                done => done?,
            }
        }
        Ok(regions.len())
    }

    fn send(&self, host: &Host, message: &StatsMessage) -> Result<StatsReply, DevError> {
        let reply = host.dm().target_msg(&self.device, message.to_string().as_str())?;
        let text = reply.text().unwrap_or_default();
        let text = String::from_utf8_lossy(text.as_bytes());
        message.parse_reply(&text).map_err(|source| DevError::Text { device: self.device.clone(), source })
    }

    fn refused(&self, source: InvalidField) -> DevError {
        DevError::Request { device: self.device.clone(), source }
    }
}

/// Ends the last area where its region ends; the kernel prints the full size (`dm_stats_print` in drivers/md/dm-stats.c).
fn shorten(area: &mut StatsRange, region: StatsRange) {
    let end = region.start.saturating_add(region.length);
    if area.start < end {
        area.length = area.length.min(end.saturating_sub(area.start));
    }
}

impl DevError {
    /// Whether the device has no statistics region with the requested id.
    #[must_use]
    pub fn is_no_such_region(&self) -> bool {
        const ENOENT: i32 = 2;
        matches!(self, Self::Command(error) if error.refusal().is_some_and(|refusal| refusal.errno().number() == ENOENT))
    }
}
