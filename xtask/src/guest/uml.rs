//! User Mode Linux: a kernel that is an ordinary program.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Pid, geteuid};

use super::initramfs::Initramfs;
use super::kernel::Kernel;
use crate::say;

/// The guest's memory. The host allocates only the used part.
const MEMORY_MIB: u64 = 2048;

/// The module in the initramfs.
pub(super) const MODULES: [&str; 1] = ["overlay"];

/// The console of the jobs, for the scripts.
pub(super) const CONSOLE: &str = "/dev/tty0";

/// A message of the kernel if the host's processor has more registers than it can save, such as AMX.
const TOO_MANY_REGISTERS: &str = "ptrace set fp regs failed";

/// The reason in its log why it can never run on this machine; `None` if it ended for another one.
pub(super) fn obstacle(log: &str) -> Option<&'static str> {
    log.contains(TOO_MANY_REGISTERS).then_some(
        "this processor has registers (those of AMX) that no User Mode Linux up to 6.12 can save, so it cannot run here: \
         use --guest qemu",
    )
}

/// The time after which a test of it is considered to hang.
const TEST_PATIENCE: Duration = Duration::from_secs(30);

/// Powers off at once.
const TEST_INIT: &str = "#!/bin/busybox sh\nexec /bin/busybox poweroff -f\n";

/// Boots the kernel and powers off at once. Returns the reason if it cannot run on this machine.
///
/// # Errors
/// When it cannot be started.
pub(super) fn test(kernel: &Kernel, busybox: &[u8], folder: &Path) -> Result<Option<&'static str>> {
    let mut initramfs = Initramfs::new();
    initramfs.folder("bin")?;
    initramfs.file("bin/busybox", busybox)?;
    initramfs.file("init", TEST_INIT.as_bytes())?;
    let path = folder.join("initramfs");
    fs::write(&path, initramfs.finish()?)?;
    let log = folder.join("log");
    let mut child = command(kernel, &path, folder)?
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .process_group(0)
        .spawn()
        .context("cannot run User Mode Linux")?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > TEST_PATIENCE {
            let _ = killpg(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGKILL);
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(obstacle(&String::from_utf8_lossy(&fs::read(&log)?)))
}

/// Runs its further arguments with all folders read-only but one.
const CONFINE: &str = include_str!("confine.sh");

/// The command that boots the kernel and writes only to `folder`.
///
/// # Errors
/// When the kernel cannot accept a path.
pub(super) fn command(kernel: &Kernel, initramfs: &Path, folder: &Path) -> Result<Command> {
    if folder.as_os_str().to_string_lossy().contains([',', ' ']) {
        bail!("User Mode Linux cannot use a folder with a comma or a space in its name: {}", folder.display());
    }
    let confined = confinement();
    if confined.is_none() {
        say::note("this host forbids mount namespaces: only the mount in the guest is read-only");
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

/// The words that run a program in a separate mount namespace; `None` if the host does not allow that.
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

/// The folder for the guest's memory: in the host's memory if there is enough, else on disk.
fn memory_folder(folder: &Path, confined: bool) -> Result<PathBuf> {
    let own = folder.join("memory");
    fs::create_dir_all(&own)?;
    let shm = Path::new("/dev/shm");
    let room = statvfs(shm).map(|stat| stat.blocks_available().saturating_mul(stat.fragment_size()));
    let shm_suffices = room.is_ok_and(|bytes| bytes >= MEMORY_MIB.saturating_mul(1 << 20));
    Ok(if !confined && shm_suffices { shm.to_owned() } else { own })
}

#[cfg(test)]
mod tests {
    use super::obstacle;

    #[test]
    fn too_many_registers_are_distinguished_from_other_failures() {
        assert!(obstacle("Run /init\nuserspace - ptrace set fp regs failed, errno = 14\nKernel panic").is_some());
        assert_eq!(obstacle("Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"), None);
    }
}
