//! A logger that writes to a file system on the suspended device.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Once, mpsc};
use std::thread;

use dm_core::{Message, Steps};
use dm_testing::{Scratch, require};
use dm_units::{Bytes, Sectors};
use log::{LevelFilter, Log, Metadata, Record};
use nix::mount::{MsFlags, mount, umount};

use crate::support::{SOON, run, settle};

thread_local! {
    /// The log file of this thread.
    static FILE: RefCell<Option<(File, usize)>> = const { RefCell::new(None) };
}

struct ToFile;

impl Log for ToFile {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        FILE.with_borrow_mut(|file| {
            if let Some((file, lines)) = file {
                writeln!(file, "{}", record.args()).unwrap();
                file.sync_all().unwrap();
                *lines = lines.saturating_add(1);
            }
        });
    }

    fn flush(&self) {}
}

static INSTALLED: Once = Once::new();

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_logger_on_the_suspended_file_system_does_not_block_an_operation() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::program("mkfs.ext4")]) else { return };
    let disk = scratch.loop_device(Bytes(8 << 20)).unwrap();
    run("mkfs.ext4", &["-q", disk.path().to_str().unwrap()]);
    let line = |number| dm_core::TargetLine::text(Sectors(0), disk.size(), "linear", format!("{number} 0"));
    let device = scratch.map("device", [line(disk.number())]).unwrap();
    settle();
    let folder = tempfile::tempdir().unwrap();
    mount(Some(&device.path()), folder.path(), Some("ext4"), MsFlags::empty(), None::<&str>).unwrap();
    INSTALLED.call_once(|| log::set_logger(&ToFile).unwrap());
    log::set_max_level(LevelFilter::Trace);

    let (host, name) = (scratch.host().clone(), device.name().to_owned());
    let (number, file) = (disk.number(), File::create(folder.path().join("log")).unwrap());
    let (tell, told) = mpsc::channel();
    let program = thread::spawn(move || {
        FILE.set(Some((file, 0)));
        let line = || dm_core::TargetLine::text(Sectors(0), Sectors(8 << 11), "linear", format!("{number} 0"));
        host.reload(&name, [line()]).unwrap();
        let steps = Steps::new().message(&host, &name, Message::new("nonsense")).unwrap();
        host.while_suspended(&name, steps).unwrap_err();
        host.suspend(&name).unwrap();
        // Operations between a suspend and the resume are not logged before the resume either.
        host.path(&name).unwrap();
        host.resume(&name).unwrap();
        let suspended = host.suspend_stack(&name).unwrap();
        host.resume_stack(&suspended).unwrap();
        let lines = FILE.take().unwrap().1;
        tell.send(lines).unwrap();
    });
    let lines = told.recv_timeout(SOON);
    // The device must not stay suspended in any case.
    let _ = scratch.dm().device_resume(&device);
    log::set_max_level(LevelFilter::Off);
    assert!(lines.is_ok_and(|lines| lines > 10), "the program has blocked itself, or logged too little: {lines:?}");
    program.join().unwrap();
    umount(folder.path()).unwrap();
}
