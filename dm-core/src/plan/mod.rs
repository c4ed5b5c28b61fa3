//! From the devices that exist to those that should: a plan of the fewest steps, in the right order, undone when one fails.
//!
//! A program says which devices it wants, with tables that refer to each other by name. [`Host::plan`] compares them with what
//! exists, and returns a [`Plan`]: it can be printed before it is carried out, and does nothing where everything is as wanted.
//!
//! ```no_run
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
//! let host = Host::open()?;
//! let plan = host.plan(wanted)?;
//! print!("{plan}");
//! host.carry_out(&plan)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The order
//!
//! - New devices are made bottom up, each with its table active and its messages sent before the next one.
//! - Where tables of existing devices change, all of them are loaded bottom up, then the devices are suspended top down and
//!   resumed bottom up, so that none waits for I/O that is held back below it.
//! - A new device that uses one whose table changes is made afterwards.
//! - Devices that are not wanted any more are removed last, top down: that can't be undone.
//!
//! This is what libdm's `dm_tree` does with `dm_tree_preload_children`, `dm_tree_suspend_children`,
//! `dm_tree_activate_children` and `dm_tree_deactivate_children`.

mod compare;
mod error;
mod order;
mod run;
mod show;
mod wanted;

pub use self::error::{PlanCause, PlanError};
pub use self::show::PlanDot;
pub use self::wanted::{Numbers, Wanted, WantedDevice, WantedLine};

use crate::id::DmNameBuf;
use crate::ops::Host;

/// A step of a [`Plan`], with the name of its device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlanStep {
    /// The device is created with its table active.
    Create(DmNameBuf),
    /// Its messages are sent to it.
    Message(DmNameBuf),
    /// Its new table is loaded into the inactive slot.
    Load(DmNameBuf),
    /// It is suspended.
    Suspend(DmNameBuf),
    /// Its new table becomes active, and I/O continues.
    Resume(DmNameBuf),
    /// It is removed.
    Remove(DmNameBuf),
}

/// The steps from the devices that exist to those that are wanted; see the [module](self).
///
/// It is made of what existed at that moment. If another program changes the devices meanwhile, carrying it out may fail, and
/// is undone.
#[derive(Debug)]
pub struct Plan<'a> {
    wanted: Wanted<'a>,
    steps: Vec<PlanStep>,
}

impl<'a> Plan<'a> {
    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[PlanStep] {
        &self.steps
    }

    /// Whether everything is as wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The wanted devices and what is done with each, in the language of Graphviz; `dot -Tsvg` draws it.
    #[must_use]
    pub const fn to_dot(&self) -> PlanDot<'_, 'a> {
        PlanDot(self)
    }
}

impl Host {
    /// Compares wanted devices with those that exist, and plans the steps between them. Nothing is changed.
    ///
    /// It takes two commands for each wanted device that exists, one for each that does not, and a list if others are to be
    /// removed.
    ///
    /// # Errors
    /// [`PlanError::Twice`], [`PlanError::Unknown`], [`PlanError::Cycle`]: the wanted devices contradict each other.
    /// [`PlanError::Differs`]: a device of a wanted name has another uuid, or is read-only where it should not be.
    pub fn plan<'a>(&self, wanted: Wanted<'a>) -> Result<Plan<'a>, PlanError> {
        let order = order::bottom_up(&wanted)?;
        let (steps, order) = compare::steps(self, &wanted, &order)?;
        Ok(Plan { wanted: wanted.in_order(&order), steps })
    }

    /// Carries out a plan, and waits for udev once.
    ///
    /// # Errors
    /// [`PlanError::Step`]: a step failed, and those before it were undone in order, or it says what could not be undone.
    /// Removed devices are not made again. [`PlanError::Udev`]: everything is done, and `/dev` is not as it should be.
    pub fn carry_out(&self, plan: &Plan<'_>) -> Result<(), PlanError> {
        run::carry_out(self, plan)
    }
}
