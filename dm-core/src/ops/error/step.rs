//! The names of operations and their steps.

use std::fmt;

/// The operation that failed. Each variant names its methods. A method and its `…_with` form, such as `create` and
/// `create_with`, are the same operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Host::create`](crate::Host::create)
    Create,
    /// [`Host::setup`](crate::Host::setup)
    Setup,
    /// [`Host::reload`](crate::Host::reload)
    Reload,
    /// [`Host::suspend`](crate::Host::suspend)
    Suspend,
    /// [`Host::resume`](crate::Host::resume)
    Resume,
    /// [`Host::while_suspended`](crate::Host::while_suspended)
    WhileSuspended,
    /// [`Host::rename`](crate::Host::rename), [`Host::set_uuid`](crate::Host::set_uuid)
    Rename,
    /// [`Host::remove`](crate::Host::remove), [`Host::cancel_deferred_remove`](crate::Host::cancel_deferred_remove)
    Remove,
    /// [`Host::message`](crate::Host::message)
    Message,
    /// [`Host::remove_stack`](crate::Host::remove_stack)
    RemoveStack,
    /// [`Host::remove_and_users`](crate::Host::remove_and_users)
    RemoveAndUsers,
    /// [`Host::suspend_stack`](crate::Host::suspend_stack)
    SuspendStack,
    /// [`Host::resume_stack`](crate::Host::resume_stack)
    ResumeStack,
    /// [`Host::leftovers`](crate::Host::leftovers)
    Leftovers,
    /// [`Host::recover`](crate::Host::recover)
    Recover,
    /// [`Batch::finish`](crate::Batch::finish)
    Batch,
    /// [`Host::path`](crate::Host::path)
    Path,
    /// [`Host::info`](crate::Host::info)
    Info,
    /// [`Host::make_nodes`](crate::Host::make_nodes), [`Host::make_node`](crate::Host::make_node)
    MakeNodes,
    /// [`Host::set_read_ahead`](crate::Host::set_read_ahead), [`Host::read_ahead`](crate::Host::read_ahead)
    ReadAhead,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Setup => "setup",
            Self::Reload => "reload",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::WhileSuspended => "while_suspended",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Message => "message",
            Self::RemoveStack => "remove_stack",
            Self::RemoveAndUsers => "remove_and_users",
            Self::SuspendStack => "suspend_stack",
            Self::ResumeStack => "resume_stack",
            Self::Leftovers => "leftovers",
            Self::Recover => "recover",
            Self::Batch => "batch",
            Self::Path => "path",
            Self::Info => "info",
            Self::MakeNodes => "make_nodes",
            Self::ReadAhead => "read_ahead",
        }
    }
}

/// Prints the operation in one word, such as `create`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an operation was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Checking the arguments.
    Check,
    /// Reading the state or the table of the device.
    Read,
    /// Creating the device.
    Create,
    /// Loading a table into the inactive slot.
    Load,
    /// Removing the table in the inactive slot.
    Clear,
    /// Suspending the device.
    Suspend,
    /// Sending a message.
    Message,
    /// Resuming the device.
    Resume,
    /// Renaming the device.
    Rename,
    /// Removing the device.
    Remove,
    /// Replacing the table with an `error` target before a forced removal.
    Force,
    /// Waiting until another operation on the device finishes, in this or another process.
    Lock,
    /// Waiting for udev, making or removing nodes, or looking for the path of a device.
    Udev,
    /// Setting the read-ahead.
    ReadAhead,
}

/// Prints the end of "failed at …", such as `the resume`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Check => "the check of its arguments",
            Self::Read => "reading the device's state",
            Self::Create => "the creation",
            Self::Load => "loading the table",
            Self::Clear => "clearing the inactive table",
            Self::Suspend => "the suspension",
            Self::Message => "the message",
            Self::Resume => "the resume",
            Self::Rename => "the rename",
            Self::Remove => "the removal",
            Self::Force => "replacing the table with an error target",
            Self::Lock => "waiting for another operation on the device",
            Self::Udev => "its nodes in /dev",
            Self::ReadAhead => "setting the read-ahead",
        })
    }
}
