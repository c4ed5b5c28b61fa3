//! Decodes any bytes as a reply of the kernel, to the end.
//!
//! Shared by a property test and the fuzz target. An input is the command (its number in [`DECODERS`]), the errno of the
//! first ioctl (0 for none), and the bytes of the reply.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use dm_core::{Command, DeviceInfo, Dm, ListOptions, ReplyError, Result, StatusOptions, Transport};

/// Decodes an input.
///
/// The result must not depend on bytes that the kernel has not written, so the input is decoded with two different
/// values for them.
pub(crate) fn decode(input: &[u8]) {
    let Some((&[command, errno], answer)) = input.split_first_chunk() else { return };
    let Some((_, decoder)) = DECODERS.get(usize::from(command)) else { return };
    let decoded = [0, 0xaa].map(|unwritten| {
        let kernel = Kernel { answer: answer.to_vec(), errno: errno.into(), unwritten, ..Kernel::default() };
        decoder(&Arc::new(kernel)).unwrap_or_else(|error| format!("{error} {error:?}"))
    });
    assert_eq!(decoded[0], decoded[1], "bytes were read that the kernel has not written");
}

/// The input that corresponds to a reply to a command, if there is a decoder for it.
pub(crate) fn input(command: &str, answer: &[u8]) -> Option<Vec<u8>> {
    let number = DECODERS.iter().position(|(name, _)| *name == command)?;
    Some([&[u8::try_from(number).ok()?, 0], answer].concat())
}

/// A kernel that answers every command with the same bytes.
#[derive(Debug, Default)]
struct Kernel {
    answer: Vec<u8>,
    errno: i32,
    /// The value of the bytes after those that it reports as written.
    unwritten: u8,
    calls: AtomicUsize,
    /// The reported length of the last reply.
    written: AtomicUsize,
}

const DATA_SIZE_AT: usize = 12;
const TARGET_COUNT_AT: usize = 20;
const FLAGS_AT: usize = 28;
const HEADER_SIZE: usize = 312;
const BUFFER_FULL: u32 = 1 << 8;

impl Transport for Kernel {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let calls = self.calls.fetch_add(1, SeqCst);
        let len = self.answer.len().min(request.len());
        request[..len].copy_from_slice(&self.answer[..len]);
        let written = HEADER_SIZE.max(u32_at(request, DATA_SIZE_AT) as usize).min(request.len());
        self.written.store(written, SeqCst);
        // This command reads a single entry from an array, independently of the length that the kernel reports.
        if command != Command::TargetVersion {
            request[written..].fill(self.unwritten);
        }
        // A reply that never fits, or has very many lines, would be requested with a gigabyte; another test does
        // that.
        if calls > 0 || u32_at(request, TARGET_COUNT_AT) > 4096 {
            let flags = u32_at(request, FLAGS_AT) & !BUFFER_FULL;
            request[FLAGS_AT..][..4].copy_from_slice(&flags.to_ne_bytes());
        }
        if calls == 0 && self.errno != 0 { Err(io::Error::from_raw_os_error(self.errno)) } else { Ok(()) }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..][..4].try_into().unwrap())
}

type Decoder = fn(&Arc<Kernel>) -> Result<String>;

/// A decoder for each form of reply, which returns all items.
const DECODERS: [(&str, Decoder); 13] = [
    ("version", |kernel| Ok(dm(kernel).version()?.to_string())),
    ("device_info", |kernel| Ok(device(&dm(kernel).device_info("any")?))),
    ("device_create", |kernel| Ok(device(&dm(kernel).device_create("any")?))),
    ("device_rename", |kernel| Ok(device(&dm(kernel).device_rename("any", "new")?))),
    ("device_remove", |kernel| Ok(format!("{:?}", dm(kernel).device_remove("any")?))),
    ("list_devices", |kernel| list(kernel, ListOptions::new())),
    ("list_devices_uuids", |kernel| list(kernel, ListOptions::new().uuids(true))),
    ("status", |kernel| lines(kernel, StatusOptions::new())),
    ("table", |kernel| lines(kernel, StatusOptions::table())),
    ("table_deps", deps),
    ("list_versions", versions),
    ("target_version", |kernel| Ok(dm(kernel).target_version("linear")?.to_string())),
    ("message", message),
];

