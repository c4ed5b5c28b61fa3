//! `delay`: delays requests by a fixed time, then sends them to a device.
//!
//! ```text
//! table  = <class>                    for all requests
//!        | <class> <class>            for reads | for writes and flushes
//!        | <class> <class> <class>    for reads | for writes | for flushes
//! class  = <device> <offset> <delay>
//! status = <reads> <writes> [<flushes>]
//! ```
//!
//! | word | type | unit |
//! |---|---|---|
//! | offset | [`Sectors`] | sectors on the device |
//! | delay | `u32` | milliseconds, may be 0 |
//! | reads, writes, flushes | `u32` | requests that are waiting now |
//!
//! The target takes no messages. The kernel rounds delays to ticks of its timer. If all delays are below 50 ms, version
//! 1.4.0 and later poll for requests that are due, which is more precise but uses CPU time.
//!
//! Kernel: `delay_ctr` and `delay_status` in `drivers/md/dm-delay.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::{Device, Fields, NoMessage, Params, ParseError, Printer, Target, WordBuf};

/// The `delay` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {}

impl Target for Delay {
    const TYPE: &'static str = "delay";
    type Table = DelayTable;
    type Status = DelayStatus;
    type Message = NoMessage;
}

/// The arguments of a `delay` target: a device, an offset and a delay for each class of requests. The kernel prints as
/// many classes as the table was loaded with.
///
/// ```
/// use dm_targets::delay::{DelayClass, DelayTable};
/// use dm_targets::{Delay, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = DelayTable::All(DelayClass::new(DeviceNumber::new(254, 0), Sectors(0), 500));
/// assert_eq!(table.to_string(), "254:0 0 500");
/// assert_eq!(Delay::parse_table("254:0 0 500")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DelayTable {
    /// One class for all requests.
    All(DelayClass),
    /// One class for reads and one for all other requests.
    ReadWrite {
        /// The class of reads.
        read: DelayClass,
        /// The class of writes and flushes.
        write: DelayClass,
    },
    /// One class each for reads, writes and flushes.
    ReadWriteFlush {
        /// The class of reads.
        read: DelayClass,
        /// The class of writes.
        write: DelayClass,
        /// The class of flushes.
        flush: DelayClass,
    },
}

/// The device that the requests of one class are sent to, and their delay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DelayClass {
    /// The device that receives the requests.
    pub device: Device,
    /// The first mapped sector of `device`.
    pub offset: Sectors,
    /// The delay in milliseconds. With 0, requests are not delayed. The kernel accepts every value.
    pub delay: u32,
}

impl DelayClass {
    /// Sends requests to `device`, starting at sector `offset`, after `delay` milliseconds.
    pub fn new(device: impl Into<Device>, offset: Sectors, delay: u32) -> Self {
        Self { device: device.into(), offset, delay }
    }

    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self { device: fields.read("device")?, offset: fields.read("offset")?, delay: fields.read("delay")? })
    }
}

impl DelayTable {
    /// The classes in the order in which the kernel prints them.
    fn classes(&self) -> impl Iterator<Item = &DelayClass> {
        let (read, write, flush) = match self {
            Self::All(all) => (all, None, None),
            Self::ReadWrite { read, write } => (read, Some(write), None),
            Self::ReadWriteFlush { read, write, flush } => (read, Some(write), Some(flush)),
        };
        [Some(read), write, flush].into_iter().flatten()
    }
}

impl Params for DelayTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let read = DelayClass::parse(fields)?;
        if fields.is_empty() {
            return Ok(Self::All(read));
        }
        let write = DelayClass::parse(fields)?;
        if fields.is_empty() {
            return Ok(Self::ReadWrite { read, write });
        }
        let flush = DelayClass::parse(fields)?;
        Ok(Self::ReadWriteFlush { read, write, flush })
    }
}

impl fmt::Display for DelayTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        for class in self.classes() {
            out.put(&class.device).put(&class.offset).put(&class.delay);
        }
        out.end()
    }
}

/// The status of a `delay` target: the number of requests that are being delayed now.
///
/// ```
/// use dm_targets::{Delay, Target};
///
/// let status = Delay::parse_status("3 4 0")?;
/// assert_eq!((status.reads, status.writes, status.flushes), (3, 4, Some(0)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DelayStatus {
    /// The number of delayed reads.
    pub reads: u32,
    /// The number of delayed writes.
    pub writes: u32,
    /// The number of delayed flushes; `None` if an old kernel counts them as writes.
    pub flushes: Option<u32>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for DelayStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reads: fields.read("reads")?,
            writes: fields.read("writes")?,
            flushes: fields.read_optional("flushes")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for DelayStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::printed(f).put(&self.reads).put(&self.writes).all(&self.flushes).all(&self.extra).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_classes_are_refused() {
        let error = Delay::parse_table("254:0 0 5 254:0").unwrap_err();
        assert_eq!(error.to_string(), "delay table: word 5, offset, is missing");
        let error = Delay::parse_table("254:0 0 5 254:0 0 5 254:0 0 5 254:0").unwrap_err();
        assert_eq!(error.to_string(), "delay table: word 10 is one word too many");
    }

    #[test]
    fn the_number_of_classes_is_kept() {
        let text = "254:0 0 5 254:0 0 5";
        let table = Delay::parse_table(text).unwrap();
        assert!(matches!(&table, DelayTable::ReadWrite { read, write } if read == write));
        assert_eq!(table.to_string(), text);
    }

    #[test]
    fn early_kernels_do_not_count_flushes() {
        let status = Delay::parse_status("3 4").unwrap();
        assert_eq!((status.reads, status.writes, status.flushes), (3, 4, None));
        assert_eq!(status.to_string(), "3 4");
        assert_eq!(Delay::parse_status("3 4 5").unwrap().flushes, Some(5));
        assert_eq!(Delay::parse_status("3").unwrap_err().to_string(), "delay status: word 2, writes, is missing");
    }
}
