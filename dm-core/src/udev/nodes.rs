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
use crate::paths::{is_device, kernel_path};

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
        [&self.path, &self.udev_path].iter().any(|path| is_device(path, self.number)) == self.present
    }

    /// Waits until somebody else has done it.
    pub(super) fn wait(&self, deadline: Duration) -> Result<(), UdevError> {
        let start = Instant::now();
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

/// Takes a device away from a path, if it stands there: its node, its link, or a link that leads nowhere any more.
fn remove(path: &Path, number: DeviceNumber) -> io::Result<()> {
    let leads_nowhere = || path.is_symlink() && !path.exists();
    if is_device(path, number) || leads_nowhere() {
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
        let folder = std::env::temp_dir().join(format!("dm-core-nodes-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (link, file) = (folder.join("link"), folder.join("file"));
        symlink("../nowhere", &link).unwrap();
        fs::write(&file, "").unwrap();
        let number = DeviceNumber::new(4000, 0);
        remove(&link, number).unwrap();
        remove(&file, number).unwrap();
        remove(&folder.join("missing"), number).unwrap();
        assert!(!link.is_symlink() && file.exists());
        assert_eq!(make(&file, number).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn waiting_for_a_node_has_an_end() {
        let (path, number) = (PathBuf::from("/dev/mapper/none"), DeviceNumber::new(4000, 0));
        let missing = NodeChange { udev_path: path.clone(), path, number, present: true };
        let error = missing.wait(Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error, UdevError::NodeTimedOut { .. }));
        assert!(NodeChange { present: false, ..missing }.wait(Duration::ZERO).is_ok());
    }
}
