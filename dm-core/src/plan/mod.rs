//! Plans: the steps that change the existing devices into the wanted ones, in the right order. If a step fails, the
//! steps before it are undone.
//!
//! A program lists the devices that it wants. Their tables refer to other devices by name. [`Host::plan`] compares the
//! wanted devices with the existing ones, and returns a [`Plan`], which you can print. [`Host::carry_out`] carries the
//! plan out. The plan is empty if all devices are as wanted and none has messages.
//!
//! ```
//! use dm_core::plan::{Wanted, WantedDevice};
//! use dm_core::{DmName, Host, TargetLine};
//! use dm_units::Sectors;
//!
//! let (disk, home) = (DmName::new("disk")?, DmName::new("home")?);
//! let wanted = Wanted::new()
//!     .device(WantedDevice::new(disk, |_| Some(vec![TargetLine::text(Sectors(0), Sectors(2048), "linear", "8:1 0").boxed()])))
//!     .device(
//!         WantedDevice::new(home, |numbers| {
//!             let params = format!("{} 0", numbers.get(disk)?);
//!             Some(vec![TargetLine::text(Sectors(0), Sectors(2048), "linear", params).boxed()])
//!         })
//!         .uses([disk]),
//!     );
//! # let _ = || {
//! let host = Host::open()?;
//! # Ok::<_, dm_core::OpenError>(host) };
//! # let memory = dm_testing::MemoryKernel::new();
//! # memory.disk_at(dm_units::DeviceNumber::new(8, 1), dm_units::Bytes(1 << 21));
//! # let host = memory.host();
//! let plan = host.plan(wanted)?;
//! print!("{plan}");
//! host.carry_out(&plan)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The order
//!
//! - First, existing devices whose uuid is wanted under another name are renamed. A device can get the name that
//!   another one had, and two devices can exchange their names.
//! - New devices are created bottom up. The table of each device is made active, and its messages are sent, before the
//!   next device is created.
//! - If tables of existing devices change, all tables that can change together are loaded bottom up. Then the devices
//!   are suspended top down and resumed bottom up, so that none waits for I/O that a suspended device below it holds
//!   back. Then their messages are sent.
//! - If a new device uses a device with a changed table, it is created after that change. If a changed table uses a new
//!   device, it is loaded after that device is created.
//! - With [`Wanted::only`], devices that are no longer wanted are removed top down. This comes last, since a removal
//!   cannot be undone.
//!
//! This is what libdm's `dm_tree` does with `dm_tree_preload_children`, `dm_tree_suspend_children`,
//! `dm_tree_activate_children` and `dm_tree_deactivate_children`.

mod compare;
mod error;
mod order;
mod rename;
mod run;
mod show;
mod wanted;

pub use self::error::{PlanCause, PlanError};
pub use self::show::PlanDot;
pub use self::wanted::{Numbers, Wanted, WantedDevice, WantedLine};

use crate::id::DmNameBuf;
use crate::ops::Host;

/// A step of a [`Plan`], with the name of the device that it changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlanStep {
    /// Rename the device.
    #[non_exhaustive]
    Rename {
        /// The present name.
        from: DmNameBuf,
        /// The wanted name, or a temporary name if devices exchange their names.
        to: DmNameBuf,
    },
    /// Create the device and make its table active.
    Create(DmNameBuf),
    /// Send the messages of the device.
    Message(DmNameBuf),
    /// Load the new table of the device into the inactive slot.
    Load(DmNameBuf),
    /// Suspend the device.
    Suspend(DmNameBuf),
    /// Resume the device, which makes its new table active.
    Resume(DmNameBuf),
    /// Remove the device.
    Remove(DmNameBuf),
}

/// The steps that change the existing devices into the wanted ones: see the [module](self).
///
/// [`Host::plan`] makes a plan from the state at that time. If another program changes the devices afterwards, a step
/// can fail, and the steps before it are then undone.
#[derive(Debug)]
pub struct Plan<'a> {
    wanted: Wanted<'a>,
    steps: Vec<PlanStep>,
}

impl<'a> Plan<'a> {
    /// The steps in the order of execution.
    #[must_use]
    pub fn steps(&self) -> &[PlanStep] {
        &self.steps
    }

    /// Whether there is nothing to do: all devices are as wanted, and there are no messages to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The wanted devices and their steps as a graph for Graphviz; `dot -Tsvg` draws it.
    #[must_use]
    pub const fn to_dot(&self) -> PlanDot<'_, 'a> {
        PlanDot(self)
    }
}

impl Host {
    /// Compares the wanted devices with the existing ones, and returns the steps that turn the existing devices into
    /// the wanted ones. Changes nothing.
    ///
    /// Tables are compared as in [`setup`](Self::setup). In tables, give devices by their numbers. Most targets print
    /// numbers, and a path never equals a number, so every plan would load a table with a path again.
    ///
    /// This takes at most two commands for each wanted device that exists, and one for each that does not exist. Each
    /// wanted uuid takes one or two more. [`Wanted::only`] takes one command to list devices, and one for each listed
    /// device that is not wanted.
    ///
    /// # Errors
    /// - [`PlanError::Twice`], [`PlanError::Unknown`], [`PlanError::Undeclared`], [`PlanError::Cycle`]: the wanted
    ///   devices contradict each other.
    /// - [`PlanError::Differs`]: a device with a wanted name or uuid has another uuid or minor number than wanted.
    /// - [`PlanError::Read`], [`PlanError::List`]: a command fails.
    #[doc(alias = "dm_tree_activate_children")]
    #[doc(alias = "dm_tree_preload_children")]
    #[doc(alias = "dm_tree_add_new_dev")]
    #[doc(alias = "dm_tree_node_size_changed")]
    #[doc(alias = "dm_tree_children_use_uuid")]
    #[doc(alias = "dm_tree_set_optional_uuid_suffixes")]
    pub fn plan<'a>(&self, wanted: Wanted<'a>) -> Result<Plan<'a>, PlanError> {
        let order = order::bottom_up(&wanted)?;
        let (steps, order) = compare::steps(self, &wanted, &order)?;
        Ok(Plan { wanted: wanted.in_order(&order), steps })
    }

    /// Carries out a plan, and waits for udev once.
    ///
    /// # Errors
    /// - [`PlanError::Step`]: a step failed. The steps before it were undone (see [`PlanError::is_undone`]), or the
    ///   error lists the failures of the undo.
    /// - [`PlanError::Udev`]: all steps succeeded, but udev did not finish in time, or a node is missing or wrong.
    pub fn carry_out(&self, plan: &Plan<'_>) -> Result<(), PlanError> {
        run::carry_out(self, plan)
    }
}
