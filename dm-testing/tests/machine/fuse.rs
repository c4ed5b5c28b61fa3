//! A FUSE server that stops answering on request.
#![expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "fields of structs of a known size")]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

// From `linux/fuse.h`.
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;
const IN_HEADER: usize = 40;
/// The minimum according to `FUSE_MIN_READ_BUFFER`.
const REQUEST: usize = 64 << 10;

/// Whether this kernel supports FUSE.
pub(crate) fn is_supported() -> bool {
    let _ = std::process::Command::new("modprobe").args(["--quiet", "fuse"]).status();
    Path::new("/dev/fuse").exists()
}

/// A file system in which every name is an empty file, and whose attributes are never cached.
pub(crate) struct Server {
    silent: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server; it still has to be mounted.
    pub(crate) fn start(device: &File) -> Self {
        let (silent, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (is_silent, is_over) = (Arc::clone(&silent), Arc::clone(&stop));
        let mut device = device.try_clone().unwrap();
        let thread = thread::spawn(move || {
            let mut request = vec![0; REQUEST];
            while !is_over.load(Ordering::Relaxed) {
                let mut ready = [PollFd::new(device.as_fd(), PollFlags::POLLIN)];
                if poll(&mut ready, PollTimeout::from(20_u8)).unwrap() == 0 {
                    continue;
                }
                let Ok(length) = device.read(&mut request) else { continue };
                if let Some(answer) = answer(&request[..length]).filter(|_| !is_silent.load(Ordering::Relaxed)) {
                    device.write_all(&answer).unwrap();
                }
            }
        });
        Self { silent, stop, thread: Some(thread) }
    }

    /// From now on, every request blocks.
    pub(crate) fn be_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }
}

/// Closes the server's end, which aborts blocked requests once all other ends are closed.
impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

pub(crate) fn open_device() -> File {
    OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap()
}

/// Mounts the file system of a server.
pub(crate) fn mount_at(device: &File, point: &str) {
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    mount(Some("server"), point, Some("fuse"), MsFlags::empty(), Some(options.as_str())).unwrap();
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The reply to a request; `None` if the request has none.
fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let node = u64::from_ne_bytes(request[16..24].try_into().unwrap());
    let (mut body, mut error) = (Vec::new(), 0);
    match u32_at(request, 4) {
        INIT => {
            let words = [7, 31, u32_at(request, IN_HEADER + 8), 0, 0, 4096, 1];
            body.extend(words.iter().flat_map(|word: &u32| word.to_ne_bytes()));
            body.resize(64, 0);
        }
        LOOKUP => {
            body.extend([2_u64, 0, 0, 0, 0].iter().flat_map(|word| word.to_ne_bytes()));
            body.extend(attributes(2));
        }
        GETATTR => {
            body.extend([0_u64, 0].iter().flat_map(|word| word.to_ne_bytes()));
            body.extend(attributes(node));
        }
        OPEN => body.resize(16, 0),
        FORGET | BATCH_FORGET | INTERRUPT => return None,
        // A close sends FLUSH. After this error the kernel sends no further one, so that no process blocks when it
        // exits.
        _ => error = -nix::libc::ENOSYS,
    }
    let mut answer = Vec::new();
    answer.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    answer.extend(error.to_ne_bytes());
    answer.extend(&request[8..16]);
    answer.extend(body);
    Some(answer)
}

/// A `struct fuse_attr`: of a directory for the root, else of a file.
fn attributes(node: u64) -> Vec<u8> {
    let mode = if node == 1 { 0o040_755 } else { 0o100_644 };
    let mut bytes: Vec<u8> = [node, 0, 0, 0, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.extend([0, 0, 0, mode, 1, 0, 0, 0, 512, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()));
    bytes
}
