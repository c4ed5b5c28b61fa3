//! Why devices could not be planned, or a plan not be carried out.

use super::PlanStep;
use crate::error::Error;
use crate::id::{DevIdBuf, DmNameBuf};
use crate::ops::{Difference, OpError};

/// Why devices could not be planned, or a plan not be carried out.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A name is wanted twice.
    #[error("device '{0}' is wanted twice")]
    Twice(DmNameBuf),
    /// A device uses one that is not wanted, or its lines need a number that they did not declare.
    #[error("device '{device}' uses '{used}', which is not among the wanted devices that it declares to use")]
    #[non_exhaustive]
    Unknown {
        /// The device.
        device: DmNameBuf,
        /// What it uses.
        used: DmNameBuf,
    },
    /// The lines of a device could not be made: they need the number of a device that it does not declare to use.
    #[error("the table of device '{0}' needs a device that it does not declare to use")]
    Undeclared(DmNameBuf),
    /// Devices use each other.
    #[error("devices use each other: {}", names(.0))]
    Cycle(Vec<DmNameBuf>),
    /// A device of a wanted name exists, and can't become the wanted one.
    #[error("device '{device}' exists, but {difference}")]
    #[non_exhaustive]
    Differs {
        /// The device.
        device: DmNameBuf,
        /// In what it differs.
        difference: Difference,
    },
    /// What exists could not be read.
    #[error("the present state of {device} could not be read")]
    #[non_exhaustive]
    Read {
        /// The device.
        device: DevIdBuf,
        /// The cause.
        source: Error,
    },
    /// A step failed.
    #[error("the step '{step}' failed{}", what_is_left(.left))]
    #[non_exhaustive]
    Step {
        /// The step.
        step: PlanStep,
        /// The cause.
        source: PlanCause,
        /// What failed when the steps before it were undone; nothing, if they were.
        left: Vec<PlanCause>,
    },
    /// Everything is done, and `/dev` is not as it should be.
    #[error(transparent)]
    Udev(OpError),
}

/// The failure of a single step.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanCause {
    /// An operation failed.
    #[error(transparent)]
    Operation(#[from] OpError),
    /// A command failed.
    #[error(transparent)]
    Command(#[from] Error),
    /// The lines of a device could not be made: they need the number of a device that it does not declare to use.
    #[error("the table of device '{0}' needs a device that it does not declare to use")]
    Undeclared(DmNameBuf),
}

impl PlanError {
    /// The step that failed, if it was one.
    #[must_use]
    pub const fn step(&self) -> Option<&PlanStep> {
        match self {
            Self::Step { step, .. } => Some(step),
            _ => None,
        }
    }

    /// Whether everything is as it was before the plan was carried out, apart from messages that were sent and devices that
    /// were removed.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        match self {
            Self::Step { left, .. } => left.is_empty(),
            Self::Udev(_) => false,
            _ => true,
        }
    }

    /// The number of the error that the kernel returned, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Read { source, .. } => source.errno(),
            Self::Step { source: PlanCause::Command(error), .. } => error.errno(),
            Self::Step { source: PlanCause::Operation(error), .. } | Self::Udev(error) => error.errno(),
            _ => None,
        }
    }
}

fn names(names: &[DmNameBuf]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

fn what_is_left(left: &[PlanCause]) -> String {
    match left {
        [] => "; the steps before it were undone".to_owned(),
        left => {
            let causes: Vec<String> = left.iter().map(ToString::to_string).collect();
            format!(", and not all steps before it could be undone: {}", causes.join("; "))
        }
    }
}
