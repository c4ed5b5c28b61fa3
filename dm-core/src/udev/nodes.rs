//! Nodes and links under `/dev/mapper`: waiting for them, and making them where nobody else does.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;
use nix::sys::stat::{Mode, SFlag, mknod};

use super::UdevError;
use crate::machine::paths::{is_device, kernel_path};

/// What a command changes under `/dev/mapper`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeChange {
    /// Where it is made here.
    pub(super) path: PathBuf,
    /// Where udev makes it.
    pub(super) udev_path: PathBuf,
    pub(super) number: DeviceNumber,
    /// The device is to be there from now on, or not to be.
    pub(super) present: bool,
}

impl NodeChange {
    fn is_done(&self) -> bool {
        let places = [&self.path, &self.udev_path];
        if self.present {
            places.iter().any(|path| is_device(path, self.number))
        } else {
            !places.iter().any(|path| stands_at(path, self.number))
        }
    }

    /// Waits until somebody else has done it, at most so long after `start`.
    pub(super) fn wait(&self, start: Instant, deadline: Duration) -> Result<(), UdevError> {
        let mut pause = Duration::from_micros(200);
        while !self.is_done() {
            let left = deadline.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(UdevError::NodeTimedOut { path: self.udev_path.clone(), waited: start.elapsed() });
            }
            thread::sleep(pause.min(left));
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    /// Does it.
    pub(super) fn make(&self) -> Result<(), UdevError> {
        let made = if self.present { make(&self.path, self.number) } else { remove(&self.path, self.number) };
        made.map_err(|source| UdevError::Node { path: self.path.clone(), source })
    }
}

const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Puts a device at a path, in the place of another device's node or link.
fn make(path: &Path, number: DeviceNumber) -> io::Result<()> {
    if is_device(path, number) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::symlink_metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_symlink() || kind.is_block_device() => gone(fs::remove_file(path))?,
        Ok(_) => return Err(io::Error::new(ErrorKind::AlreadyExists, "something else stands there; move it away")),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let kernels = kernel_path(number);
    if is_device(&kernels, number) {
        return symlink(Path::new("..").join(kernels.file_name().unwrap_or_default()), path);
    }
    Ok(mknod(path, SFlag::S_IFBLK, Mode::S_IRUSR | Mode::S_IWUSR, number.to_dev_t())?)
}

/// Whether the node of a device or a link to it stands at a path. When the device is gone, that link leads nowhere.
fn stands_at(path: &Path, number: DeviceNumber) -> bool {
    is_device(path, number) || path.is_symlink() && !path.exists()
}

/// Takes a device away from a path, if it stands there.
fn remove(path: &Path, number: DeviceNumber) -> io::Result<()> {
    if stands_at(path, number) {
        return gone(fs::remove_file(path));
    }
    Ok(())
}

/// That somebody else was faster is as good.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_removed_and_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (link, file) = (folder.join("link"), folder.join("file"));
        symlink("../nowhere", &link).unwrap();
        fs::write(&file, "").unwrap();
        let number = DeviceNumber::new(4000, 0);
        remove(&link, number).unwrap();
        remove(&file, number).unwrap();
        remove(&folder.join("missing"), number).unwrap();
        assert!(!link.is_symlink() && file.exists());
        assert_eq!(make(&file, number).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn waiting_for_a_node_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let change = |name: &str, present| {
            let path = folder.path().join(name);
            NodeChange { udev_path: path.clone(), path, number: DeviceNumber::new(4000, 0), present }
        };
        let times_out = |change: NodeChange| {
            let waited = change.wait(Instant::now(), Duration::from_millis(20));
            matches!(waited, Err(UdevError::NodeTimedOut { path, .. }) if path == change.path)
        };
        assert!(times_out(change("missing", true)));
        change("missing", false).wait(Instant::now(), Duration::ZERO).unwrap();
        // The kernel has removed its node, and udev not yet the link to it.
        symlink("../dm-0", folder.path().join("link")).unwrap();
        assert!(times_out(change("link", false)));
        // It counts from the start of the first of several waits.
        let deadline = Duration::from_secs(2);
        let start = Instant::now().checked_sub(deadline).unwrap();
        change("missing", true).wait(start, deadline).unwrap_err();
        assert!(start.elapsed() < deadline + Duration::from_secs(1));
    }
}
