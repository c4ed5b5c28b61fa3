//! What can go wrong, and how to tell one from the other.

use std::io;

use nix::errno::Errno;

use crate::id::dev_id::DevIdBuf;
use crate::machine::users::Users;
use crate::node::open::OpenError;
use crate::udev::UdevError;
use crate::wire::command::Command;
use dm_units::Version;

/// The result of a command.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a command failed. Ask the predicates rather than matching: they know what an errno means for which command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The control node can't be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel refused the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The running kernel does not know the command, or an option of it.
    #[error(
        "{command} with these options needs device mapper interface 4.{needed_minor}; this kernel has {kernel}, so use a \
         newer kernel or leave the option out"
    )]
    Unsupported {
        /// The command.
        command: Command,
        /// The minor number of the interface version 4 that it needs.
        needed_minor: u32,
        /// What the kernel has.
        kernel: Version,
    },
    /// The request was not sent: the kernel has no way to take it.
    #[error("{command} can't be sent: {fault}")]
    Request {
        /// The command.
        command: Command,
        /// What is wrong with it.
        fault: RequestFault,
    },
    /// The command took effect, but `/dev` did not follow it, or its cookie could not be used.
    #[error(transparent)]
    Udev(#[from] UdevError),
    /// The kernel's answer makes no sense, which is a fault of the kernel or of this crate.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// A command that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{command}{} failed: {} ({}){}", of_device(.device.as_ref()), .errno.desc(), errno_name(*.errno), details(.kernel_log, .users.as_deref()))]
pub struct Refusal {
    command: Command,
    device: Option<DevIdBuf>,
    errno: Errno,
    kernel_log: Vec<String>,
    users: Option<Box<Users>>,
    /// The errno speaks of another device than the command's: one that a table would use.
    of_another: bool,
}

fn of_device(device: Option<&DevIdBuf>) -> String {
    device.map(|device| format!(" of {device}")).unwrap_or_default()
}

fn errno_name(errno: Errno) -> String {
    format!("{errno:?}")
}

fn details(kernel_log: &[String], users: Option<&Users>) -> String {
    let logged = kernel_log.iter().map(|line| format!("; the kernel says: {line}"));
    logged.chain(users.map(|users| format!("; it is {users}"))).collect()
}

impl Refusal {
    pub(crate) fn new(command: Command, device: Option<DevIdBuf>, error: &io::Error) -> Self {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        Self { command, device, errno, kernel_log: Vec::new(), users: None, of_another: false }
    }

    pub(crate) fn of_another_device(self, of_another: bool) -> Self {
        Self { of_another, ..self }
    }

    /// The kernel says `ENXIO` also of a minor number that is taken (`dm_create` in drivers/md/dm.c).
    fn is_taken(&self) -> bool {
        match self.command {
            Command::DeviceCreate => matches!(self.errno, Errno::EBUSY | Errno::ENXIO),
            Command::DeviceRename => self.errno == Errno::EBUSY,
            _ => false,
        }
    }

    fn is_not_found(&self) -> bool {
        self.errno == Errno::ENXIO && !self.of_another && !self.is_taken()
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.errno == Errno::EBUSY && !self.is_taken()
    }

    pub(crate) fn with_users(self, users: Users) -> Self {
        Self { users: Some(Box::new(users)), ..self }
    }

    pub(crate) fn with_kernel_log(self, kernel_log: Vec<String>) -> Self {
        Self { kernel_log, ..self }
    }

    /// The command.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.command
    }

    /// The device it was about, as the caller named it; `None` for commands about no device.
    #[must_use]
    pub const fn device(&self) -> Option<&DevIdBuf> {
        self.device.as_ref()
    }

    /// The error number, as in `errno(3)`.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        self.errno as i32
    }

    /// What the kernel wrote to its log about this device during this call, which often says why.
    ///
    /// None where the log can't be read, and for commands that the kernel gives no reasons for.
    #[must_use]
    pub fn kernel_log(&self) -> &[String] {
        &self.kernel_log
    }

    /// Who uses the device, where its removal was tried again and it stayed busy.
    #[must_use]
    pub fn users(&self) -> Option<&Users> {
        self.users.as_deref()
    }
}

/// Why a request can't be put into the form that the kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// A table without a line.
    #[error("the table has no line; to drop the inactive table use table_clear")]
    NoLines,
    /// A minor number that is no minor number.
    #[error("{minor} is too large for a minor number, which is at most {}", crate::wire::header::MAX_MINOR)]
    Minor {
        /// The number.
        minor: u32,
    },
    /// A device without a table in force, where that is to be replaced.
    #[error("the device has no active table to go back to; use table_load and device_resume")]
    NoActiveTable,
    /// A table with more lines than the kernel takes.
    #[error("the table has more than {} lines", dm_sys::DM_MAX_TARGETS)]
    TooManyLines,
    /// More bytes than the kernel takes in one request, or than it can answer with.
    #[error("it, or its answer, has more than {} bytes", crate::wire::buffer::MAX_SIZE)]
    TooLarge,
    /// The type of a target is empty, too long, or has a NUL in it.
    #[error("the target type{} must have 1 to {} bytes, none of them NUL", on_line(*.line), dm_sys::DM_MAX_TYPE_NAME - 1)]
    TargetType {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
    },
    /// The kernel would cut the text at this NUL without a word.
    #[error("the text{} has a NUL at byte {at}", on_line(*.line))]
    Nul {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
        /// Where it stands, in bytes from 0.
        at: usize,
    },
    /// The `Display` of a line's params, or of a message, returned an error.
    #[error("the text{} could not be printed: its Display returned an error", on_line(*.line))]
    Display {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
    },
}

