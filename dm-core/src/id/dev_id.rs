//! [`DevId`], which identifies the device of a command.

use core::fmt;

use dm_units::DeviceNumber;

use super::identifier::NameError;
use super::name::{DmName, DmNameBuf, DmUuid, DmUuidBuf};

/// Identifies a mapped device by its name, its uuid or its number.
///
/// A command identifies its device by exactly one of them (`__find_device_hash_cell` in drivers/md/dm-ioctl.c). Most
/// methods accept any type that implements [`AsDevId`], such as `&str` for a name. To create a device, or to rename it
/// with [`Dm`](crate::Dm), you need its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DevId<'a> {
    /// The device with this name.
    Name(&'a DmName),
    /// The device with this uuid.
    Uuid(&'a DmUuid),
    /// The device with this number.
    Number(DeviceNumber),
}

impl DevId<'_> {
    /// Copies the identifier into an owned [`DevIdBuf`].
    #[must_use]
    pub fn to_owned(self) -> DevIdBuf {
        match self {
            Self::Name(name) => DevIdBuf::Name(name.to_owned()),
            Self::Uuid(uuid) => DevIdBuf::Uuid(uuid.to_owned()),
            Self::Number(number) => DevIdBuf::Number(number),
        }
    }
}

/// Prints `device 'NAME'`, `device with uuid 'UUID'` or `device MAJOR:MINOR`. Names and uuids are printed as
/// [`DmName::shown`] shows them.
impl fmt::Display for DevId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "device '{}'", name.shown()),
            Self::Uuid(uuid) => write!(f, "device with uuid '{}'", uuid.shown()),
            Self::Number(number) => write!(f, "device {number}"),
        }
    }
}

/// The owned form of [`DevId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DevIdBuf {
    /// The device with this name.
    Name(DmNameBuf),
    /// The device with this uuid.
    Uuid(DmUuidBuf),
    /// The device with this number.
    Number(DeviceNumber),
}

impl DevIdBuf {
    /// Borrows the identifier.
    #[must_use]
    pub fn as_borrowed(&self) -> DevId<'_> {
        match self {
            Self::Name(name) => DevId::Name(name),
            Self::Uuid(uuid) => DevId::Uuid(uuid),
            Self::Number(number) => DevId::Number(*number),
        }
    }
}

/// Prints as [`DevId`] does.
impl fmt::Display for DevIdBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_borrowed().fmt(f)
    }
}

impl<'a> From<&'a DmName> for DevId<'a> {
    fn from(name: &'a DmName) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a DmUuid> for DevId<'a> {
    fn from(uuid: &'a DmUuid) -> Self {
        Self::Uuid(uuid)
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

impl From<DevId<'_>> for DevIdBuf {
    fn from(id: DevId<'_>) -> Self {
        id.to_owned()
    }
}

/// Types that identify a device: its name as text or [`DmName`], its [`DmUuid`], its [`DeviceNumber`], a [`DevId`], and
/// the owned forms of these types.
///
/// You can write a name as text, such as `"home"`. Each call checks the text.
#[doc(alias = "dm_task_set_name")]
#[doc(alias = "dm_task_set_uuid")]
#[doc(alias = "dm_task_set_major_minor")]
pub trait AsDevId {
    /// Returns the identifier.
    ///
    /// # Errors
    /// [`NameError`]: the text is not a valid name.
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError>;

    /// Whether this is a string, which a [`Host`](crate::Host) translates to the kernel's name: see
    /// [`Naming`](crate::Naming). `false` for other types, such as [`DmName`].
    fn is_text(&self) -> bool {
        false
    }
}

/// Types that hold the name of a device: text, [`DmName`] and [`DmNameBuf`].
pub trait AsDmName {
    /// Returns the name.
    ///
    /// # Errors
    /// [`NameError`]: the text is not a valid name.
    fn as_dm_name(&self) -> Result<&DmName, NameError>;

    /// Whether this is a string, which a [`Host`](crate::Host) translates to the kernel's name: see
    /// [`Naming`](crate::Naming). `false` for other types, such as [`DmName`].
    fn is_text(&self) -> bool {
        false
    }
}

impl<T: AsDevId + ?Sized> AsDevId for &T {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        (**self).as_dev_id()
    }

    fn is_text(&self) -> bool {
        (**self).is_text()
    }
}

impl<T: AsDmName + ?Sized> AsDmName for &T {
    fn as_dm_name(&self) -> Result<&DmName, NameError> {
        (**self).as_dm_name()
    }

    fn is_text(&self) -> bool {
        (**self).is_text()
    }
}

/// Implements `AsDmName` and `AsDevId` for the types of names.
macro_rules! names {
    ($($Name:ty: $name:ident => $as_name:expr, $is_text:literal;)+) => {$(
        impl AsDmName for $Name {
            fn as_dm_name(&self) -> Result<&DmName, NameError> {
                let $name = self;
                $as_name
            }

            fn is_text(&self) -> bool {
                $is_text
            }
        }

        impl AsDevId for $Name {
            fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
                self.as_dm_name().map(DevId::Name)
            }

            fn is_text(&self) -> bool {
                $is_text
            }
        }
    )+};
}

