//! The concise form, which describes devices on the kernel's command line.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::errors::problem::{InvalidField, Problem};
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::{Table, TableLine};
use crate::text::word::{NO_BREAK_SPACE, is_space};

mod error;
mod read;

pub use error::{ConciseError, ConciseErrorKind};

/// The longest text that the kernel accepts: any module parameter of the type `charp` is limited to this
/// (`param_set_charp` in `kernel/params.c`), before the limit of `dm-init.c`, which is 4095.
const MAX_LENGTH: usize = 1024;
const MAX_DEVICES: usize = 256;
const MAX_LINES: usize = 256;
/// The largest number of bytes, and the words for it.
type MaxLength = (usize, &'static str);

const MAX_NAME: MaxLength = (127, "at most 127 bytes long");
const MAX_UUID: MaxLength = (128, "at most 128 bytes long");
const MAX_MINOR: u64 = (1 << 20) - 1;

/// The target types that the kernel allows in early devices.
const TYPES: [&str; 6] = ["crypt", "delay", "linear", "snapshot-origin", "striped", "verity"];

/// Devices that the kernel creates while it boots: the value of `dm-mod.create=` on its command line.
///
/// ```text
/// <device>[;<device>]…
/// device = <name>,[<uuid>],[<minor>],(ro|rw),<line>[,<line>]…
/// line   = <start> <length> <type> <params>
/// ```
///
/// Spaces can surround each part. Minor numbers, starts and lengths are decimal, octal after `0`, or hexadecimal after
/// `0x`. The params cannot contain commas, semicolons or quotation marks, because these characters cannot be escaped.
/// `dmsetup create --concise` reads a slightly different form: see [`dmsetup_concise`](crate::dmsetup_concise).
///
/// The kernel accepts at most 1024 bytes, 256 devices with 256 lines each, and the targets crypt, delay, linear,
/// snapshot-origin, striped and verity. It truncates names to 127 bytes and uuids to 128 bytes; this crate refuses
/// longer names and uuids.
///
/// Kernel: `drivers/md/dm-init.c`, `param_set_charp` in `kernel/params.c`.
///
/// ```
/// use dm_targets::Concise;
///
/// let concise: Concise = "root,,3,ro, 0 0x800 linear 8:1 0, 2048 8 linear 8:2 0".parse()?;
/// let [root] = concise.devices() else { panic!() };
/// assert_eq!((root.minor, root.read_only), (Some(3), true));
/// assert_eq!(
///     format!("dm-mod.create=\"{concise}\""),
///     "dm-mod.create=\"root,,3,ro,0 2048 linear 8:1 0,2048 8 linear 8:2 0\""
/// );
/// # Ok::<(), dm_targets::ConciseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Concise {
    devices: Vec<ConciseDevice>,
}

/// A device that the kernel creates while it boots, from the parameter `dm-mod.create=`. [`Concise::new`] checks the
/// fields.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConciseDevice {
    /// The name, 1 to 127 bytes. It cannot be `.`, `..` or `control`, contain a slash, comma, quotation mark (`"`) or
    /// NUL, start or end with a space, or end with the byte 0xA0.
    pub name: Box<str>,
    /// The uuid, 1 to 128 bytes; `None` for a device without a uuid. The rules for `name` apply, except that slashes,
    /// `.`, `..` and `control` are allowed.
    pub uuid: Option<Box<str>>,
    /// The minor number, at most 1048575; `None` lets the kernel choose one.
    pub minor: Option<u32>,
    /// Whether the device is read-only.
    pub read_only: bool,
    /// The table. It has at most 256 lines, and each target type is crypt, delay, linear, snapshot-origin, striped or
    /// verity. The params cannot contain a comma, semicolon or quotation mark, or end with a space.
    pub table: Table,
}

impl ConciseDevice {
    /// A writable device without a uuid. The kernel chooses its minor number.
    pub fn new(name: impl Into<Box<str>>, table: Table) -> Self {
        Self { name: name.into(), uuid: None, minor: None, read_only: false, table }
    }

    /// Gives the device a uuid.
    #[must_use]
    pub fn uuid(self, uuid: impl Into<Box<str>>) -> Self {
        Self { uuid: Some(uuid.into()), ..self }
    }

    /// Requests this minor number for the device.
    #[must_use]
    pub fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }

    /// Makes the device read-only.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    fn check(&self) -> Result<(), ConciseErrorKind> {
        check_name(&self.name)?;
        self.uuid.as_deref().map_or(Ok(()), |uuid| check_text("uuid", uuid, MAX_UUID))?;
        if self.minor.is_some_and(|minor| u64::from(minor) > MAX_MINOR) {
            return Err(InvalidField::new("minor", Problem::OutOfRange { min: 0, max: MAX_MINOR }).into());
        }
        let lines = self.table.lines();
        if lines.len() > MAX_LINES {
            return Err(InvalidField::new("table", Problem::Expected("made of at most 256 lines")).into());
        }
        lines.iter().zip(1..).try_for_each(|(line, number)| {
            let error = |invalid| TableError::new(number, TableErrorKind::Field(invalid)).into();
            check_type(line.target_type()).and_then(|()| check_params(line)).map_err(error)
        })
    }
}