fn on_line(line: Option<u32>) -> String {
    line.map(|line| format!(" of table line {line}")).unwrap_or_default()
}

/// An answer that does not have the form it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed answer to {command}: {what} at byte {at}; this is a fault of the kernel or of dm-core, please report it"
)]
pub struct ReplyError {
    pub(crate) command: Command,
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

impl ReplyError {
    /// The command that was answered.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.command
    }

    /// Where in the answer, in bytes from the start of its header.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }
}

impl Error {
    pub(crate) const fn request(command: Command, fault: RequestFault) -> Self {
        Self::Request { command, fault }
    }

    /// The error number that the kernel gave, where it is the kernel that refused.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.errno()),
            _ => None,
        }
    }

    /// The command's device does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_not_found())
    }

    /// The name, uuid or minor number is taken: by creating or renaming a device.
    #[must_use]
    pub fn already_exists(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_taken())
    }

    /// The device is open, mounted or used by another one; or what was asked is under way already.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_busy())
    }

    /// The process may not do this: it needs `CAP_SYS_ADMIN` in the first user namespace.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::Open(error) => error.is_permission_denied(),
            _ => self.refused_with(Errno::EACCES) || self.refused_with(Errno::EPERM),
        }
    }

    /// The kernel found a fault in what it was given: a table, a message, a name. Its log says which.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.refused_with(Errno::EINVAL)
    }

    /// A signal ended the wait for an event.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.refused_with(Errno::EINTR)
    }

    /// The running kernel does not know the command, or an option of it.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// This kernel has no device mapper, and it could not be loaded.
    #[must_use]
    pub const fn is_no_device_mapper(&self) -> bool {
        matches!(self, Self::Open(OpenError::NoDeviceMapper { .. }))
    }

    fn refused_with(&self, errno: Errno) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.errno == errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::name::DmNameBuf;

    fn refusal(command: Command, errno: Errno) -> Error {
        let device = DevIdBuf::Name(DmNameBuf::new("my disk").unwrap());
        Refusal::new(command, Some(device), &io::Error::from_raw_os_error(errno as i32)).into()
    }

    #[test]
    fn a_refusal_names_command_device_and_errno() {
        assert_eq!(
            refusal(Command::DeviceRemove, Errno::EBUSY).to_string(),
            r"device_remove of device 'my\x20disk' failed: Device or resource busy (EBUSY)"
        );
        let no_device = Refusal::new(Command::ListDevices, None, &io::Error::from_raw_os_error(22));
        assert_eq!(no_device.to_string(), "list_devices failed: Invalid argument (EINVAL)");
    }

    #[test]
    fn a_refusal_says_what_the_kernel_says() {
        let refusal = Refusal::new(Command::TableLoad, None, &io::Error::from_raw_os_error(Errno::EINVAL as i32));
        let line = "device-mapper: table: 253:0: zero: No arguments required (-EINVAL)";
        assert_eq!(
            refusal.with_kernel_log(vec![line.to_owned()]).to_string(),
            format!("table_load failed: Invalid argument (EINVAL); the kernel says: {line}")
        );
    }

    #[test]
    fn busy_means_another_thing_where_a_name_is_given() {
        let taken = refusal(Command::DeviceCreate, Errno::EBUSY);
        assert!(taken.already_exists() && !taken.is_busy());
        let open = refusal(Command::DeviceRemove, Errno::EBUSY);
        assert!(open.is_busy() && !open.already_exists());
        assert!(refusal(Command::DeviceInfo, Errno::ENXIO).is_not_found());
        let minor_taken = refusal(Command::DeviceCreate, Errno::ENXIO);
        assert!(minor_taken.already_exists() && !minor_taken.is_not_found());
    }

    #[test]
    fn what_was_not_sent_says_why() {
        let says = |fault| Error::request(Command::TableLoad, fault).to_string();
        assert_eq!(
            says(RequestFault::TargetType { line: Some(3) }),
            "table_load can't be sent: the target type of table line 3 must have 1 to 15 bytes, none of them NUL"
        );
        assert_eq!(
            says(RequestFault::Nul { line: None, at: 7 }),
            "table_load can't be sent: the text has a NUL at byte 7"
        );
    }

    #[test]
    fn an_unsupported_option_names_both_versions() {
        let error = Error::Unsupported { command: Command::ArmPoll, needed_minor: 36, kernel: Version::new(4, 35, 0) };
        assert!(error.is_unsupported());
        assert_eq!(
            error.to_string(),
            "arm_poll with these options needs device mapper interface 4.36; this kernel has 4.35.0, so use a newer kernel \
             or leave the option out"
        );
    }
}
