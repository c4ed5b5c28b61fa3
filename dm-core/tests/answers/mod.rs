//! The files in `golden` with replies of real kernels. Their README describes the format.

use std::fs;
use std::path::{Path, PathBuf};

/// The commands in the files' names. A command that is the start of another one comes after it.
const COMMANDS: [&str; 8] =
    ["list_devices_uuids", "list_devices", "list_versions", "device_info", "table_deps", "table", "status", "message"];

/// A reply, and its expected content from another source.
pub(crate) struct Golden {
    pub(crate) path: PathBuf,
    /// The command that was answered: `table` for `table_golden-three.hex`.
    pub(crate) command: &'static str,
    /// Whether its numbers are in this machine's byte order.
    #[allow(dead_code, reason = "the decoders read replies of either byte order")]
    pub(crate) is_native: bool,
    /// The output of dmsetup.
    pub(crate) known: Vec<String>,
    pub(crate) answer: Vec<u8>,
}

impl Golden {
    fn read(path: PathBuf) -> Self {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let command = COMMANDS.into_iter().find(|command| file.starts_with(command)).expect("a command");
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let is_big = match first.rsplit(' ').next() {
            Some("big-endian") => true,
            Some("little-endian") => false,
            _ => panic!("{} does not say its byte order", path.display()),
        };
        let is_native = is_big == cfg!(target_endian = "big");
        let mut golden = Self { path, command, is_native, known: Vec::new(), answer: Vec::new() };
        for line in text.lines() {
            if let Some(known) = line.strip_prefix('=') {
                // dmsetup prints an empty line for a device without a table.
                golden.known.extend((!known.is_empty()).then(|| known.to_owned()));
            } else if let Some(lines) = line.strip_prefix("zero ") {
                golden.answer.extend((0..lines.parse::<usize>().unwrap()).flat_map(|_| [0; 16]));
            } else {
                let (hex, _) = line.split_once('#').unwrap();
                golden.answer.extend(hex.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
            }
        }
        golden
    }
}

/// The replies of all kernels, in the order of their paths; `folder` is the folder of the package.
pub(crate) fn all(folder: &Path) -> Vec<Golden> {
    let files = |kernel| fs::read_dir(folder.join("tests/golden").join(kernel)).unwrap();
    let mut paths: Vec<PathBuf> =
        ["6.1", "6.12"].into_iter().flat_map(files).map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(Golden::read).collect()
}
