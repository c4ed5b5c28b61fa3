//! Runs the programs that check and repair the metadata of a pool.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dm_core::block::{BlockAction, BlockError, BlockOpenOptions};
use dm_core::{Host, describe};
use dm_units::DeviceNumber;

use super::{DevError, MappedDev};
use crate::{Device, ThinPool};

/// The error of a program of thin-provisioning-tools that could not be run, or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolToolError {
    /// The program, such as `thin_check`.
    pub program: &'static str,
    /// The metadata device. For `thin_repair`, the device that is read.
    pub device: String,
    /// The kind of failure.
    pub kind: PoolToolErrorKind,
}

/// Why a program of thin-provisioning-tools could not be run, or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolToolErrorKind {
    /// The program is not installed.
    NotInstalled,
    /// The program could not be started. Contains the errno, if there is one.
    NotRun(Option<i32>),
    /// The [`Host`] uses a kernel other than this machine's, such as one in memory. Programs cannot open its devices.
    OtherMachine,
    /// The source and the destination of the repair are the same device. The program was not run.
    SameDevice,
    /// The program exited with an error. For `thin_check`, this usually means that the metadata is damaged, or that the
    /// device holds no metadata of a pool.
    #[non_exhaustive]
    Failed {
        /// The exit status; `None` if a signal ended the program.
        status: Option<i32>,
        /// The first 4096 bytes of the program's standard error.
        output: String,
    },
}

/// The maximum length of the kept output in bytes.
const OUTPUT: usize = 4096;

impl fmt::Display for PoolToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, device, kind } = self;
        match kind {
            PoolToolErrorKind::NotInstalled => {
                write!(f, "{program} is not installed, which is needed for {device}: install thin-provisioning-tools")
            }
            PoolToolErrorKind::NotRun(errno) => {
                write!(f, "{program} cannot be run for {device}")?;
                errno.map_or(Ok(()), |errno| write!(f, ": {}", io::Error::from_raw_os_error(errno)))
            }
            PoolToolErrorKind::OtherMachine => {
                write!(f, "{program} cannot be run for {device}, which is not a device of this machine")
            }
            PoolToolErrorKind::SameDevice => {
                write!(f, "{program} needs another device than {device} for the repaired metadata")
            }
            PoolToolErrorKind::Failed { status, output } => {
                write!(f, "{program} failed for {device}")?;
                match status {
                    Some(status) => write!(f, " with exit status {status}")?,
                    None => f.write_str(": a signal ended it")?,
                }
                let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
                lines.try_for_each(|line| write!(f, "; {}", line.escape_debug()))
            }
        }
    }
}

impl core::error::Error for PoolToolError {}

/// Methods that check and repair the metadata of inactive pools, with programs of the package thin-provisioning-tools.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_targets::devices::{DevError, PoolToolErrorKind, ThinPoolDev};
/// use dm_units::DeviceNumber;
///
/// let host = Host::open()?;
/// let (metadata, spare) = (DeviceNumber::new(8, 1), DeviceNumber::new(8, 3));
/// match ThinPoolDev::check_metadata(&host, metadata) {
///     // The metadata is good: let the pool write it again.
///     Ok(()) => ThinPoolDev::clear_needs_check(&host, metadata)?,
///     // The metadata is damaged. From now on, use the spare device for the metadata of the pool.
///     Err(DevError::PoolTool(error)) if matches!(error.kind, PoolToolErrorKind::Failed { .. }) => {
///         eprintln!("{error}");
///         ThinPoolDev::repair_metadata(&host, metadata, spare)?;
///     }
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<ThinPool> {
    /// Checks the metadata of an inactive pool with `thin_check`. Nothing is written.
    ///
    /// This blocks until the program ends, which can take minutes for gigabytes of metadata.
    ///
    /// # Errors
    ///
    /// [`DevError::PoolTool`]: the metadata is damaged, or the program cannot be run. [`DevError::Block`]: the device
    /// cannot be opened; [`is_busy`](DevError::is_busy) if it is in use, for example by the active pool.
    pub fn check_metadata(host: &Host, device: impl Into<Device>) -> Result<(), DevError> {
        run(host, "thin_check", &[], &[("", device.into())])
    }

    /// Checks the metadata of an inactive pool. If the metadata is good, clears the flag that keeps the pool read-only.
    ///
    /// # Errors
    ///
    /// As [`check_metadata`](Self::check_metadata).
    pub fn clear_needs_check(host: &Host, device: impl Into<Device>) -> Result<(), DevError> {
        run(host, "thin_check", &["--clear-needs-check-flag"], &[("", device.into())])
    }

    /// Copies all readable metadata from the device `from` to the device `to`, with `thin_repair`. The previous
    /// contents of `to` are lost, and `from` is not written. Both devices must be unused, and `to` must be at least as
    /// large as `from`. Metadata that cannot be read is missing on `to`, without an error.
    ///
    /// # Errors
    ///
    /// As [`check_metadata`](Self::check_metadata): nothing was repaired, but `to` may have been written.
    /// [`PoolToolErrorKind::SameDevice`]: `from` and `to` are the same device; nothing was changed.
    pub fn repair_metadata(host: &Host, from: impl Into<Device>, to: impl Into<Device>) -> Result<(), DevError> {
        run(host, "thin_repair", &[], &[("-i", from.into()), ("-o", to.into())])
    }
}

