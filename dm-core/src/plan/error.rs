//! The errors of making and carrying out a plan.

use super::PlanStep;
use crate::error::Error;
use crate::id::{DevIdBuf, DmNameBuf};
use crate::ops::{Difference, OpError, Remains};

/// Why a plan could not be made or carried out.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Two wanted devices have the same name or the same uuid. The value is the name of the second device.
    #[error("the name or the uuid of device '{}' is wanted twice", .0.shown())]
    Twice(DmNameBuf),
    /// A wanted device [uses](super::WantedDevice::uses) a device that is not among the wanted devices.
    #[error(
        "device '{}' declares to use '{}', which is not among the wanted devices",
        device.shown(),
        used.shown()
    )]
    #[non_exhaustive]
    Unknown {
        /// The name of the device.
        device: DmNameBuf,
        /// The name of the device that it uses.
        used: DmNameBuf,
    },
    /// The table of this device needs the number of a device that was not declared with
    /// [`uses`](super::WantedDevice::uses).
    #[error("the table of device '{}' needs a device that it does not declare to use", .0.shown())]
    Undeclared(DmNameBuf),
    /// Devices use each other in a cycle. The value has their names: each uses the next one, and the last uses the
    /// first.
    #[error("devices use each other: {}", names(.0))]
    Cycle(Vec<DmNameBuf>),
    /// A device with a wanted name or uuid exists, but has another uuid or minor number than wanted. A plan cannot
    /// change these.
    #[error("device '{}' exists, but {difference}", device.shown())]
    #[non_exhaustive]
    Differs {
        /// The name of the device.
        device: DmNameBuf,
        /// The property in which the existing device differs.
        difference: Difference,
    },
    /// The state of an existing device could not be read.
    #[error("the present state of {device} could not be read")]
    #[non_exhaustive]
    Read {
        /// The device whose state could not be read.
        device: DevIdBuf,
        /// The error of the ioctl command.
        source: Error,
    },
    /// The existing devices could not be listed.
    #[error("the program's existing devices could not be listed")]
    #[non_exhaustive]
    List {
        /// The error of the ioctl command.
        source: Error,
    },
    /// A step failed.
    #[error("the step '{step}' failed{}", remaining_steps(.left))]
    #[non_exhaustive]
    Step {
        /// The step that failed.
        step: Box<PlanStep>,
        /// The error of the step.
        source: PlanCause,
        /// The errors of the undo; empty if all steps before the failed step were undone.
        left: Vec<PlanCause>,
    },
    /// All steps succeeded, but udev did not finish in time, or a node is missing or wrong.
    #[error(transparent)]
    Udev(OpError),
}

/// Why a step of a plan failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanCause {
    /// An operation of the [`Host`](crate::Host) failed.
    #[error(transparent)]
    Operation(#[from] OpError),
    /// A single command failed.
    #[error(transparent)]
    Command(#[from] Error),
    /// The table of this device needs the number of a device that was not declared with
    /// [`uses`](super::WantedDevice::uses).
    #[error("the table of device '{}' needs a device that it does not declare to use", .0.shown())]
    Undeclared(DmNameBuf),
    /// The undo cannot make the old table of this device active again, because its key was wiped. The new table stays
    /// active.
    #[error(
        "the old table of device '{}' cannot be loaded again, because its key was wiped; the new one stays active",
        .0.shown()
    )]
    KeyWiped(DmNameBuf),
}

impl PlanError {
    /// The step that failed; `None` if the error is not about a step.
    #[must_use]
    pub const fn step(&self) -> Option<&PlanStep> {
        match self {
            Self::Step { step, .. } => Some(step),
            _ => None,
        }
    }

    /// Whether all steps that took effect were undone. Everything is then as before the plan, with these exceptions:
    ///
    /// - Messages and removals cannot be undone. They do not make the result `false`.
    /// - A device that was suspended may be resumed.
    /// - A device that had no active table may have the new table.
    /// - A table in an inactive slot may be lost.
    ///
    /// If a device could not be created but exists afterwards, another process may have created it. It is then not
    /// removed, and the result is `false`.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        match self {
            Self::Step { step, source, left } => left.is_empty() && !may_have_created(step, source),
            Self::Udev(_) => false,
            _ => true,
        }
    }

    /// The errno, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Read { source, .. } | Self::List { source } => source.errno(),
            Self::Step { source, .. } => source.errno(),
            Self::Udev(error) => error.errno(),
            _ => None,
        }
    }
}

impl PlanCause {
    /// The errno, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Operation(error) => error.errno(),
            Self::Command(error) => error.errno(),
            Self::Undeclared(_) | Self::KeyWiped(_) => None,
        }
    }
}

/// Whether the plan or another process has created the device, which the undo has not removed.
fn may_have_created(step: &PlanStep, source: &PlanCause) -> bool {
    let PlanCause::Operation(error) = source else { return false };
    matches!(step, PlanStep::Create(_)) && error.remains().contains(&Remains::Unknown)
}

fn names(names: &[DmNameBuf]) -> String {
    names.iter().map(|name| format!("'{}'", name.shown())).collect::<Vec<_>>().join(", ")
}

fn remaining_steps(left: &[PlanCause]) -> String {
    match left {
        [] => "; the steps before it were undone".to_owned(),
        left => {
            let causes: Vec<String> = left.iter().map(chain).collect();
            format!(", and not all steps before it could be undone: {}", causes.join("; "))
        }
    }
}

/// The text of an error and those of its sources, which are not sources of the step's error.
fn chain(error: &PlanCause) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::OpenError;

    #[test]
    fn the_failures_of_an_undo_have_their_causes() {
        let name = DmNameBuf::new("a").unwrap();
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let left = Error::from(OpenError::file("open", "/x", missing)).into();
        let step = Box::new(PlanStep::Create(name.clone()));
        let error = PlanError::Step { step, source: PlanCause::Undeclared(name), left: vec![left] };
        assert_eq!(
            error.to_string(),
            "the step 'create a' failed, and not all steps before it could be undone: cannot open /x: entity not found"
        );
        assert!(!error.is_undone());
    }

    #[test]
    fn a_plan_of_which_only_udev_failed_is_not_undone() {
        let host = crate::ops::Host::new(crate::fake_host::FakeHost::new(48, []).dm());
        let missing = host.suspend("a").unwrap_err();
        let error = PlanError::Udev(missing);
        assert!(!error.is_undone() && error.step().is_none());
        assert_eq!(error.errno(), Some(nix::libc::ENXIO));
    }

    #[test]
    fn a_cycle_names_its_devices_in_order() {
        let names = ["a", "b c"].map(|name| DmNameBuf::new(name).unwrap()).to_vec();
        assert_eq!(PlanError::Cycle(names).to_string(), r"devices use each other: 'a', 'b\x20c'");
    }
}
