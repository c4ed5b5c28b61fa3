//! Finding and cleaning up what a program left behind that was stopped between two commands.

use std::fmt;

use dm_units::DeviceNumber;

use crate::commands::{InfoOptions, ListOptions, RemoveOptions, ResumeOptions};
use crate::error::Result;
use crate::id::name::{DmName, DmNameBuf, DmUuid};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::ops::retry::Retry;
use crate::wire::buffer::Buffer;
use crate::wire::info::DeviceInfo;

/// Which devices are the caller's: those whose name or uuid starts with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix<'a> {
    /// The name starts with this.
    Name(DmName<'a>),
    /// The uuid starts with this.
    Uuid(DmUuid<'a>),
}

impl Prefix<'_> {
    fn is_of(&self, info: &DeviceInfo) -> bool {
        match self {
            Self::Name(prefix) => info.name().is_some_and(|name| name.as_bytes().starts_with(prefix.as_bytes())),
            Self::Uuid(prefix) => info.uuid().is_some_and(|uuid| uuid.as_bytes().starts_with(prefix.as_bytes())),
        }
    }
}

/// A device that looks as if whoever made or changed it was stopped in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// Its name.
    pub name: DmNameBuf,
    /// Its number.
    pub number: DeviceNumber,
    /// What is unfinished about it.
    pub kind: LeftoverKind,
}

/// What is unfinished about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftoverKind {
    /// It was created and has no table.
    NoTable,
    /// A first table was loaded and is not in force.
    NeverResumed,
    /// Another table was loaded and is not in force; the device serves with the old one.
    TableLoaded,
    /// It is suspended, with another table loaded or not.
    Suspended,
}

impl LeftoverKind {
    fn of(info: &DeviceInfo) -> Option<Self> {
        match (info.has_active_table(), info.has_inactive_table()) {
            (false, false) => Some(Self::NoTable),
            (false, true) => Some(Self::NeverResumed),
            (true, _) if info.is_suspended() => Some(Self::Suspended),
            (true, true) => Some(Self::TableLoaded),
            (true, false) => None,
        }
    }
}

/// Prints what is unfinished, such as `no table`.
impl fmt::Display for LeftoverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoTable => "no table",
            Self::NeverResumed => "a first table that is not in force",
            Self::TableLoaded => "another table that is not in force",
            Self::Suspended => "suspended",
        })
    }
}

impl<T: Transport> Dm<T> {
    /// Finds the caller's devices that look unfinished, in the order of the list.
    ///
    /// # Errors
    /// Those of [`list_devices`](Self::list_devices) and [`device_info`](Self::device_info); a device that vanishes in
    /// between is none.
    pub fn leftovers(&self, buffer: &mut Buffer, prefix: Prefix<'_>) -> Result<Vec<Leftover>> {
        let mut found = Vec::new();
        for device in &self.list_devices(buffer, ListOptions::new())? {
            let number = device?.number;
            let info = match self.device_info(number, InfoOptions::new()) {
                Err(error) if error.is_not_found() => continue,
                info => info?,
            };
            let kind = LeftoverKind::of(&info).filter(|_| prefix.is_of(&info));
            found.extend(kind.zip(info.name()).map(|(kind, name)| Leftover { name: name.to_owned(), number, kind }));
        }
        Ok(found)
    }

    /// Cleans the caller's unfinished devices up, and says which there were: those that never had a table in force are
    /// removed, the others go on with the table that they have, and drop the other one.
    ///
    /// No other device is touched. Nobody else may be at work on the caller's, since what is under way looks the same as
    /// what was left behind. What serves no purpose but is finished stays: this does not know purposes.
    ///
    /// # Errors
    /// Those of the commands; a device that vanishes in between is none. It may be called again.
    pub fn recover(&self, buffer: &mut Buffer, prefix: Prefix<'_>) -> Result<Vec<Leftover>> {
        let leftovers = self.leftovers(buffer, prefix)?;
        for leftover in &leftovers {
            match self.finish(leftover) {
                Err(error) if error.is_not_found() => {}
                finished => finished?,
            }
        }
        Ok(leftovers)
    }

    fn finish(&self, leftover: &Leftover) -> Result<()> {
        let number = leftover.number;
        match leftover.kind {
            LeftoverKind::NoTable | LeftoverKind::NeverResumed => {
                self.device_remove(number, RemoveOptions::new().retry(Retry::default()))?;
            }
            LeftoverKind::TableLoaded => {
                self.table_clear(number)?;
            }
            LeftoverKind::Suspended => {
                self.table_clear(number)?;
                self.device_resume(number, ResumeOptions::new())?;
            }
        }
        Ok(())
    }
}