/// Runs a program on devices that are not in use, each behind an option or not.
fn run(host: &Host, program: &'static str, options: &[&str], devices: &[(&str, Device)]) -> Result<(), DevError> {
    let name = devices.first().map(|(_, device)| device.to_string()).unwrap_or_default();
    let error = |kind| DevError::PoolTool(Box::new(PoolToolError { program, device: name.clone(), kind }));
    if !host.dm().transport().has_nodes() {
        return Err(error(PoolToolErrorKind::OtherMachine));
    }
    let mut command = Command::new(program);
    command.env("LC_ALL", "C").args(options).stdin(Stdio::null()).stdout(Stdio::null());
    let mut used = Vec::new();
    for (option, device) in devices {
        let (number, path) = free_path(host, device)?;
        if number.is_some() && used.contains(&number) {
            return Err(error(PoolToolErrorKind::SameDevice));
        }
        used.push(number);
        command.args(Some(option).filter(|option| !option.is_empty())).arg(path);
    }
    let output = command.output().map_err(|refused| match refused.kind() {
        io::ErrorKind::NotFound => error(PoolToolErrorKind::NotInstalled),
        _ => error(PoolToolErrorKind::NotRun(refused.raw_os_error())),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = output.stderr.get(..OUTPUT).unwrap_or(&output.stderr);
    let output_text = String::from_utf8_lossy(text).into_owned();
    Err(error(PoolToolErrorKind::Failed { status: output.status.code(), output: output_text }))
}

/// The number and the path of a device that is not in use. The program claims it too, so it cannot be claimed here
/// meanwhile.
fn free_path(host: &Host, device: &Device) -> Result<(Option<DeviceNumber>, PathBuf), DevError> {
    let number = host.open_block_with(device, BlockOpenOptions::new().exclusive(true))?.number();
    let path = match device {
        Device::Path(path) => Some(PathBuf::from(path.as_str().to_owned())),
        Device::Number(_) => number.and_then(|number| describe(number).path),
    };
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    let path = path.ok_or_else(|| BlockError::refused(BlockAction::Open, device.to_string(), &missing()))?;
    Ok((number, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_install_and_what_the_program_said() {
        let text = |kind| PoolToolError { program: "thin_check", device: "8:1".into(), kind }.to_string();
        assert_eq!(
            text(PoolToolErrorKind::NotInstalled),
            "thin_check is not installed, which is needed for 8:1: install thin-provisioning-tools"
        );
        let failed = |status| PoolToolErrorKind::Failed { status, output: "\nbad checksum\n  in block 0\x1b\n".into() };
        assert_eq!(
            text(failed(Some(1))),
            "thin_check failed for 8:1 with exit status 1; bad checksum; in block 0\\u{1b}"
        );
        assert!(text(failed(None)).starts_with("thin_check failed for 8:1: a signal ended it; bad"));
    }
}
