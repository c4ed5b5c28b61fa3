//! User Mode Linux: a kernel that is an ordinary program.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use super::kernel::Kernel;
use crate::say;

/// The guest's memory. The host gives only what is used.
const MEMORY_MIB: u64 = 2048;

/// The one module that the initramfs needs.
pub(super) const MODULES: [&str; 1] = ["overlay"];

/// Where the scripts find the console of the jobs.
pub(super) const CONSOLE: &str = "/dev/tty0";

/// Runs the rest of its arguments with all but one folder read-only.
const CONFINE: &str = include_str!("confine.sh");

/// The command that boots the kernel with everything that it writes in `folder`.
///
/// # Errors
/// When a path cannot be given to the kernel.
pub(super) fn command(kernel: &Kernel, initramfs: &Path, folder: &Path) -> Result<Command> {
    if folder.as_os_str().to_string_lossy().contains([',', ' ']) {
        bail!("User Mode Linux cannot use a folder with a comma or a space in its name: {}", folder.display());
    }
    let confined = confinement();
    if confined.is_none() {
        say::note("this host forbids mount namespaces: only the guest's own mount keeps its tree read-only");
    }
    let mut command = match &confined {
        Some(prefix) => wrapped(prefix, kernel, folder),
        None => Command::new(&kernel.image),
    };
    // The console of the jobs is on the standard streams, the kernel's log on standard error.
    command
        .arg(format!("mem={MEMORY_MIB}M"))
        .arg(with("initrd=", initramfs))
        .args(["con=null", "con0=fd:0,fd:1", "ssl0=null,fd:2", "console=ttyS0"])
        .args(["noreboot", "panic=-1", "oops=panic", "root=/dev/ram0"])
        .arg(with("uml_dir=", folder))
        .arg("umid=guest")
        .env("HOME", folder)
        .env("TMPDIR", memory_folder(folder, confined.is_some())?)
        .current_dir(folder);
    Ok(command)
}

fn with(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}

/// The words that run a program in a mount namespace of its own; `None` where the host does not allow that.
fn confinement() -> Option<Vec<&'static str>> {
    let mut words = vec!["unshare", "--mount"];
    if !geteuid().is_root() {
        words.extend(["--user", "--map-current-user", "--keep-caps"]);
    }
    let (program, arguments) = words.split_first()?;
    let allowed = Command::new(program)
        .args(arguments)
        .args(["sh", "-c", "mount --bind /tmp /tmp"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    allowed.then_some(words)
}

fn wrapped(prefix: &[&str], kernel: &Kernel, folder: &Path) -> Command {
    let mut words = prefix.iter();
    let mut command = Command::new(words.next().unwrap_or(&"unshare"));
    command.args(words).args(["sh", "-c", CONFINE, "confine.sh"]).arg(folder).arg(&kernel.image);
    command
}

/// Where the guest's memory lies: in the host's memory if there is room for it, else in a file.
fn memory_folder(folder: &Path, confined: bool) -> Result<PathBuf> {
    let own = folder.join("memory");
    fs::create_dir_all(&own)?;
    let shm = Path::new("/dev/shm");
    let room = statvfs(shm).map(|stat| stat.blocks_available().saturating_mul(stat.fragment_size()));
    let shm_suffices = room.is_ok_and(|bytes| bytes >= MEMORY_MIB.saturating_mul(1 << 20));
    Ok(if !confined && shm_suffices { shm.to_owned() } else { own })
}
