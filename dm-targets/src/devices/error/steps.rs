//! Errors of actions of several steps: which steps took effect, and whether the steps before were undone.

use alloc::boxed::Box;

use super::DevError;

/// Passes on the error of a step that took effect, so that the next steps are taken first.
pub(in crate::devices) fn unless_in_effect<T>(step: Result<T, DevError>) -> Result<Result<T, DevError>, DevError> {
    match step {
        Err(error) if !error.took_effect() => Err(error),
        step => Ok(step),
    }
}

impl DevError {
    /// Whether the step took effect, and only `/dev` or the read-ahead is wrong.
    pub(in crate::devices) fn took_effect(&self) -> bool {
        matches!(self, Self::Operation(error) if error.is_done())
    }

    /// Adds the result of undoing the steps before this error.
    pub(in crate::devices) fn undo(self, undone: Result<(), Self>) -> Self {
        match undone {
            Ok(()) => self,
            Err(undo) if undo.took_effect() => self,
            Err(undo) => Self::NotUndone { cause: Box::new(self), undo: Box::new(undo) },
        }
    }
}
