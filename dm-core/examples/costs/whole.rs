//! Whole calls, the kernel's part of them included, beside the least that they can take.

use std::process::Command;

use dm_core::{CreateOptions, Dm, DmUuid, TargetLine, TargetParams};
use dm_units::{DeviceNumber, Sectors};
use nix::time::{ClockId, clock_gettime};

use crate::calls::{self, BELOW, DEPS, LOAD, TABLE};
use crate::tables;

/// How often each of both programs is run, in turn, and how many rounds a run has. What the kernel takes drifts a little.
const RUNS: usize = 9;
const ROUNDS: usize = 6;

/// Makes each call, given as `CALL:SIZE:COUNT`, with what it needs around it, and prints what the floor and dm-core took.
pub(crate) fn compare(floor: &str, calls: &[&str]) {
    let this = std::env::current_exe().expect("this program has a path");
    let mut scene = Scene::new();
    for call in calls {
        let [name, size, count] = call.split(':').collect::<Vec<_>>()[..] else {
            panic!("{call} is no CALL:SIZE:COUNT")
        };
        scene.prepare(name, size.parse().expect("SIZE is a number"));
        // A process has one first call.
        let rounds = if name.starts_with("first_") { 1 } else { ROUNDS }.to_string();
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..RUNS {
            times[0].extend(run(Command::new(floor).args([name, size, count, &rounds])));
            times[1].extend(run(Command::new(&this).args(["whole", name, size, count, &rounds])));
        }
        let [floor, ours] = times.map(typical);
        println!("{call} {floor} {ours}");
    }
    scene.remove();
}

/// The numbers that a program prints.
fn run(program: &mut Command) -> Vec<u64> {
    let output = program.output().expect("the program runs");
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.parse().expect("a number")).collect()
}

/// The middle one, which leaves out a first round that grows memory, and interruptions.
///
/// Of single long rounds the kernel often counts only a part, when its clock ticks, and one may be
/// interrupted: of those, the second longest.
fn typical(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    let middle = times[times.len() / 2];
    if times.len() > RUNS || middle < SHORT { middle } else { times[times.len() - 2] }
}

/// A round of less than this seldom meets a tick of the clock.
const SHORT: u64 = 1_000_000;

/// Makes a call so many times in each round; prints how much processor time each took, in nanoseconds.
pub(crate) fn measure(call: &str, size: usize, count: usize, rounds: usize) {
    let mut call = calls::find(Dm::open().expect("the device mapper"), call, size);
    for _ in 0..rounds {
        let start = now();
        (0..count).for_each(|_| call());
        println!("{}", now() - start);
    }
}

fn now() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// The devices that calls need.
struct Scene {
    dm: Dm,
    below: DeviceNumber,
    /// In the order in which they were created.
    devices: Vec<String>,
    /// The numbers of those that only make lists longer.
    crowd: Vec<DeviceNumber>,
}

/// Room for every table.
const BELOW_LENGTH: Sectors = Sectors(1 << 30);

impl Scene {
    fn new() -> Self {
        let dm = Dm::open().expect("the device mapper");
        let is_alone = dm.list_devices().expect("a list").is_empty();
        assert!(is_alone, "this needs a kernel for itself, without mapped devices");
        let mut scene = Self { dm, below: DeviceNumber::new(0, 0), devices: Vec::new(), crowd: Vec::new() };
        scene.below = scene.create(BELOW, None);
        scene.map(BELOW, [TargetLine::text(Sectors(0), BELOW_LENGTH, "zero", "")]);
        for device in [TABLE, LOAD] {
            scene.create(device, None);
        }
        scene
    }

    fn prepare(&mut self, call: &str, size: usize) {
        let call = call.trim_start_matches("first_");
        if call.starts_with("list_devices") {
            self.gather(size - self.devices.len());
        } else if call == "table_deps" {
            if self.devices.iter().any(|device| device == DEPS) {
                return;
            }
            self.gather(size.saturating_sub(self.crowd.len()));
            for index in 0..size {
                // A device can be opened once it has had a table.
                self.map(&crowd_name(index), [TargetLine::text(Sectors(0), Sectors(1), "zero", "")]);
            }
            let lines: Vec<_> = (self.crowd.iter().take(size).zip(0..))
                .map(|(number, index)| TargetLine::text(Sectors(index), Sectors(1), "linear", format!("{number} 0")))
                .collect();
            self.create(DEPS, None);
            self.map(DEPS, lines);
        } else {
            self.map(TABLE, tables::typed(self.below, size));
        }
    }

    /// Makes so many devices more.
    fn gather(&mut self, more: usize) {
        for _ in 0..more {
            let index = self.crowd.len();
            let number = self.create(&crowd_name(index), Some(&format!("LVM-{index:064}")));
            self.crowd.push(number);
        }
    }

    fn create(&mut self, device: &str, uuid: Option<&str>) -> DeviceNumber {
        let uuid = uuid.map(|uuid| DmUuid::new(uuid).expect("a good uuid"));
        let options = uuid.map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        let info = self.dm.device_create_with(device, options).expect("a device");
        self.devices.push(device.to_owned());
        info.number()
    }

    fn map<P: TargetParams>(&self, device: &str, lines: impl IntoIterator<Item = TargetLine<P>>) {
        self.dm.table_load(device, lines).expect("a table");
        self.dm.device_resume(device).expect("a device with a table");
    }

    fn remove(self) {
        for device in self.devices.iter().rev() {
            self.dm.device_remove(device).expect("a device to remove");
        }
    }
}

fn crowd_name(index: usize) -> String {
    format!("vg-volume{index:05}")
}
