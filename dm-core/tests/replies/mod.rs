//! Any bytes as the kernel's answer, decoded to their end.
//!
//! Shared by a property test and the fuzz target. An input is the command (its number in [`DECODERS`]), the errno of the
//! first ioctl (0 for none), and the bytes of the answer.

use std::cell::Cell;
use std::fmt::Debug;
use std::io;

use dm_core::{
    Buffer, Command, CreateOptions, DepsOptions, DeviceInfo, Dm, DmName, InfoOptions, ListOptions, LoadOptions,
    MessageOptions, RemoveOptions, RenameOptions, ReplyError, Result, StatusOptions, TargetLine, Transport,
};
use dm_units::Sectors;

/// Decodes an input.
///
/// What it gives must not depend on bytes that the kernel has not written, so it is decoded with two kinds of them.
pub(crate) fn decode(input: &[u8]) {
    let Some((&[command, errno], answer)) = input.split_first_chunk() else { return };
    let Some((_, decoder)) = DECODERS.get(usize::from(command)) else { return };
    let decoded = [0, 0xaa].map(|unwritten| {
        let kernel = Kernel { answer, errno: errno.into(), unwritten, calls: Cell::new(0), written: Cell::new(0) };
        decoder(&kernel).unwrap_or_else(|error| format!("{error} {error:?}"))
    });
    assert_eq!(decoded[0], decoded[1], "bytes were read that the kernel has not written");
}

/// The input that stands for an answer to a command, if there is a decoder for it.
pub(crate) fn input(command: &str, answer: &[u8]) -> Option<Vec<u8>> {
    let number = DECODERS.iter().position(|(name, _)| *name == command)?;
    Some([&[u8::try_from(number).ok()?, 0], answer].concat())
}

/// A kernel that answers every command with the same bytes.
struct Kernel<'a> {
    answer: &'a [u8],
    errno: i32,
    /// What stands behind the bytes that it says it has written.
    unwritten: u8,
    calls: Cell<u32>,
    /// How many bytes the last answer had, as it said.
    written: Cell<usize>,
}

const DATA_SIZE_AT: usize = 12;
const TARGET_COUNT_AT: usize = 20;
const FLAGS_AT: usize = 28;
const HEADER_SIZE: usize = 312;
const BUFFER_FULL: u32 = 1 << 8;

impl Transport for &Kernel<'_> {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let calls = self.calls.replace(self.calls.get().saturating_add(1));
        let len = self.answer.len().min(request.len());
        request[..len].copy_from_slice(&self.answer[..len]);
        let written = HEADER_SIZE.max(u32_at(request, DATA_SIZE_AT) as usize).min(request.len());
        self.written.set(written);
        // This one reads a single entry from an array of its own, whatever the kernel says about its length.
        if command != Command::TargetVersion {
            request[written..].fill(self.unwritten);
        }
        // An answer that never fits, or has very many lines, is asked for with a gigabyte; another test does that.
        if calls > 0 || u32_at(request, TARGET_COUNT_AT) > 4096 {
            let flags = u32_at(request, FLAGS_AT) & !BUFFER_FULL;
            request[FLAGS_AT..][..4].copy_from_slice(&flags.to_ne_bytes());
        }
        if calls == 0 && self.errno != 0 { Err(io::Error::from_raw_os_error(self.errno)) } else { Ok(()) }
    }
}

impl Kernel<'_> {
    fn dm(&self) -> Dm<&Self> {
        Dm::with_transport(self)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..][..4].try_into().unwrap())
}

type Decoder = fn(&Kernel<'_>) -> Result<String>;

/// A decoder for each form of answer; each says all that it finds.
const DECODERS: [(&str, Decoder); 14] = [
    ("version", |kernel| Ok(kernel.dm().version()?.to_string())),
    ("device_info", |kernel| Ok(device(&kernel.dm().device_info(name(), InfoOptions::new())?))),
    ("device_create", |kernel| Ok(device(&kernel.dm().device_create(name(), CreateOptions::new())?))),
    ("device_rename", |kernel| Ok(device(&kernel.dm().device_rename(name(), name(), RenameOptions::new())?))),
    ("device_remove", |kernel| Ok(format!("{:?}", kernel.dm().device_remove(name(), RemoveOptions::new())?))),
    ("list_devices", |kernel| list(kernel, ListOptions::new())),
    ("list_devices_uuids", |kernel| list(kernel, ListOptions::new().uuids(true))),
    ("status", |kernel| lines(kernel, StatusOptions::new())),
    ("table", |kernel| lines(kernel, StatusOptions::table())),
    ("table_deps", |kernel| deps(kernel)),
    ("list_versions", |kernel| versions(kernel)),
    ("target_version", |kernel| Ok(kernel.dm().target_version("linear")?.to_string())),
    ("message", |kernel| message(kernel)),
    ("tree", |kernel| tree(kernel)),
];

fn name() -> DmName<'static> {
    DmName::new("any").unwrap()
}

