//! `DM_VERSION`: reads the version of the kernel's interface.

use dm_units::Version;

use crate::error::Result;
use crate::node::Dm;
use crate::wire::Command;
use crate::wire::header::{self, NO_HEADER, Request};

impl Dm {
    /// Reads the version of the kernel's ioctl interface.
    ///
    /// - Ioctl interface 4.0 and later. Needs no device and allocates nothing.
    ///
    /// # Errors
    /// [`is_permission_denied`](crate::Error::is_permission_denied).
    #[doc(alias = "DM_VERSION")]
    #[doc(alias = "DM_DEVICE_VERSION")]
    #[doc(alias = "dm_driver_version")]
    #[doc(alias = "dm_task_get_driver_version")]
    #[doc(alias = "dmsetup version")]
    pub fn version(&self) -> Result<Version> {
        let mut reply = NO_HEADER;
        self.send(&Request::new(Command::Version), &mut reply)?;
        Ok(header::version(&reply))
    }
}
