//! How an operation that failed leaves the device.

use std::fmt;

use crate::error::Error;

/// The state of a device after an operation failed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum StateAfter {
    /// The device is as it was before: nothing was done, or all that was done is undone.
    #[default]
    Undone,
    /// The operation was carried out; only `/dev` or the read-ahead is not as it should be.
    Done,
    /// Some things that were done could not be undone.
    #[non_exhaustive]
    Left {
        /// What is left.
        remains: Vec<Remains>,
        /// Why it could not be undone, for the first of them that failed.
        error: Option<Box<Error>>,
    },
}

/// Something that an operation left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remains {
    /// The device that was created still exists.
    Exists,
    /// The device is suspended, so I/O to it waits.
    Suspended,
    /// The device was suspended before and is not any more.
    Resumed,
    /// The new table is in the inactive slot.
    TableLoaded,
    /// The new table is active.
    NewTable,
    /// A table of errors is active, since the removal was forced.
    ErrorTable,
    /// So many of the messages were carried out.
    MessagesSent(usize),
    /// So many devices, the first ones, were removed.
    Removed(usize),
    /// A removal that was deferred before was cancelled.
    RemovalCancelled,
    /// An inactive table that the device had before was dropped.
    InactiveTableDropped,
    /// The state could not be read, or another process has renamed the device in between.
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
            Self::ErrorTable => f.write_str("its table was replaced by errors"),
            Self::MessagesSent(count) => write!(f, "{count} of the messages were carried out"),
            Self::Removed(count) => write!(f, "{count} of the devices were removed"),
            Self::RemovalCancelled => f.write_str("its deferred removal was cancelled"),
            Self::InactiveTableDropped => f.write_str("the inactive table that it had was dropped"),
            Self::Unknown => f.write_str("its state could not be read"),
        }
    }
}

impl StateAfter {
    /// What is left; `Undone` if it is nothing.
    pub(in crate::ops) fn left(remains: Vec<Remains>, error: Option<Error>) -> Self {
        if remains.is_empty() { Self::Undone } else { Self::Left { remains, error: error.map(Box::new) } }
    }

    pub(in crate::ops) fn remains(&self) -> &[Remains] {
        match self {
            Self::Left { remains, .. } => remains,
            _ => &[],
        }
    }

    /// The same, with something else that is left, in front.
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
    /// Prints it beside the cause of the error, which is not repeated.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, cause: &str) -> fmt::Result {
        match self {
            Self::Undone => f.write_str("nothing has changed"),
            Self::Done => f.write_str("it was carried out all the same"),
            Self::Left { remains, error } => {
                for (index, remains) in remains.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{remains}")?;
                }
                match error.as_ref().map(|error| error.to_string()) {
                    None => Ok(()),
                    Some(text) if text == cause => f.write_str(", since the undo failed in the same way"),
                    Some(text) => write!(f, ", since the undo failed: {text}"),
                }
            }
        }
    }
}

/// Prints what is left, such as `still suspended, since the undo failed: …`.
impl fmt::Display for StateAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}
