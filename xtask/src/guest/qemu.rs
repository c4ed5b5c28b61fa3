//! QEMU: a complete machine, emulated or with the host's virtualization.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::initramfs::Initramfs;
use super::kernel::Kernel;
use crate::packages;
use crate::say;

/// The modules in the initramfs.
pub(super) const MODULES: [&str; 5] = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

/// The console of the jobs, for the scripts.
pub(super) const CONSOLE: &str = "/dev/hvc0";

/// The log is written to the serial line, and an oops ends the guest. On a busy host the emulated timer can be so late
/// that the kernel's check at boot considers it broken; the last parameter disables that check.
const KERNEL_PARAMETERS: &str = "console=ttyS0 panic=-1 oops=panic no_timer_check";

/// The accelerator of the guest's processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Processor {
    /// The virtualization of the host.
    Kvm,
    /// Emulation.
    Emulated,
    /// Emulation that counts instructions: each takes a nanosecond of the guest's time, and waiting takes no real time.
    Counting,
}

impl Processor {
    /// A description for the user.
    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::Kvm => "QEMU with this machine's virtualization: /dev/kvm",
            Self::Emulated => {
                "QEMU with emulation, 5 to 20 times slower: /dev/kvm is missing, not accessible to this user or does not work"
            }
            Self::Counting => "QEMU with emulation, counting instructions",
        }
    }

    /// The parameters of the kernel.
    ///
    /// An emulator translates code anew at each address where it runs: with every program at the same address, the root
    /// tests take half the time.
    fn kernel_parameters(self) -> String {
        let addresses = if self == Self::Emulated { " nokaslr norandmaps" } else { "" };
        format!("{KERNEL_PARAMETERS}{addresses}")
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-cpu", "max", "-smp", "2", "-accel", "kvm"],
            Self::Emulated => &["-cpu", "max", "-smp", "2", "-accel", EMULATION],
            // Otherwise string instructions for copies, which processors execute in large pieces, would count once for
            // each byte.
            Self::Counting => {
                &["-cpu", "max,erms=off,fsrm=off", "-smp", "1", "-accel", EMULATION, "-icount", "shift=0,sleep=off"]
            }
        }
    }
}

/// One thread runs both processors in turn. With two threads, a guest on a busy host sometimes died of an oops at a
/// breakpoint that the kernel sets while it patches its code. Booting is not slower.
const EMULATION: &str = "tcg,thread=single";

/// The time after which a first boot with the host's virtualization is considered to hang.
const KVM_PATIENCE: Duration = Duration::from_secs(15);

/// Powers off at once.
const KVM_TEST_INIT: &str = "#!/bin/busybox sh\nexec /bin/busybox poweroff -f\n";

/// The folders of the host that the guest can access.
pub(super) struct Exports<'a> {
    /// Unpacked packages, read-only.
    pub(super) packages: &'a Path,
    /// The folder to which the guest may write.
    pub(super) scratch: &'a Path,
}

/// An unpacked or installed `qemu-system-x86_64`.
pub(super) struct Qemu<'a> {
    /// The folder of its unpacked packages.
    packages: &'a Path,
    program: std::path::PathBuf,
}

impl<'a> Qemu<'a> {
    /// Finds the emulator.
    ///
    /// # Errors
    /// When it is neither unpacked nor installed.
    pub(super) fn find(packages: &'a Path) -> Result<Self> {
        let program = std::env::var_os("DM_GUEST_QEMU").map(Into::into);
        let program = program.or_else(|| packages::find_file(&[packages], "/usr/bin/qemu-system-x86_64"));
        Ok(Self { packages, program: program.context("no qemu-system-x86_64: install it or set DM_GUEST_QEMU")? })
    }

    /// The command that boots the kernel, with its log on standard error.
    ///
    /// # Errors
    /// When the emulator cannot accept a path.
    pub(super) fn command(&self, kernel: &Kernel, initramfs: &Path, processor: Processor) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.env("LD_LIBRARY_PATH", packages::library_path(self.packages)?);
        for folder in ["usr/share/qemu", "usr/share/seabios"].map(|path| self.packages.join(path)) {
            if folder.is_dir() {
                command.arg("-L").arg(folder);
            }
        }
        command
            .args(["-M", "q35", "-m", "2G"])
            .args(processor.arguments())
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &processor.kernel_parameters()])
            .args(["-chardev", "file,id=log,path=/dev/stderr,append=on", "-serial", "chardev:log"])
            .args(["-chardev", "stdio,id=jobs,signal=off"])
            .args(["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=jobs"]);
        Ok(command)
    }

    /// Selects the processor: the host's if a guest has booted with it since the host started, else emulation.
    ///
    /// # Errors
    /// When the test fails to run.
    pub(super) fn processor(&self, kernel: &Kernel, busybox: &[u8], guest_dir: &Path) -> Result<Processor> {
        if fs::File::options().read(true).write(true).open("/dev/kvm").is_err() {
            return Ok(Processor::Emulated);
        }
        let note = guest_dir.join("kvm");
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let known = fs::read_to_string(&note).unwrap_or_default();
        let works = match known.split_once(' ') {
            Some((works, id)) if id == boot_id => works == "works",
            _ => {
                let works = self.kvm_boots(kernel, busybox, guest_dir)?;
                fs::write(&note, format!("{} {boot_id}", if works { "works" } else { "fails" }))?;
                works
            }
        };
        Ok(if works { Processor::Kvm } else { Processor::Emulated })
    }

    /// Whether a guest that powers off at once works with `/dev/kvm`, which can be opened on some machines and still
    /// hang or abort.
    fn kvm_boots(&self, kernel: &Kernel, busybox: &[u8], guest_dir: &Path) -> Result<bool> {
        say::note("trying /dev/kvm");
        let mut initramfs = Initramfs::new();
        initramfs.folder("bin")?;
        initramfs.file("bin/busybox", busybox)?;
        initramfs.file("init", KVM_TEST_INIT.as_bytes())?;
        let path = guest_dir.join("kvm-test");
        fs::write(&path, initramfs.finish()?)?;
        let mut child = self
            .command(kernel, &path, Processor::Kvm)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run QEMU")?;
        let start = Instant::now();
        while start.elapsed() < KVM_PATIENCE {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill()?;
        child.wait()?;
        Ok(false)
    }
}

/// Exports the host's tree and the packages read-only, and the scratch folder.
pub(super) fn export(command: &mut Command, exports: &Exports<'_>) {
    for (tag, path, access) in [
        ("root", Path::new("/"), ",readonly=on"),
        ("packages", exports.packages, ",readonly=on"),
        ("scratch", exports.scratch, ""),
    ] {
        // A comma in a value is doubled.
        let path = path.to_string_lossy().replace(',', ",,");
        let text = format!("local,path={path},mount_tag={tag},security_model=none,multidevs=remap{access}");
        command.arg("-virtfs").arg(OsString::from(text));
    }
}