names! {
    str: text => DmName::new(text), true;
    String: text => DmName::new(text), true;
    DmName: name => Ok(name), false;
    DmNameBuf: name => Ok(name), false;
}

impl AsDevId for DmUuid {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(DevId::Uuid(self))
    }
}

impl AsDevId for DmUuidBuf {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(DevId::Uuid(self))
    }
}

impl AsDevId for DeviceNumber {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(DevId::Number(*self))
    }
}

impl AsDevId for DevId<'_> {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(*self)
    }
}

impl AsDevId for DevIdBuf {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(self.as_borrowed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_with_its_kind() {
        let name = DmNameBuf::new("my disk").unwrap();
        assert_eq!(name.as_dev_id().unwrap().to_string(), r"device 'my\x20disk'");
        let uuid = DmUuidBuf::new("LVM-1").unwrap();
        assert_eq!(DevId::from(&*uuid).to_owned().to_string(), "device with uuid 'LVM-1'");
        assert_eq!(DevId::from(DeviceNumber::new(253, 7)).to_string(), "device 253:7");
    }

    #[test]
    fn text_is_checked_when_it_is_used_as_a_name() {
        assert_eq!("home".as_dev_id(), Ok(DevId::Name(DmName::new("home").unwrap())));
        assert_eq!("a/b".as_dev_id(), Err(NameError::Forbidden { what: "name", byte: b'/', at: 1 }));
    }

    #[test]
    fn only_text_is_text_also_by_reference() {
        let (text, name) = ("home", DmNameBuf::new("home").unwrap());
        assert!(AsDevId::is_text(&text) && AsDevId::is_text(&&text) && AsDevId::is_text(&String::from(text)));
        assert!(AsDmName::is_text(&text) && AsDmName::is_text(&&text) && AsDmName::is_text(&String::from(text)));
        assert!(
            !AsDevId::is_text(&name) && !AsDevId::is_text(&&*name) && !AsDevId::is_text(&DeviceNumber::new(253, 7))
        );
        assert!(!AsDmName::is_text(&name) && !AsDmName::is_text(&&*name));
    }

    /// A program's own type that has a kernel's name.
    struct Volume(DmNameBuf);

    impl AsDmName for Volume {
        fn as_dm_name(&self) -> Result<&DmName, NameError> {
            Ok(&self.0)
        }
    }

    #[test]
    fn types_that_do_not_say_that_they_are_text_are_not() {
        let volume = Volume(DmNameBuf::new(r"my\x20disk").unwrap());
        assert!(!volume.is_text());
        assert_eq!(volume.as_dm_name(), DmName::new(r"my\x20disk"));
    }
}