fn device(info: &DeviceInfo) -> String {
    check_serialisation(info, true);
    format!("{info:?} {} {}", info.flags(), info.interface_version())
}

fn list(kernel: &Kernel<'_>, options: ListOptions<'_>) -> Result<String> {
    let buffer = &mut Buffer::new();
    let devices = kernel.dm().list_devices(buffer, options)?;
    let (items, all_good) = walk(kernel, devices.iter(), devices.to_owned().iter());
    check_serialisation(&devices, all_good);
    let names = devices.iter().flatten().map(|device| format!("{} {:?}\n", device.name.mangled(), device.uuid));
    Ok(format!("{items}{}", names.collect::<String>()))
}

/// Reads the lines of a status or a table, and loads what was read.
fn lines(kernel: &Kernel<'_>, options: StatusOptions) -> Result<String> {
    let buffer = &mut Buffer::new();
    let table = kernel.dm().table_status(buffer, name(), options)?;
    let (items, all_good) = walk(kernel, table.iter(), table.to_owned().iter());
    check_serialisation(&table, all_good);
    let lines: Vec<TargetLine<'_>> = table.iter().flatten().collect();
    let printed: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let loaded = kernel.dm().table_load(&mut Buffer::new(), name(), lines, LoadOptions::new());
    Ok(format!("{}{items}{printed}{loaded:?}", device(table.info())))
}

fn deps(kernel: &Kernel<'_>) -> Result<String> {
    let buffer = &mut Buffer::new();
    let deps = kernel.dm().table_deps(buffer, name(), DepsOptions::new())?;
    check_serialisation(&deps, true);
    assert!(deps.iter().eq(deps.to_owned().iter()));
    Ok(deps.iter().map(|number| format!("{number} ")).collect())
}

fn versions(kernel: &Kernel<'_>) -> Result<String> {
    let buffer = &mut Buffer::new();
    let targets = kernel.dm().list_versions(buffer)?;
    let (items, all_good) = walk(kernel, targets.iter(), targets.to_owned().iter());
    check_serialisation(&targets, all_good);
    Ok(items)
}

fn message(kernel: &Kernel<'_>) -> Result<String> {
    let buffer = &mut Buffer::new();
    let answer = kernel.dm().target_msg(buffer, name(), Sectors(0), "any", MessageOptions::new())?;
    Ok(format!("{answer:?} {}", answer.map(|text| text.to_string()).unwrap_or_default()))
}

/// A tree from a list of devices, where the list's bytes are also what each of them uses.
fn tree(kernel: &Kernel<'_>) -> Result<String> {
    let tree = kernel.dm().device_tree(&mut Buffer::new())?;
    Ok(format!("{tree}{}", tree.to_dot()))
}

/// Goes through an answer and its copy, which must hold the same; all items as text, and whether none is malformed.
fn walk<T: Debug + PartialEq>(
    kernel: &Kernel<'_>,
    items: impl Iterator<Item = Result<T, ReplyError>>,
    copied: impl Iterator<Item = Result<T, ReplyError>>,
) -> (String, bool) {
    // Each has a fixed part of at least 12 bytes, but for an error at the end.
    let most = kernel.written.get() / 12 + 1;
    let items: Vec<_> = items.take(most + 1).collect();
    assert!(items.len() <= most, "more items than the answer has room for");
    assert!(items.iter().rev().skip(1).all(Result::is_ok), "an error is the end");
    assert_eq!(items, copied.take(most + 1).collect::<Vec<_>>());
    (format!("{items:?}"), items.iter().all(Result::is_ok))
}

/// Serialises what was read, which works unless an item is malformed.
#[cfg(feature = "serde")]
fn check_serialisation(value: &impl serde::Serialize, is_good: bool) {
    assert_eq!(serde_json::to_string(value).is_ok(), is_good);
}

#[cfg(not(feature = "serde"))]
fn check_serialisation<T>(_: &T, _: bool) {}
