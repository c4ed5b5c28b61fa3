//! Whole calls, the kernel's part of them included, beside the least that they can take.

use std::process::Command;

use dm_core::{
    Buffer, CreateOptions, Dm, DmNameBuf, DmUuid, ListOptions, LoadOptions, RemoveOptions, ResumeOptions, TargetLine,
    WriteParams,
};
use dm_units::{DeviceNumber, Sectors};
use nix::time::{ClockId, clock_gettime};

use crate::calls::{self, BELOW, DEPS, LOAD, TABLE, name};
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
        let by_hand = name.trim_end_matches("_owned");
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..RUNS {
            times[0].extend(run(Command::new(floor).args([by_hand, size, count, &rounds])));
            times[1].extend(run(Command::new(&this).args(["whole", name, size, count, &rounds])));
        }
        let [floor, ours] = times.map(median);
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

/// The middle one, which leaves out a first round that grows buffers, interruptions, and rounds that are too short since the
/// kernel took part of a process's time for nobody's.
fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times[times.len() / 2]
}

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
    buffer: Buffer,
    below: DeviceNumber,
    /// In the order in which they were made.
    devices: Vec<DmNameBuf>,
    /// The numbers of those that are there to be many.
    crowd: Vec<DeviceNumber>,
}

/// Room for every table.
const BELOW_LENGTH: Sectors = Sectors(1 << 30);

impl Scene {
    fn new() -> Self {
        let dm = Dm::open().expect("the device mapper");
        let mut buffer = Buffer::new();
        let devices = dm.list_devices(&mut buffer, ListOptions::new()).expect("a list");
        assert!(devices.is_empty(), "this wants a kernel of its own, without mapped devices");
        let mut scene = Self { dm, buffer, below: DeviceNumber::new(0, 0), devices: Vec::new(), crowd: Vec::new() };
        scene.below = scene.create(BELOW, None);
        scene.map(BELOW, [TargetLine::new(Sectors(0), BELOW_LENGTH, "zero", "")]);
        for device in [TABLE, LOAD] {
            scene.create(device, None);
        }
        scene
    }

    fn prepare(&mut self, call: &str, size: usize) {
        if call.starts_with("list_devices") {
            self.gather(size - self.devices.len());
        } else if call == "table_deps" {
            self.gather(size.saturating_sub(self.crowd.len()));
            for index in 0..size {
                // A device can be opened once it has had a table.
                self.map(&crowd_name(index), [TargetLine::new(Sectors(0), Sectors(1), "zero", "")]);
            }
            let lines =
                self.crowd.iter().take(size).zip(0..).map(|(&number, index)| {
                    TargetLine::new(Sectors(index), Sectors(1), "linear", format!("{number} 0"))
                });
            let lines = lines.collect::<Vec<_>>();
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
        let options = uuid.map(|uuid| DmUuid::new(uuid).expect("a good uuid"));
        let options = options.map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        let info = self.dm.device_create(name(device), options).expect("a device");
        self.devices.push(name(device).to_owned());
        info.number()
    }

    fn map<'l, P: WriteParams>(&mut self, device: &str, lines: impl IntoIterator<Item = TargetLine<'l, P>>) {
        self.dm.table_load(&mut self.buffer, name(device), lines, LoadOptions::new()).expect("a table");
        self.dm.device_resume(name(device), ResumeOptions::new()).expect("a device with a table");
    }

    fn remove(self) {
        for device in self.devices.iter().rev() {
            self.dm.device_remove(device.as_borrowed(), RemoveOptions::new()).expect("a device to remove");
        }
    }
}

fn crowd_name(index: usize) -> String {
    format!("vg-volume{index:05}")
}
