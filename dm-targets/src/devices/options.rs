//! What a new device is to be.

use dm_core::{CreateOptions, DeviceInfo, DmUuid};

use super::Difference;

/// What a new device is to be, besides its name and table.
#[derive(Clone, Copy, Debug, Default)]
pub struct DevOptions<'a> {
    pub(super) uuid: Option<DmUuid<'a>>,
    minor: Option<u32>,
    pub(super) read_only: bool,
}

impl<'a> DevOptions<'a> {
    /// No uuid, the next free minor number, for reading and writing.
    #[must_use]
    pub const fn new() -> Self {
        Self { uuid: None, minor: None, read_only: false }
    }

    /// Gives the device a uuid.
    #[must_use]
    pub const fn uuid(self, uuid: DmUuid<'a>) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// Chooses the minor number.
    #[must_use]
    pub const fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }

    /// The device can't be written.
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    pub(super) fn create(self) -> CreateOptions<'a> {
        let options = self.uuid.map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        self.minor.map_or(options, |minor| options.minor(minor))
    }

    /// In what a device that there is differs from this, apart from its table.
    pub(super) fn difference(self, info: &DeviceInfo) -> Option<Difference> {
        if self.uuid.is_some_and(|uuid| info.uuid() != Some(uuid)) {
            Some(Difference::Uuid)
        } else if self.minor.is_some_and(|minor| info.number().minor != minor) {
            Some(Difference::Minor)
        } else if info.has_active_table() && info.is_read_only() != self.read_only {
            Some(Difference::ReadOnly)
        } else {
            None
        }
    }
}
