//! Replies of real kernels are decoded to what dmsetup printed for the same devices.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;

use std::io::{self, Write as _};
use std::path::Path;

use dm_core::{Command, Dm, StatusOptions, Transport};

use answers::Golden;

/// A kernel that gives one reply.
#[derive(Debug)]
struct Kernel(Vec<u8>);

impl Transport for Kernel {
    fn ioctl(&self, _: Command, request: &mut [u8]) -> io::Result<()> {
        let answer = self.0.get(..request.len()).unwrap_or(&self.0);
        request.get_mut(..answer.len()).unwrap().copy_from_slice(answer);
        Ok(())
    }
}

/// The decoded reply, in the format in which dmsetup was called.
fn decoded(golden: &Golden) -> Vec<String> {
    let dm = Dm::with_transport(Kernel(golden.answer.clone()));
    match golden.command {
        "list_devices" | "list_devices_uuids" => {
            let device = |device: dm_core::ListedDevice<'_>| {
                let (number, event_nr) = (device.number, device.event_nr.unwrap());
                let uuid = device.uuid.map(|uuid| uuid.to_string()).unwrap_or_default();
                format!("{}|{}|{}|{event_nr}|{uuid}", device.name, number.major, number.minor)
            };
            dm.list_devices().unwrap().iter().map(|entry| device(entry.unwrap())).collect()
        }
        "device_info" => {
            let info = dm.device_info("any").unwrap();
            let uuid = info.uuid().map(|uuid| uuid.to_string()).unwrap_or_default();
            let (number, open, segments) = (info.number(), info.open_count(), info.target_count());
            let numbers = format!("{}|{}|{open}|{segments}|{}", number.major, number.minor, info.event_nr());
            vec![format!("{}|{uuid}|{numbers}", info.name().unwrap())]
        }
        "table" | "status" => {
            let table = dm.table_status_with("any", StatusOptions::new()).unwrap();
            table.iter().map(|line| line.unwrap().to_string()).collect()
        }
        "table_deps" => {
            let deps = dm.table_deps("any").unwrap();
            let list: String = deps.iter().map(|number| format!(" ({}, {})", number.major, number.minor)).collect();
            vec![format!("{} dependencies\t:{list}", deps.len())]
        }
        "list_versions" => {
            let target = |target: dm_core::TargetVersion<'_>| format!("{:<16} v{}", target.target_type, target.version);
            dm.list_versions().unwrap().iter().map(|entry| target(entry.unwrap())).collect()
        }
        "message" => {
            let reply = dm.target_msg("any", "@stats_list").unwrap();
            reply.text().unwrap().to_str().unwrap().lines().map(str::to_owned).collect()
        }
        unknown => panic!("no command {unknown}"),
    }
}

#[test]
fn replies_of_kernels_are_decoded_to_the_output_of_dmsetup() {
    let answers = answers::all(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(answers.len(), 32, "16 answers of each kernel");
    let (native, foreign): (Vec<_>, Vec<_>) = answers.iter().partition(|golden| golden.is_native);
    if !foreign.is_empty() {
        // Past the test harness, which would swallow it.
        writeln!(io::stdout(), "skipped: {} answers in another byte order than this machine's", foreign.len()).unwrap();
    }
    for golden in native {
        let mut known = golden.known.clone();
        if golden.command == "list_devices" {
            // The command did not request uuids, but dmsetup has read them otherwise.
            for line in &mut known {
                line.truncate(line.rfind('|').unwrap().saturating_add(1));
            }
        }
        assert_eq!(decoded(golden), known, "{}", golden.path.display());
    }
}
