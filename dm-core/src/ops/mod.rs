//! Operations of several commands, which are undone together when one of them fails.

pub(crate) mod recover;
pub(crate) mod retry;
pub(crate) mod setup;
mod stack;
