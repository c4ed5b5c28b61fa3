//! Writes down, byte for byte, what the kernel answers to a command: how the files in `tests/golden` were made.
//!
//! `capture COMMAND FILE [DEVICE]`, with what is known of the answer from elsewhere on standard input.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::Write as _;
use std::io;

use dm_core::{
    Buffer, Command, ControlNode, DepsOptions, Dm, DmName, InfoOptions, ListOptions, MessageOptions, StatusOptions,
    Transport,
};
use dm_units::Sectors;

/// Passes everything on, and keeps the last answer.
struct Recorder {
    kernel: ControlNode,
    answer: RefCell<Vec<u8>>,
}

impl Transport for Recorder {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        self.kernel.ioctl(command, request)?;
        *self.answer.borrow_mut() = request.to_vec();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, file, device @ ..] = arguments.as_slice() else {
        return Err("usage: capture COMMAND FILE [DEVICE]".into());
    };
    let device = device.first().map_or("none", String::as_str);
    let dm = Dm::with_transport(Recorder { kernel: Dm::open()?.into_transport(), answer: RefCell::default() });
    send(&dm, command, DmName::new(device)?)?;

    let known = io::read_to_string(io::stdin())?;
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut text = format!("# {command}, Linux {release}");
    for line in known.lines() {
        writeln!(text, "={line}")?;
    }
    write_hex(&mut text, &dm.into_transport().answer.into_inner())?;
    std::fs::write(format!("{file}.hex"), text)?;
    Ok(())
}

fn send(dm: &Dm<Recorder>, command: &str, name: DmName<'_>) -> Result<(), Box<dyn Error>> {
    let buffer = &mut Buffer::new();
    match command {
        "list_devices" => dm.list_devices(buffer, ListOptions::new()).map(drop)?,
        "list_devices_uuids" => dm.list_devices(buffer, ListOptions::new().uuids(true)).map(drop)?,
        "device_info" => dm.device_info(name, InfoOptions::new()).map(drop)?,
        "table" => dm.table_status(buffer, name, StatusOptions::table()).map(drop)?,
        "status" => dm.table_status(buffer, name, StatusOptions::new()).map(drop)?,
        "table_deps" => dm.table_deps(buffer, name, DepsOptions::new()).map(drop)?,
        "list_versions" => dm.list_versions(buffer).map(drop)?,
        "message" => dm.target_msg(buffer, name, Sectors(0), "@stats_list", MessageOptions::new()).map(drop)?,
        unknown => return Err(format!("no command {unknown}").into()),
    }
    Ok(())
}

fn write_hex(text: &mut String, bytes: &[u8]) -> std::fmt::Result {
    let mut zeros = 0_u32;
    for line in bytes.chunks(16) {
        if line.iter().all(|&byte| byte == 0) && line.len() == 16 {
            zeros = zeros.saturating_add(1);
            continue;
        }
        write_zeros(text, &mut zeros)?;
        for byte in line {
            write!(text, "{byte:02x} ")?;
        }
        let shown = line.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '.' });
        writeln!(text, "# {}", shown.collect::<String>())?;
    }
    write_zeros(text, &mut zeros)
}

fn write_zeros(text: &mut String, zeros: &mut u32) -> std::fmt::Result {
    if *zeros > 0 {
        writeln!(text, "zero {zeros}")?;
    }
    *zeros = 0;
    Ok(())
}