impl Concise {
    /// Checks `devices`. The kernel will create the devices in this order.
    ///
    /// # Errors
    ///
    /// [`ConciseErrorKind`]: a device cannot be written in this form, the kernel would refuse a device, there are no
    /// devices or too many, or the text would be too long. The error names the first wrong device. If there are too
    /// many devices or the text is too long, it names the last device.
    ///
    /// ```
    /// use dm_targets::{Concise, ConciseDevice, Table};
    ///
    /// let table: Table = "0 2048 linear 8:1 0".parse()?;
    /// let concise = Concise::new([ConciseDevice::new("root", table).minor(3)])?;
    /// assert_eq!(concise.to_string(), "root,,3,rw,0 2048 linear 8:1 0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(devices: impl Into<Vec<ConciseDevice>>) -> Result<Self, ConciseError> {
        let concise = Self { devices: devices.into() };
        for (device, number) in concise.devices.iter().zip(1..) {
            device.check().map_err(|kind| ConciseError { device: number, kind })?;
        }
        let error = |kind| Err(ConciseError { device: concise.devices.len().max(1), kind });
        match concise.devices.len() {
            0 => return error(InvalidField::new("device", Problem::Missing).into()),
            1..=MAX_DEVICES => {}
            _ => return error(ConciseErrorKind::TooManyDevices),
        }
        if Summary::of(&concise).length > MAX_LENGTH {
            return error(ConciseErrorKind::TooLong);
        }
        Ok(concise)
    }

    /// The devices in the order in which the kernel creates them.
    #[must_use]
    pub fn devices(&self) -> &[ConciseDevice] {
        &self.devices
    }
}

fn check_name(name: &str) -> Result<(), InvalidField> {
    let problem = Problem::Expected("other than `.`, `..` and `control`, and without a slash");
    if matches!(name, "." | ".." | "control") || name.contains('/') {
        return Err(InvalidField::new("name", problem));
    }
    check_text("name", name, MAX_NAME)
}

fn check_text(field: &'static str, text: &str, (max, length): MaxLength) -> Result<(), InvalidField> {
    let problem = if text.is_empty() {
        Problem::Missing
    } else if text.bytes().next_back() == Some(NO_BREAK_SPACE) {
        // The kernel takes it for a space, and would cut it off.
        Problem::ForbiddenByte(NO_BREAK_SPACE)
    } else if text.contains([',', '"', '\0']) || trim(text) != text {
        Problem::Expected("without commas and quotation marks, and without spaces around it")
    } else if text.len() > max {
        Problem::Expected(length)
    } else {
        return Ok(());
    };
    Err(InvalidField::new(field, problem))
}

fn check_type(target_type: &str) -> Result<(), InvalidField> {
    let problem = Problem::Expected("crypt, delay, linear, snapshot-origin, striped or verity");
    if TYPES.contains(&target_type) { Ok(()) } else { Err(InvalidField::new("target type", problem)) }
}

fn check_params(line: &TableLine) -> Result<(), InvalidField> {
    let Summary { separators, ends_with_space, .. } = Summary::of(&line.params);
    let problem = Problem::Expected("without commas, semicolons and quotation marks, and without a space at the end");
    if separators || ends_with_space { Err(InvalidField::new("params", problem)) } else { Ok(()) }
}

/// Properties of a printed text. The text itself is not kept, because it may contain a key.
#[derive(Default)]
struct Summary {
    length: usize,
    separators: bool,
    ends_with_space: bool,
}

impl Summary {
    fn of(text: &impl fmt::Display) -> Self {
        let mut summary = Self::default();
        // Writing to a summary cannot fail.
        let _ = write!(summary, "{text}");
        summary
    }
}

impl Write for Summary {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.length = self.length.saturating_add(text.len());
        self.separators |= text.contains([',', ';', '"']);
        self.ends_with_space = text.bytes().next_back().map_or(self.ends_with_space, is_space);
        Ok(())
    }
}

fn is_space_char(char: char) -> bool {
    u8::try_from(char).is_ok_and(is_space)
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_space_char)
}

impl fmt::Display for Concise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for device in &self.devices {
            write!(f, "{separator}{device}")?;
            separator = ";";
        }
        Ok(())
    }
}

/// Prints `name,uuid,minor,ro,lines` or `name,uuid,minor,rw,lines`, with a comma before each line.
impl fmt::Display for ConciseDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},", self.name, self.uuid.as_deref().unwrap_or_default())?;
        self.minor.map_or(Ok(()), |minor| minor.fmt(f))?;
        f.write_str(if self.read_only { ",ro" } else { ",rw" })?;
        self.table.lines().iter().try_for_each(|line| write!(f, ",{line}"))
    }
}
