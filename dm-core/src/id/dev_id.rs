//! How a command names the device it is about.

use core::fmt;

use dm_units::DeviceNumber;

use crate::id::name::{DmName, DmNameBuf, DmUuid, DmUuidBuf};

/// A mapped device by its name, its uuid or its number.
///
/// The kernel looks a device up by exactly one of them (`__find_device_hash_cell` in drivers/md/dm-ioctl.c). Renaming is
/// the one command that takes only a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DevId<'a> {
    /// The device of this name.
    Name(DmName<'a>),
    /// The device of this uuid.
    Uuid(DmUuid<'a>),
    /// The device of this number.
    Number(DeviceNumber),
}

impl DevId<'_> {
    /// An owned copy.
    #[must_use]
    pub fn to_owned(self) -> DevIdBuf {
        match self {
            Self::Name(name) => DevIdBuf::Name(name.to_owned()),
            Self::Uuid(uuid) => DevIdBuf::Uuid(uuid.to_owned()),
            Self::Number(number) => DevIdBuf::Number(number),
        }
    }
}

/// Prints `device 'NAME'`, `device with uuid 'UUID'` or `device MAJOR:MINOR`, names mangled.
impl fmt::Display for DevId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "device '{}'", name.mangled()),
            Self::Uuid(uuid) => write!(f, "device with uuid '{}'", uuid.mangled()),
            Self::Number(number) => write!(f, "device {number}"),
        }
    }
}

/// A mapped device by its name, its uuid or its number, owned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DevIdBuf {
    /// The device of this name.
    Name(DmNameBuf),
    /// The device of this uuid.
    Uuid(DmUuidBuf),
    /// The device of this number.
    Number(DeviceNumber),
}

impl DevIdBuf {
    /// The borrowed form, which all commands take.
    #[must_use]
    pub fn as_borrowed(&self) -> DevId<'_> {
        match self {
            Self::Name(name) => DevId::Name(name.as_borrowed()),
            Self::Uuid(uuid) => DevId::Uuid(uuid.as_borrowed()),
            Self::Number(number) => DevId::Number(*number),
        }
    }
}

impl fmt::Display for DevIdBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_borrowed().fmt(f)
    }
}

impl<'a> From<DmName<'a>> for DevId<'a> {
    fn from(name: DmName<'a>) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a DmNameBuf> for DevId<'a> {
    fn from(name: &'a DmNameBuf) -> Self {
        Self::Name(name.as_borrowed())
    }
}

impl<'a> From<DmUuid<'a>> for DevId<'a> {
    fn from(uuid: DmUuid<'a>) -> Self {
        Self::Uuid(uuid)
    }
}

impl<'a> From<&'a DmUuidBuf> for DevId<'a> {
    fn from(uuid: &'a DmUuidBuf) -> Self {
        Self::Uuid(uuid.as_borrowed())
    }
}

impl From<DeviceNumber> for DevId<'_> {
    fn from(number: DeviceNumber) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a DevIdBuf> for DevId<'a> {
    fn from(id: &'a DevIdBuf) -> Self {
        id.as_borrowed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_they_are() {
        let name = DmNameBuf::new("my disk").unwrap();
        assert_eq!(DevId::from(&name).to_string(), r"device 'my\x20disk'");
        let uuid = DmUuidBuf::new("LVM-1").unwrap();
        assert_eq!(DevId::from(&uuid).to_owned().to_string(), "device with uuid 'LVM-1'");
        assert_eq!(DevId::from(DeviceNumber::new(253, 7)).to_string(), "device 253:7");
    }
}
