//! Finds the reason why the kernel refused a command.

use super::dm::Dm;
use super::kernel_log::{LogMark, has_reasons};
use crate::error::{Errno, Error, KernelLog, Refusal};
use crate::id::DevId;
use crate::wire::header::{self, HeaderBytes, NO_HEADER, Request};
use crate::wire::{Command, INTERFACE_MAJOR};

/// A call that the kernel refused, before the search for its reason.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) errno: Errno,
    pub(super) mark: Option<LogMark<'a>>,
}

impl Dm {
    /// Converts the failure of a call into an error. A kernel that is too old for the request returns its own version
    /// in the reply.
    #[cold]
    pub(crate) fn explain(&self, request: &Request<'_>, reply: &HeaderBytes, failure: &Failure<'_>) -> Error {
        let refusal = Refusal::new(request.command, request.id.map(DevId::to_owned), failure.errno)
            .chose_number(request.number.is_some());
        let kernel = header::version(reply);
        let is_old = kernel.major == INTERFACE_MAJOR && kernel.minor < request.minor;
        if is_old && refusal.is(nix::errno::Errno::EINVAL) {
            Error::Unsupported { command: request.command, needed_minor: request.minor, kernel }
        } else if has_reasons(request.command) {
            let (kernel_log, exists) = self.reasons(request, failure);
            let about_disk = exists && is_about_a_disk(request.command, &refusal, &kernel_log);
            refusal.with_kernel_log(kernel_log).about_disk(about_disk).into()
        } else {
            refusal.into()
        }
    }

    /// The lines that the kernel logged about the request's device, and whether that device exists.
    fn reasons(&self, request: &Request<'_>, failure: &Failure<'_>) -> (KernelLog, bool) {
        let mut reply = NO_HEADER;
        let known = request.id.is_some_and(|id| {
            Request::of(Command::DeviceInfo, id).encode(&mut reply);
            self.transport.ioctl(Command::DeviceInfo, &mut reply).is_ok()
        });
        let number = known.then(|| header::number(&reply));
        let must = matches!(request.command, Command::TableLoad | Command::DeviceResume);
        let lines = failure.mark.as_ref().and_then(|mark| mark.lines(number, must));
        (lines.map_or(KernelLog::Unread, KernelLog::Lines), known)
    }
}

/// Whether the errno probably comes from opening a device that the table uses (`dm_get_device` in
/// drivers/md/dm-table.c), given that the mapped device itself exists.
///
/// On recent kernels, `ENOENT`, `ENOTDIR` and `ELOOP` are about its path (`lookup_bdev` in block/bdev.c). Only `ENOENT`
/// has another cause: an algorithm that the kernel lacks.
fn is_about_a_disk(command: Command, refusal: &Refusal, kernel_log: &KernelLog) -> bool {
    use nix::errno::Errno::{EACCES, EBUSY, ELOOP, ENODEV, ENOENT, ENOTBLK, ENOTDIR, ENXIO, EROFS};
    let errnos = [EACCES, EBUSY, ELOOP, ENODEV, ENOTBLK, ENOTDIR, ENXIO, EROFS];
    let names_an_algorithm =
        || matches!(kernel_log, KernelLog::Lines(lines) if lines.iter().any(|line| is_about_an_algorithm(line)));
    let is_missing = || refusal.is(ENOENT) && !names_an_algorithm();
    command == Command::TableLoad && (errnos.into_iter().any(|errno| refusal.is(errno)) || is_missing())
}

/// Whether `dm_table_add_target` logged the line, for a failure with `ENOENT`, about a cipher or a hash. Only these targets
/// use any, and their texts about devices all end alike.
fn is_about_an_algorithm(line: &str) -> bool {
    let uses_algorithms = ["crypt", "integrity", "verity"].iter().any(|name| line.contains(&format!(": {name}: ")));
    line.starts_with("device-mapper: table: ") && uses_algorithms && !line.contains("evice lookup failed")
}
