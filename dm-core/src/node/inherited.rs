//! Handles on a control node that another process has opened.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use super::open;
use super::{ControlNode, Dm};
use crate::error::OpenError;

impl Dm {
    /// Makes a handle from a control node that another process has opened, for example a parent with more privileges.
    ///
    /// All processes that share the open file share the state that [`arm_poll`](Self::arm_poll) sets.
    ///
    /// ```no_run
    /// use std::os::fd::{FromRawFd as _, OwnedFd};
    ///
    /// // SAFETY: by agreement with the parent process, this descriptor is open, and no other code in this process uses it.
    /// let dm = dm_core::Dm::from_fd(unsafe { OwnedFd::from_raw_fd(3) })?;
    /// # Ok::<(), dm_core::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::NotControlNode`]: `fd` is another file. Otherwise as [`open`](Self::open). After an error, `fd` is
    /// closed.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, OpenError> {
        // Opening this path opens the same node again.
        let path = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let dm = Self::with_transport(ControlNode::of(open::checked(fd.into(), &path)?, path.clone()));
        dm.check_interface(&path)?;
        Ok(dm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inherited_descriptor_of_another_file_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = Dm::from_fd(file.into()).unwrap_err().to_string();
        assert!(error.contains("device mapper") && error.contains("/proc/self/fd/"), "{error}");
        assert!(!error.contains("remove it"), "{error}");
    }
}
