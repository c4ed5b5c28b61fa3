//! Where procfs, sysfs and the device nodes are.

use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;

/// The directories that facts about the machine are read from, which tests replace by temporary directories.
#[derive(Clone, Debug)]
pub(crate) struct Roots {
    pub(crate) proc_dir: PathBuf,
    pub(crate) sys_dir: PathBuf,
    pub(crate) dev_dir: PathBuf,
}

impl Roots {
    /// The directory of a block device in sysfs.
    pub(crate) fn block(&self, device: DeviceNumber) -> PathBuf {
        self.sys_dir.join(format!("dev/block/{device}"))
    }

    /// The directory of the calling thread in procfs.
    ///
    /// A thread can have left the mount namespace of its process, so `/proc/self` could show other mounts.
    pub(crate) fn this_thread(&self) -> PathBuf {
        self.proc_dir.join("thread-self")
    }
}

impl Default for Roots {
    fn default() -> Self {
        let [proc_dir, sys_dir, dev_dir] = ["/proc", "/sys", "/dev"].map(|path| Path::new(path).to_owned());
        Self { proc_dir, sys_dir, dev_dir }
    }
}
