//! Records the reply of the kernel to a command byte for byte. The files in `tests/golden` were made with it.
//!
//! `capture COMMAND FILE [DEVICE]` writes `FILE.hex`. Standard input has the expected content of the reply, as other
//! programs show it.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use dm_core::{Command, Dm, ListOptions, StatusOptions, Transport};

/// Passes commands on, and keeps the last answer.
#[derive(Debug)]
struct Recorder {
    kernel: Arc<dyn Transport>,
    answer: Mutex<Vec<u8>>,
}

impl Transport for Recorder {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        self.kernel.ioctl(command, request)?;
        if let Ok(mut answer) = self.answer.lock() {
            *answer = request.to_vec();
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, file, device @ ..] = arguments.as_slice() else {
        return Err("usage: capture COMMAND FILE [DEVICE]".into());
    };
    let device = device.first().map_or("none", String::as_str);
    let recorder = Arc::new(Recorder { kernel: Dm::open()?.transport(), answer: Mutex::default() });
    send(&Dm::with_transport(Arc::clone(&recorder)), command, device)?;

    let known = io::read_to_string(io::stdin())?;
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let order = if cfg!(target_endian = "big") { "big" } else { "little" };
    let mut text = format!("# {command}, Linux {}, {order}-endian\n", release.trim_end());
    for line in known.lines() {
        writeln!(text, "={line}")?;
    }
    let answer = recorder.answer.lock().map(|answer| answer.clone()).unwrap_or_default();
    write_hex(&mut text, &answer)?;
    std::fs::write(format!("{file}.hex"), text)?;
    Ok(())
}

fn send(dm: &Dm, command: &str, name: &str) -> Result<(), Box<dyn Error>> {
    match command {
        "list_devices" => drop(dm.list_devices()?),
        "list_devices_uuids" => drop(dm.list_devices_with(ListOptions::new().uuids(true))?),
        "device_info" => dm.device_info(name).map(|_| ())?,
        "table" => drop(dm.table_status_with(name, StatusOptions::table())?),
        "status" => drop(dm.table_status(name)?),
        "table_deps" => drop(dm.table_deps(name)?),
        "list_versions" => drop(dm.list_versions()?),
        "message" => drop(dm.target_msg(name, "@stats_list")?),
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
