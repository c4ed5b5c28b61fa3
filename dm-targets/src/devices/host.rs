//! What whole devices need of the machine.

use dm_core::udev::{Strategy, Udev};
use dm_core::{ControlNode, Dm};

use super::DevError;

/// A handle on the control node, and how to wait for what udev makes of a command.
///
/// It can be shared between threads.
#[derive(Debug)]
pub struct Host<T = ControlNode> {
    dm: Dm<T>,
    udev: Udev,
}

impl Host {
    /// Opens the control node, and finds out how to wait for udev here ([`Strategy::Auto`]).
    ///
    /// # Errors
    ///
    /// Those of [`Dm::open`].
    pub fn open() -> Result<Self, DevError> {
        let udev = Udev::new(Strategy::Auto).map_err(dm_core::Error::from)?;
        Ok(Self::new(Dm::open()?, udev))
    }
}

impl<T> Host<T> {
    /// Commands go through `dm`, and what udev makes of them is waited for as `udev` says.
    pub const fn new(dm: Dm<T>, udev: Udev) -> Self {
        Self { dm, udev }
    }

    /// The handle, for commands that are not here.
    pub const fn dm(&self) -> &Dm<T> {
        &self.dm
    }

    /// How udev is waited for.
    #[must_use]
    pub const fn udev(&self) -> &Udev {
        &self.udev
    }
}
