//! The state in which a failed operation leaves the device.

use std::fmt;

use crate::error::Error;

/// The state of a device after an operation has failed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum StateAfter {
    /// The device is as it was before the operation: no step took effect, or all steps were undone. This is also the
    /// state if another process has removed the device.
    ///
    /// There are three exceptions. If a table was replaced and then restored, the kernel may have changed the
    /// read-ahead. If the new table had another length, the kernel has also dropped the geometry. After an interrupted
    /// suspension, some targets [stay prepared for a suspension](crate::Dm::device_suspend).
    #[default]
    Undone,
    /// The operation took effect. Only the wait for udev, a node or the read-ahead failed.
    Done,
    /// Some effects could not be undone.
    #[non_exhaustive]
    Left {
        /// The effects that remain.
        remains: Vec<Remains>,
        /// The first error of the undo or of reading the state. `None` if both succeeded.
        error: Option<Box<Error>>,
    },
}

/// An effect of a failed operation that was not undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remains {
    /// The operation created the device, which still exists.
    Exists,
    /// The device is suspended, so I/O to it blocks.
    Suspended,
    /// The device was suspended before the operation, and is now resumed.
    Resumed,
    /// The new table is in the inactive slot.
    TableLoaded,
    /// The new table is active.
    NewTable,
    /// The forced removal has replaced the active table with an `error` target.
    ErrorTable,
    /// The number of messages that took effect. They are the first ones in the list.
    MessagesSent(usize),
    /// This number of devices was removed, or will be removed at their last close. They are the first ones in the order
    /// of removal.
    Removed(usize),
    /// This number of nodes and links was created or removed.
    NodesChanged(usize),
    /// The operation cancelled a pending deferred removal of the device.
    RemovalCancelled,
    /// The operation removed the table that was in the inactive slot.
    InactiveTableDropped,
    /// The state is unknown, for one of these reasons:
    ///
    /// - The state could not be read, or another process has renamed the device meanwhile.
    /// - The device could not be created, but a device with its name exists. Another process may have created it.
    /// - A table load got no reply, so the new table may have replaced the table in the inactive slot.
    Unknown,
}

/// Prints what is left, such as `still suspended`.
impl fmt::Display for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("the device still exists"),
            Self::Suspended => f.write_str("still suspended"),
            Self::Resumed => f.write_str("no longer suspended"),
            Self::TableLoaded => f.write_str("the new table is loaded but not active"),
            Self::NewTable => f.write_str("the new table is active"),
            Self::ErrorTable => f.write_str("its table was replaced with an error target"),
            Self::MessagesSent(count) => write!(f, "{count} of the messages took effect"),
            Self::Removed(count) => write!(f, "{count} of the devices were removed"),
            Self::NodesChanged(count) => write!(f, "{count} of the nodes were made or removed"),
            Self::RemovalCancelled => f.write_str("its deferred removal was cancelled"),
            Self::InactiveTableDropped => f.write_str("the inactive table that it had is lost"),
            Self::Unknown => f.write_str("its state is unknown"),
        }
    }
}

impl StateAfter {
    /// The state with these effects; `Undone` if there are none.
    pub(in crate::ops) fn left(remains: Vec<Remains>, error: Option<Error>) -> Self {
        if remains.is_empty() { Self::Undone } else { Self::Left { remains, error: error.map(Box::new) } }
    }

    pub(in crate::ops) fn remains(&self) -> &[Remains] {
        match self {
            Self::Left { remains, .. } => remains,
            _ => &[],
        }
    }

    /// The same state with further effects in front.
    pub(in crate::ops) fn and(self, more: impl IntoIterator<Item = Remains>) -> Self {
        let mut all: Vec<Remains> = more.into_iter().collect();
        match self {
            Self::Left { remains, error } => {
                all.extend(remains);
                Self::Left { remains: all, error }
            }
            state if all.is_empty() => state,
            _ => Self::left(all, None),
        }
    }

    /// Changes the error of the undo.
    pub(in crate::ops) fn map_error(self, change: impl FnOnce(Error) -> Error) -> Self {
        match self {
            Self::Left { remains, error } => Self::Left { remains, error: error.map(|error| Box::new(change(*error))) },
            state => state,
        }
    }
}

impl StateAfter {
    /// Prints the state, given the text of the error's cause, which is not repeated.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, cause: &str) -> fmt::Result {
        match self {
            Self::Undone => f.write_str("nothing has changed"),
            Self::Done => f.write_str("the operation took effect nevertheless"),
            Self::Left { remains, error } => {
                for (index, remains) in remains.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{remains}")?;
                }
                match error.as_ref().map(|error| error.to_string()) {
                    None => Ok(()),
                    Some(text) if text == cause => f.write_str(", since a later command failed in the same way"),
                    Some(text) => write!(f, ", since a later command failed: {text}"),
                }
            }
        }
    }
}

/// Prints what is left, such as `still suspended, since a later command failed: …`.
impl fmt::Display for StateAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}
