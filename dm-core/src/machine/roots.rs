//! The directories of procfs, sysfs and the device nodes.

use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;

/// The directories from which this crate reads information; tests replace them with temporary ones.
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
    /// A thread may have left the mount namespace of its process, so `/proc/self` may show other mounts.
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
