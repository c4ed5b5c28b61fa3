//! The programs for the metadata of a pool, in a child process that finds others in their place.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

use dm_core::block::{BlockId, BlockIo, BlockOpenOptions};
use dm_core::{Dm, Host, Transport};
use dm_targets::Device;
use dm_targets::devices::{DevError, PoolToolErrorKind, ThinPoolDev};
use dm_testing::MemoryKernel;
use dm_units::Bytes;

/// The folder with the programs of the child process.
const FOLDER: &str = "DM_TESTING_POOL_TOOLS";

/// A kernel in memory that claims to be that of this machine.
#[derive(Debug)]
struct ThisMachine(Arc<dyn Transport>);

impl Transport for ThisMachine {
    fn ioctl(&self, command: dm_core::Command, request: &mut [u8]) -> io::Result<()> {
        self.0.ioctl(command, request)
    }

    fn open_block(&self, device: BlockId<'_>, options: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
        self.0.open_block(device, options)
    }
}

/// Writes a program that records its arguments and then runs a line of the shell.
fn program(folder: &Path, name: &str, line: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\necho \"$*\" > '{}/ran'\n{line}\n", folder.display())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_programs_are_run_on_unused_devices() {
    if let Some(folder) = env::var_os(FOLDER) {
        return run(folder.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "thin_check", "if [ $# = 1 ]; then echo 'bad checksum' >&2; exit 3; fi");
    let name = "pool_tools::the_programs_are_run_on_unused_devices";
    let mut child = Command::new(env::current_exe().unwrap());
    let child = child.args(["--exact", name, "--nocapture"]).env(FOLDER, folder.path()).env("PATH", folder.path());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn run(folder: &Path) {
    let memory = MemoryKernel::new();
    let host = Host::new(Dm::with_transport(ThisMachine(memory.dm().transport())));
    let [one, other] = [(); 2].map(|()| memory.disk(Bytes(1 << 20)).path().to_str().unwrap().to_owned());
    let device = |path: &str| Device::new(path).unwrap();
    let ran = || fs::read_to_string(folder.join("ran")).unwrap();
    let kind = |result: Result<(), DevError>| match result {
        Err(DevError::PoolTool(error)) => error.kind,
        other => unreachable!("{other:?}"),
    };

    let failed = kind(ThinPoolDev::check_metadata(&host, device(&one)));
    assert_eq!(ran(), format!("{one}\n"));
    assert!(
        matches!(&failed, PoolToolErrorKind::Failed { status: Some(3), output, .. } if output == "bad checksum\n"),
        "{failed:?}"
    );
    ThinPoolDev::clear_needs_check(&host, device(&one)).unwrap();
    assert_eq!(ran(), format!("--clear-needs-check-flag {one}\n"));

    let repair = |to: &str| ThinPoolDev::repair_metadata(&host, device(&one), device(to));
    assert_eq!(kind(repair(&other)), PoolToolErrorKind::NotInstalled);
    program(folder, "thin_repair", "");
    assert_eq!(kind(repair(&one)), PoolToolErrorKind::SameDevice);
    assert!(ran().starts_with("--clear"), "it was not run");
    repair(&other).unwrap();
    assert_eq!(ran(), format!("-i {one} -o {other}\n"));

    let missing = ThinPoolDev::check_metadata(&host, device("/dev/missing")).unwrap_err();
    assert!(missing.is_not_found(), "{missing:?}");
}