/// The number of decoders.
#[allow(dead_code, reason = "the fuzz target does not need it")]
pub(crate) const COUNT: u8 = 13;

fn dm(kernel: &Arc<Kernel>) -> Dm {
    Dm::with_transport(Arc::clone(kernel))
}

fn device(info: &DeviceInfo) -> String {
    check_serialization(info, true);
    assert_eq!(*info, info.clone());
    format!("{info:?} {} {}", info.flags(), info.interface_version())
}

fn list(kernel: &Arc<Kernel>, options: ListOptions<'_>) -> Result<String> {
    let devices = dm(kernel).list_devices_with(options)?;
    let (items, all_good) = walk(kernel, devices.iter(), devices.clone().iter());
    check_serialization(&devices, all_good);
    let names = devices.iter().flatten().map(|device| format!("{} {:?}\n", device.name.mangled(), device.uuid));
    Ok(format!("{items}{}", names.collect::<String>()))
}

/// Reads the lines of a status or a table, and loads them.
fn lines(kernel: &Arc<Kernel>, options: StatusOptions) -> Result<String> {
    let dm = dm(kernel);
    let table = dm.table_status_with("any", options)?;
    let (items, all_good) = walk(kernel, table.iter(), table.clone().iter());
    check_serialization(&table, all_good);
    let lines = || table.iter().flatten();
    let printed: String = lines().map(|line| format!("{line} {}\n", line.to_line())).collect();
    let loaded = dm.table_load("any", lines().map(|line| line.to_line()));
    Ok(format!("{}{items}{printed}{loaded:?}", device(&table.info())))
}

fn deps(kernel: &Arc<Kernel>) -> Result<String> {
    let deps = dm(kernel).table_deps("any")?;
    check_serialization(&deps, true);
    assert!(deps.iter().eq(deps.clone().iter()));
    Ok(deps.iter().map(|number| format!("{number} ")).collect())
}

fn versions(kernel: &Arc<Kernel>) -> Result<String> {
    let targets = dm(kernel).list_versions()?;
    let (items, all_good) = walk(kernel, targets.iter(), targets.clone().iter());
    check_serialization(&targets, all_good);
    Ok(items)
}

fn message(kernel: &Arc<Kernel>) -> Result<String> {
    let reply = dm(kernel).target_msg("any", "any")?;
    Ok(format!("{:?} {}", reply.text(), device(&reply.info())))
}

/// Reads a reply and its copy, which must be equal. Returns all items as text, and whether all are valid.
fn walk<T: Debug + PartialEq>(
    kernel: &Kernel,
    items: impl Iterator<Item = Result<T, ReplyError>>,
    copied: impl Iterator<Item = Result<T, ReplyError>>,
) -> (String, bool) {
    // Each item has a fixed part of at least 12 bytes, except an error at the end.
    let most = kernel.written.load(SeqCst) / 12 + 1;
    let items: Vec<_> = items.take(most + 1).collect();
    assert!(items.len() <= most, "more items than the answer has room for");
    assert!(items.iter().rev().skip(1).all(Result::is_ok), "an error is the end");
    assert_eq!(items, copied.take(most + 1).collect::<Vec<_>>());
    (format!("{items:?}"), items.iter().all(Result::is_ok))
}

/// Serializes the items, which works unless one is malformed.
#[cfg(feature = "serde")]
fn check_serialization(value: &impl serde::Serialize, is_good: bool) {
    assert_eq!(serde_json::to_string(value).is_ok(), is_good);
}

#[cfg(not(feature = "serde"))]
fn check_serialization<T>(_: &T, _: bool) {}
