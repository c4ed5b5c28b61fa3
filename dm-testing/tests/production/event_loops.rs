//! The examples of event loops, as programs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use dm_testing::{MappedDevice, Scratch, require, wait_until};

use crate::support::{PATIENTLY, SOON, without_udev, zero};

/// The path of an example, relative to this program: `cargo build --package dm-core --examples`.
fn path_of(example: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("examples").join(example)
}

/// A running example, which is killed on drop.
struct Example {
    process: Child,
    lines: Receiver<String>,
}

impl Example {
    fn start(name: &str) -> Self {
        let mut program = Command::new(path_of(name));
        let mut process = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { process, lines }
    }

    /// Waits until it reports this about a device, and checks that it reports nothing else about it.
    fn reports(&self, device: &MappedDevice, kind: &str) {
        let about = format!("{} ", device.number());
        let line = std::iter::from_fn(|| self.lines.recv_timeout(SOON).ok()).find(|line| line.starts_with(&about));
        assert_eq!(line, Some(format!("{about}{device} {kind}")));
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// Renames a device until the example reports it, since earlier events are not reported.
fn wait_for_first_words(scratch: &Scratch, example: &Example) {
    let [mut now, mut next] = ["one", "other"].map(|suffix| scratch.name(suffix).unwrap());
    scratch.dm().device_create(&now).unwrap();
    let is_reported = || {
        scratch.dm().device_rename(&now, &next).unwrap();
        std::mem::swap(&mut now, &mut next);
        example.lines.try_iter().any(|line| line.contains("Renamed"))
    };
    wait_until("the example's first words", SOON, is_reported).unwrap();
}

fn follows_a_device(example: &str) -> Option<Example> {
    let path = path_of(example);
    let scratch = Scratch::new(&[require::target("zero"), require::program(path.to_str().unwrap())])?;
    let example = Example::start(example);
    wait_for_first_words(&scratch, &example);
    let device = scratch.create("device").unwrap();
    example.reports(&device, "Added");
    scratch.swap(&device, [zero()]).unwrap();
    example.reports(&device, "Resumed");
    without_udev(&scratch).remove_with(&device, PATIENTLY).unwrap();
    example.reports(&device, "Removed");
    Some(example)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn poll_follows_a_device_until_a_line_is_read() {
    let Some(mut example) = follows_a_device("events_poll") else { return };
    example.process.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(example.process.wait().unwrap().success());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn mio_follows_a_device() {
    follows_a_device("events_mio");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn tokio_follows_a_device() {
    follows_a_device("events_tokio");
}
