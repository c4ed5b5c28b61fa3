//! A process in place of a udev that does not answer.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A process that looks like a udev that hangs, if the test runs as root. It is killed on drop.
pub(crate) struct HungUdev {
    process: Child,
    folder: PathBuf,
}

impl HungUdev {
    pub(crate) fn start(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hung-udev-{name}"));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("udevd");
        // A child writes the program, since a file that this process has open for writing cannot be executed.
        assert!(Command::new("cp").arg("/bin/sh").arg(&program).status().unwrap().success());
        let mut shell = Command::new(program);
        let process = shell.arg0("sh").args(["-c", "read line"]).stdin(Stdio::piped()).spawn().unwrap();
        Self { process, folder }
    }

    /// Whether it is taken for a udev.
    pub(crate) fn is_root(&self) -> bool {
        fs::metadata(format!("/proc/{}", self.process.id())).unwrap().uid() == 0
    }
}

impl Drop for HungUdev {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
