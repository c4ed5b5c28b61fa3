//! [`Refusal`]: a command that the kernel refused, with its reasons.

use nix::errno::Errno as NixErrno;

use super::errno::Errno;
use crate::id::DevIdBuf;
use crate::wire::Command;

/// A command that the kernel refused, or that ended early because of a timeout or a signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{command}{} failed: {errno}{}", of_device(.device.as_ref()), kernel_reason(.kernel_log))]
pub struct Refusal {
    command: Command,
    device: Option<DevIdBuf>,
    errno: Errno,
    kernel_log: KernelLog,
    /// Whether the errno is about a device that a table uses, and not about the command's device.
    about_disk: bool,
    /// Whether the command chose a minor number for a new device.
    chose_number: bool,
}

/// The reasons that the kernel logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KernelLog {
    /// The kernel logs no reasons for this command.
    None,
    /// The log cannot be read, or the handle does not read it.
    Unread,
    /// The lines about this call.
    Lines(Vec<String>),
}

fn of_device(device: Option<&DevIdBuf>) -> String {
    device.map(|device| format!(" of {device}")).unwrap_or_default()
}

fn kernel_reason(kernel_log: &KernelLog) -> String {
    match kernel_log {
        KernelLog::Unread => "; the kernel's log (dmesg) may have the reason".to_owned(),
        KernelLog::Lines(lines) if !lines.is_empty() => format!("; the kernel says: {}", lines.join("; ")),
        KernelLog::None | KernelLog::Lines(_) => String::new(),
    }
}

impl Refusal {
    pub(crate) fn new(command: Command, device: Option<DevIdBuf>, errno: Errno) -> Self {
        Self { command, device, errno, kernel_log: KernelLog::None, about_disk: false, chose_number: false }
    }

    pub(crate) fn with_kernel_log(self, kernel_log: KernelLog) -> Self {
        Self { kernel_log, ..self }
    }

    pub(crate) fn about_disk(self, about_disk: bool) -> Self {
        Self { about_disk, ..self }
    }

    pub(crate) fn chose_number(self, chose_number: bool) -> Self {
        Self { chose_number, ..self }
    }

    /// The same refusal with the device as an operation's caller named it.
    pub(crate) fn about(self, device: Option<DevIdBuf>) -> Self {
        Self { device, ..self }
    }

    /// The command that was refused.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.command
    }

    /// The device that the command was about, as the caller named it. `None` if the command was not about a device.
    #[must_use]
    pub const fn device(&self) -> Option<&DevIdBuf> {
        self.device.as_ref()
    }

    /// The error that the kernel returned; `ETIMEDOUT` after a timeout.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        self.errno
    }

    /// The lines that the device mapper logged during this call. They often contain the reason.
    ///
    /// A kernel without `CONFIG_PRINTK_CALLER` does not record which thread wrote a line, so some lines can belong to
    /// another call.
    ///
    /// Empty if the log was not read ([`kernel_log_unread`](Self::kernel_log_unread)), or if the kernel logs no reasons
    /// for this command.
    #[must_use]
    pub fn kernel_log(&self) -> &[String] {
        match &self.kernel_log {
            KernelLog::Lines(lines) => lines,
            KernelLog::None | KernelLog::Unread => &[],
        }
    }

    /// Whether the kernel may have logged a reason that was not read. Either the log cannot be read, or
    /// [`OpenOptions::kernel_log`](crate::OpenOptions::kernel_log) is off.
    #[must_use]
    pub fn kernel_log_unread(&self) -> bool {
        self.kernel_log == KernelLog::Unread
    }

    pub(crate) fn is(&self, errno: NixErrno) -> bool {
        self.errno.is(errno)
    }

    /// The kernel returns `ENXIO` for a minor number that is taken, and for any other failure to make a device
    /// (`dm_create` in drivers/md/dm.c); without a chosen number it must be another failure. Targets return `EEXIST`
    /// for an id that is taken (`pool_message` in drivers/md/dm-thin.c).
    pub(super) fn is_taken(&self) -> bool {
        match self.command {
            Command::DeviceCreate => self.is(NixErrno::EBUSY) || self.chose_number && self.is(NixErrno::ENXIO),
            Command::DeviceRename => self.is(NixErrno::EBUSY),
            _ => self.is(NixErrno::EEXIST),
        }
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.is(NixErrno::ENXIO) && !self.about_disk && self.command != Command::DeviceCreate
    }

    /// If a table cannot be loaded because of another device, the device itself is not busy.
    pub(super) fn is_busy(&self) -> bool {
        self.is(NixErrno::EBUSY) && !self.is_taken() && !self.is_about_disk()
    }

    /// A pool or a cache that cannot write its metadata refuses messages with `EOPNOTSUPP` (`pool_message` in
    /// drivers/md/dm-thin.c, `cache_message` in drivers/md/dm-cache-target.c). For other commands it has other
    /// meanings.
    pub(super) fn is_of_read_only(&self) -> bool {
        self.is(NixErrno::EROFS) || self.command == Command::TargetMsg && self.is(NixErrno::EOPNOTSUPP)
    }

    /// A target refuses a table with `EOPNOTSUPP` if it does not support what the table requires
    /// (`dm_integrity_disable_recalculate` in drivers/md/dm-integrity.c).
    pub(super) fn is_of_unsupported_table(&self) -> bool {
        self.command == Command::TableLoad && self.is(NixErrno::EOPNOTSUPP) && !self.about_disk
    }

    /// Whether the table could not be loaded because of a device that it uses, as far as the errno tells.
    pub(super) fn is_about_disk(&self) -> bool {
        self.command == Command::TableLoad && self.about_disk
    }
}
