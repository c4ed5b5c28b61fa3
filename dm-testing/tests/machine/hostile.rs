//! Searches among processes that try to block, overload or deceive the search.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::Users;
use dm_core::users::ProcessUse;
use dm_testing::{Scratch, require};
use dm_units::Bytes;
use nix::mount::{MsFlags, mount};

use crate::fuse::{self, Server};
use crate::support::{LONG, Mount, Running, elsewhere, formatted, linear, users};

const NOTHING: Option<&str> = None;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_file_system_that_never_answers_does_not_hold_up_the_search() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::program("sleep")]) else { return };
    if !fuse::is_supported() {
        return require::skip("this kernel has no FUSE");
    }
    let (_, device) = linear(&scratch, Bytes(1 << 20));
    let user = File::open(device.path()).unwrap();
    let connection = fuse::open_device();
    let server = Server::start(&connection);
    let (plain, hidden) = elsewhere(|| {
        fuse::mount_at(&connection, "/dev");
        let file = File::open("/dev/dm-0").unwrap();
        // A process whose mounts show the file system, and one that hides it below a harmless file system.
        let plain = Running::sleep(file.try_clone().unwrap());
        mount(NOTHING, "/dev", Some("tmpfs"), MsFlags::empty(), NOTHING).unwrap();
        (plain, Running::sleep(file))
    });
    drop(connection);
    server.be_silent();

    let link = |process: &Running| format!("/proc/{}/fd/0", process.pid());
    for process in [&plain, &hidden] {
        assert_eq!(fs::read_link(link(process)).unwrap(), Path::new("/dev/dm-0"), "it looks like a device");
    }
    // Every access to it blocks, which the search must avoid.
    let (tell, told) = mpsc::channel();
    let asks = link(&hidden);
    let asking = thread::spawn(move || {
        let _ = fs::metadata(asks);
        tell.send(()).unwrap();
    });
    told.recv_timeout(Duration::from_secs(2)).unwrap_err();

    let begun = Instant::now();
    let users = Users::of(device.number(), LONG);
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    assert!(users.complete, "{users}");
    let found: Vec<u32> = users.processes.iter().map(|process| process.pid).collect();
    assert_eq!(found, [std::process::id()], "{users}");
    drop((user, server));
    asking.join().unwrap();
}

/// The peak memory of this process since the last call, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    fs::write("/proc/self/clear_refs", "5").unwrap();
    peak
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn thousands_of_mounts_take_little_memory_and_time() {
    let needs = ["mkfs.ext4", "sleep"].map(require::program);
    let Some(scratch) = Scratch::new(&[&[require::target("linear")], needs.as_slice()].concat()) else { return };
    let device = formatted(&scratch);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("place");
    let user = elsewhere(|| {
        mount(NOTHING, folder.path(), Some("tmpfs"), MsFlags::empty(), NOTHING).unwrap();
        fs::create_dir(&place).unwrap();
        mount(Some(&device.path()), &place, Some("ext4"), MsFlags::empty(), NOTHING).unwrap();
        for at in 0..4000 {
            let point = folder.path().join(format!("{}-{at}", "long".repeat(20)));
            fs::create_dir(&point).unwrap();
            mount(Some(&place), &point, NOTHING, MsFlags::MS_BIND, NOTHING).unwrap();
        }
        Running::sleep(File::open(place.join("lost+found")).unwrap())
    });
    peak_memory();
    let before = peak_memory();
    let begun = Instant::now();
    let users = Users::of(device.number(), LONG);
    let (took, peak) = (begun.elapsed(), peak_memory());
    println!("4000 mounts took {took:?} and {} KiB", peak.saturating_sub(before));
    // A busy emulated processor is two orders of magnitude slower than a real one.
    assert!(took < LONG / 4, "{took:?}");
    assert!(peak.saturating_sub(before) < 8 << 10, "{before} KiB before, {peak} KiB at most");
    assert!((1..=16).contains(&users.mounts.len()) && !users.complete, "{users}");
    assert!(users.mounts.iter().all(|mount| mount.namespace_of == Some(user.pid())), "{users}");
    // A file on one of these mounts is still found.
    assert!(users.processes.iter().any(|process| process.pid == user.pid()), "{users}");
    assert!(users.to_string().len() < 4000, "{users}");
    drop(user);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn names_of_others_are_escaped() {
    let needs = ["mkfs.ext4", "sh"].map(require::program);
    let Some(scratch) = Scratch::new(&[&[require::target("linear")], needs.as_slice()].concat()) else { return };
    let device = formatted(&scratch);
    let folder = tempfile::tempdir().unwrap();
    let point = folder.path().join("a\", open in process 1 (\"init\x1b[2J\n");
    let mounted = Mount::new(&device.path(), &point);
    let script = r#"printf 'x\033", open in' >/proc/self/comm; echo ready; read line <&2"#;
    let (input, keep) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let mut words = Program::new("sh");
    words.args(["-c", script]).stdin(File::open(device.path()).unwrap()).stdout(Stdio::piped()).stderr(input);
    let mut child = words.spawn().unwrap();
    let mut said = [0; 6];
    std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut said).unwrap();
    let child = Running::new(child);
    let users = users(device.number());
    for text in [users.to_string(), format!("{users:?}")] {
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(text.contains(r#"a\", open in process 1 (\"init\u{1b}[2J\n""#), "{text}");
        assert!(text.contains(r#""x\u{1b}\", open in""#), "{text}");
    }
    assert_eq!(users.mounts[0].point.as_path(), point);
    drop((child, keep, mounted));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_descriptor_that_only_names_the_device_does_not_use_it() {
    use std::os::unix::fs::OpenOptionsExt as _;
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::program("sleep")]) else { return };
    let (_, device) = linear(&scratch, Bytes(1 << 20));
    let path_only = fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_PATH).open(device.path()).unwrap();
    // A link to the device at another path counts as the device, and a file with its name does not.
    let (opened, forged) = elsewhere(|| {
        mount(NOTHING, "/dev/shm", Some("tmpfs"), MsFlags::empty(), NOTHING).unwrap();
        fs::write("/dev/shm/node", "").unwrap();
        mount(Some(&device.path()), "/dev/shm/node", NOTHING, MsFlags::MS_BIND, NOTHING).unwrap();
        let opened = Running::sleep(File::open("/dev/shm/node").unwrap());
        let node = device.path();
        mount(NOTHING, "/dev", Some("tmpfs"), MsFlags::empty(), NOTHING).unwrap();
        fs::write(&node, "").unwrap();
        (opened, Running::sleep(File::open(node).unwrap()))
    });
    let users = users(device.number());
    let found: Vec<(u32, ProcessUse)> = users.processes.iter().map(|process| (process.pid, process.kind)).collect();
    assert_eq!(found, [(opened.pid(), ProcessUse::Device)], "{users}");
    drop((path_only, opened, forged));
}
