//! The search over trees of files that look like procfs and sysfs, also as hostile programs would make them look.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;
use tempfile::TempDir;

use super::limits::{MOUNTS, MOUNTS_OF_ANOTHER, NAMESPACES, USERS};
use super::{ProcessUse, Users, holders_in, holders_within_in, mounts_in};
use crate::machine::roots::Roots;

const DEVICE: DeviceNumber = DeviceNumber::new(253, 0);
const LONG: Duration = Duration::from_secs(600);
const OWN: &str = "mnt:[1]";

/// A machine made of files.
struct Machine {
    folder: TempDir,
    roots: Roots,
}

impl Machine {
    /// One with a mapped device that is not used.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [proc_dir, sys_dir, dev_dir] = ["proc", "sys", "dev"].map(|name| folder.path().join(name));
        let machine = Self { roots: Roots { proc_dir, sys_dir, dev_dir }, folder };
        machine.block("dm-0", "253:0");
        machine.write("proc/swaps", "Filename Type Size Used Priority\n");
        machine.write("proc/thread-self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/root rw\n");
        machine.link("proc/thread-self/ns/mnt", OWN);
        fs::create_dir_all(&machine.roots.dev_dir).unwrap();
        machine
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn block(&self, name: &str, number: &str) {
        for folder in ["holders", "slaves"] {
            fs::create_dir_all(self.folder.path().join(format!("sys/block/{name}/{folder}"))).unwrap();
        }
        self.write(&format!("sys/block/{name}/dev"), format!("{number}\n"));
        self.link(&format!("sys/dev/block/{number}"), format!("../../block/{name}"));
        self.link(&format!("sys/class/block/{name}"), format!("../../block/{name}"));
    }

    fn process(&self, pid: u32, namespace: &str, name: &[u8]) {
        self.link(&format!("proc/{pid}/ns/mnt"), namespace);
        self.write(&format!("proc/{pid}/comm"), [name, b"\n"].concat());
        fs::create_dir_all(self.folder.path().join(format!("proc/{pid}/fd"))).unwrap();
    }

    /// Mounts the device where the tree is: the identifier is that of the real mount which the tree is on.
    fn mount_over_tree(&self, more: &str) {
        let file = File::open(self.folder.path()).unwrap();
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).unwrap();
        let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:")).unwrap().trim();
        let path = self.folder.path().display();
        self.write("proc/thread-self/mountinfo", format!("{id} 1 253:0 / {path} rw - ext4 /dev/dm-0 rw\n{more}"));
    }

    fn users(&self) -> Users {
        Users::find(&self.roots, DEVICE, LONG)
    }
}

#[test]
fn a_device_without_users_has_none() {
    let machine = Machine::new();
    machine.process(1, OWN, b"init");
    let users = machine.users();
    assert!(users.is_empty() && users.complete);
    assert_eq!(users.to_string(), "no user of it is visible to this process");
}

#[test]
fn nothing_to_read_is_not_no_user() {
    let roots = Roots { proc_dir: "/nowhere".into(), sys_dir: "/nowhere".into(), dev_dir: "/nowhere".into() };
    let users = Users::find(&roots, DEVICE, LONG);
    assert!(users.is_empty() && !users.complete);
    assert_eq!(users.to_string(), "no user of it was found, but not everything could be examined");
    assert!(holders_in(&roots, DEVICE).is_err() && mounts_in(&roots, DEVICE).is_err());
}

#[test]
fn without_sysfs_the_search_is_not_complete() {
    let machine = Machine::new();
    fs::remove_dir_all(&machine.roots.sys_dir).unwrap();
    assert!(!machine.users().complete);
}

#[test]
fn mounts_on_top_of_each_other_are_in_one_namespace() {
    let machine = Machine::new();
    machine.process(7, "mnt:[2]", b"other");
    let mount = |id: u32| format!("{id} 1 253:0 / /srv rw - ext4 /dev/dm-0 rw\n");
    machine.write("proc/7/mountinfo", mount(5) + &mount(6));
    let users = machine.users();
    assert_eq!(users.mounts.iter().map(|mount| mount.other_namespaces).collect::<Vec<_>>(), [0], "{users}");
    machine.process(8, "mnt:[3]", b"third");
    machine.write("proc/8/mountinfo", mount(5) + &mount(6));
    assert_eq!(machine.users().mounts.iter().map(|mount| mount.other_namespaces).collect::<Vec<_>>(), [1]);
}

#[test]
fn holders_and_loop_devices_are_found() {
    let machine = Machine::new();
    for (name, number) in [("dm-3", "253:3"), ("md0", "9:0"), ("loop0", "7:0"), ("loop1", "7:1"), ("loop2", "7:2")] {
        machine.block(name, number);
    }
    machine.write("sys/block/dm-3/dm/name", "my home\n");
    for name in ["dm-3", "md0"] {
        machine.link(&format!("sys/block/dm-0/holders/{name}"), format!("../../{name}"));
    }
    let dev = machine.roots.dev_dir.join("dm-0");
    machine.write("sys/block/loop0/loop/backing_file", format!("{}\n", dev.display()));
    let image = machine.folder.path().join("an\timage");
    machine.write("sys/block/loop1/loop/backing_file", format!("{}\n", image.display()));
    machine.write("sys/block/loop2/loop/backing_file", "/elsewhere/image\n");
    machine.mount_over_tree("");
    let found = machine.users().holders;
    assert_eq!(found, holders_in(&machine.roots, DEVICE).unwrap());
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    let on_file = format!("loop1 over \"{}\"", image.display().to_string().replace('\t', "\\t"));
    assert_eq!(shown, ["loop0", on_file.as_str(), "md0", "dm-3 (my\\x20home)"]);
    assert_eq!(found[3].number, Some(DeviceNumber::new(253, 3)));
}

#[test]
fn partitions_and_the_whole_disk_are_busy_together() {
    let machine = Machine::new();
    machine.write("sys/block/sda/dev", "8:0\n");
    for (name, number) in [("sda1", "8:1"), ("sda2", "8:2")] {
        machine.write(&format!("sys/block/sda/{name}/dev"), format!("{number}\n"));
        machine.write(&format!("sys/block/sda/{name}/partition"), "1\n");
        machine.link(&format!("sys/dev/block/{number}"), format!("../../block/sda/{name}"));
    }
    machine.link("sys/dev/block/8:0", "../../block/sda");
    machine.link("sys/block/sda/sda2/holders/dm-0", "../../../dm-0");
    machine.write("proc/thread-self/mountinfo", "7 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n");
    let users = |minor| Users::find(&machine.roots, DeviceNumber::new(8, minor), LONG).to_string();
    assert_eq!(users(0), "used by dm-0 through 8:2, mounted on \"/boot\" through 8:1");
    assert_eq!(users(1), "mounted on \"/boot\"");
    assert_eq!(users(2), "used by dm-0");
}

#[test]
fn holders_within_a_partition_are_not_those_of_its_disk() {
    let machine = Machine::new();
    machine.write("sys/block/sda/dev", "8:0\n");
    machine.write("sys/block/sda/sda1/dev", "8:1\n");
    machine.write("sys/block/sda/sda1/partition", "1\n");
    machine.link("sys/dev/block/8:1", "../../block/sda/sda1");
    machine.link("sys/dev/block/8:0", "../../block/sda");
    machine.link("sys/block/sda/holders/dm-0", "../../dm-0");
    machine.link("sys/block/sda/sda1/holders/dm-1", "../../../dm-1");
    let within = |minor| -> Vec<String> {
        let found = holders_within_in(&machine.roots, DeviceNumber::new(8, minor)).unwrap();
        let mut names: Vec<String> = found.into_iter().map(|holder| holder.name).collect();
        names.sort();
        names
    };
    assert_eq!((within(0), within(1)), (vec!["dm-0".to_owned(), "dm-1".to_owned()], vec!["dm-1".to_owned()]));
    assert_eq!(holders_in(&machine.roots, DeviceNumber::new(8, 1)).unwrap().len(), 2);
}

#[test]
fn swap_areas_and_swap_files_are_found() {
    let machine = Machine::new();
    machine.mount_over_tree("");
    let (dev, file) = (machine.roots.dev_dir.join("dm-0"), machine.folder.path().join("swap\\040file"));
    let dev = dev.display();
    let lines =
        format!("Filename Type\n/elsewhere/swap file 8 0 -2\n{dev} file 8 0 -2\n{} file 8 0 -3\n", file.display());
    machine.write("proc/swaps", &lines);
    let users = machine.users();
    assert_eq!((users.is_swap, users.swap_files.len()), (false, 2));
    assert!(users.swap_files[1].as_path().ends_with("swap file"));
    machine.write("proc/swaps", format!("{lines}{dev} partition 8 0 -4\n"));
    assert!(machine.users().is_swap);
}

#[test]
fn mounts_of_other_namespaces_are_marked() {
    let machine = Machine::new();
    machine.write("proc/thread-self/mountinfo", "5 1 253:0 / /srv rw - ext4 /dev/dm-0 rw\n");
    machine.process(2, OWN, b"own");
    for pid in [30, 31, 41] {
        machine.process(pid, if pid == 41 { "mnt:[3]" } else { "mnt:[2]" }, b"other");
        let mounts = "15 1 253:0 / /srv rw - ext4 /dev/dm-0 rw\n16 1 253:0 / /hidden\\012place rw - ext4 x rw\n";
        machine.write(&format!("proc/{pid}/mountinfo"), mounts);
    }
    let users = machine.users();
    assert_eq!(
        users.to_string(),
        r#"mounted on "/srv", mounted on "/hidden\nplace" in the mount namespace of process 30 and 1 more"#
    );
    assert_eq!((users.mounts[0].namespace_of, users.mounts[0].other_namespaces), (None, 2));
    assert_eq!(mounts_in(&machine.roots, DEVICE).unwrap().len(), 1);
}

#[test]
fn processes_on_the_file_system_of_the_device_are_found() {
    let machine = Machine::new();
    let below = machine.folder.path().join("below");
    machine.mount_over_tree(&format!("9 1 0:50 / {} rw - nfs4 far:/ rw\n", below.display()));
    machine.write("file", "");
    machine.write("below/file", "");
    let [file, nested] = ["file", "below/file"].map(|path| machine.folder.path().join(path));
    machine.process(10, OWN, b"reader");
    machine.link("proc/10/fd/7", &file);
    machine.process(11, OWN, b"shell");
    machine.link("proc/11/cwd", machine.folder.path());
    machine.process(12, OWN, b"program");
    machine.link("proc/12/exe", &file);
    // On another mount, elsewhere, and on no file system at all.
    machine.process(13, OWN, b"far");
    machine.link("proc/13/fd/0", &nested);
    machine.link("proc/13/fd/1", "/dev/null");
    machine.link("proc/13/fd/2", "socket:[5]");
    let users = machine.users();
    let found: Vec<(u32, ProcessUse)> = users.processes.iter().map(|process| (process.pid, process.kind)).collect();
    let expected = [(10, ProcessUse::OpenFile), (11, ProcessUse::WorkingDirectory), (12, ProcessUse::Executable)];
    assert_eq!(sorted(found), expected);
    assert!(users.complete);
}

fn sorted(mut found: Vec<(u32, ProcessUse)>) -> Vec<(u32, ProcessUse)> {
    found.sort_by_key(|(pid, _)| *pid);
    found
}

#[test]
fn a_path_that_only_looks_like_one_on_the_device_is_not_believed() {
    let machine = Machine::new();
    machine.write("file", "");
    machine.process(10, "mnt:[2]", b"liar");
    machine.link("proc/10/fd/7", machine.folder.path().join("file"));
    // The namespace says that the device is mounted there, but the file is on another mount.
    let text = format!("4294967295 1 253:0 / {} rw - ext4 /dev/dm-0 rw\n", machine.folder.path().display());
    machine.write("proc/10/mountinfo", text);
    let users = machine.users();
    assert_eq!((users.mounts.len(), users.processes.len()), (1, 0));
}

#[test]
fn text_that_other_programs_chose_is_escaped_everywhere() {
    let machine = Machine::new();
    let forged = b"x\", open in process 1 (\"init\x1b]0;owned\x07";
    machine.mount_over_tree("");
    let points = "9 1 253:0 / /a\\040b\",\\012open\x1b[2J\u{202e} rw - ext4 x rw\n";
    machine.process(20, "mnt:[2]", forged);
    machine.write("proc/20/mountinfo", points);
    machine.process(21, OWN, forged);
    machine.link("proc/21/cwd", machine.folder.path());
    machine.block("loop0", "7:0");
    machine.write("sys/block/loop0/loop/backing_file", format!("{}/\x1b[31m\n", machine.folder.path().display()));
    let users = machine.users();
    assert_eq!((users.processes.len(), users.mounts.len(), users.holders.len()), (1, 2, 1));
    for text in [users.to_string(), format!("{users:?}"), format!("{users:#?}").replace('\n', "")] {
        assert!(!text.chars().any(char::is_control) && !text.contains('\u{202e}'), "{text}");
        assert!(text.contains(r#"x\", open in process 1 (\"init\u{1b}]0;owned\u{7}""#), "{text}");
    }
}

#[test]
fn a_namespace_with_a_flood_of_mounts_takes_its_share_only() {
    let machine = Machine::new();
    let mut flood = String::new();
    for id in 0..2000 {
        writeln!(flood, "{id} 1 253:0 / /{}/{id} rw - ext4 /dev/dm-0 rw", "long".repeat(20)).unwrap();
    }
    for pid in 100..104 {
        machine.process(pid, &format!("mnt:[{pid}]"), b"flood");
        machine.write(&format!("proc/{pid}/mountinfo"), flood.replace("/long", &format!("/{pid}")));
    }
    machine.process(105, "mnt:[105]", b"honest");
    machine.write("proc/105/mountinfo", "9 1 253:0 / /honest rw - ext4 x rw\n");
    let users = machine.users();
    assert_eq!((users.mounts.len(), users.complete), (4 * MOUNTS_OF_ANOTHER + 1, false));
    assert!(users.mounts.iter().any(|mount| mount.point == *"/honest"));
    assert!(users.to_string().len() < 8000, "{users}");
    // In this namespace more of them are kept.
    machine.write("proc/thread-self/mountinfo", &flood);
    assert_eq!(machine.users().mounts.iter().filter(|mount| mount.namespace_of.is_none()).count(), MOUNTS);
    assert_eq!(mounts_in(&machine.roots, DEVICE).unwrap().len(), 2000);
}

#[test]
fn a_flood_of_processes_takes_its_share_only() {
    let machine = Machine::new();
    machine.mount_over_tree("");
    for pid in 1..200 {
        machine.process(pid, OWN, b"flood");
        machine.link(&format!("proc/{pid}/cwd"), machine.folder.path());
    }
    let users = machine.users();
    assert_eq!((users.processes.len(), users.complete), (USERS, false));
    assert!(users.to_string().contains("56 more processes"), "{users}");
}

#[test]
fn as_many_namespaces_as_the_limit_are_examined_whole() {
    let machine = Machine::new();
    // Two processes in each: when the limit is reached, there is a process of a known namespace left.
    for pid in 0..2 * NAMESPACES {
        machine.link(&format!("proc/{}/ns/mnt", pid + 1), format!("mnt:[{}]", pid % NAMESPACES));
    }
    assert!(machine.users().complete);
    machine.link("proc/99999/ns/mnt", "mnt:[99999]");
    assert!(!machine.users().complete);
}

#[test]
fn the_search_ends_with_its_time() {
    let machine = Machine::new();
    machine.block("md0", "9:0");
    machine.link("sys/block/dm-0/holders/md0", "../../md0");
    for pid in 1..200 {
        machine.process(pid, OWN, b"any");
    }
    let begun = Instant::now();
    let users = Users::find(&machine.roots, DEVICE, Duration::ZERO);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!users.complete && users.processes.is_empty());
    assert_eq!(users.to_string(), "used by md0; not everything could be examined");
}

#[test]
fn a_file_system_without_a_mount_is_named() {
    let machine = Machine::new();
    for folder in ["ext4/features", "ext4/dm-0", "xfs/stats"] {
        fs::create_dir_all(machine.folder.path().join("sys/fs").join(folder)).unwrap();
    }
    let text = "in use by its ext4 file system, which is active, but no mount of it was found";
    assert_eq!(machine.users().to_string(), text);
    machine.mount_over_tree("");
    assert_eq!(machine.users().unmounted_file_system, None);
}

#[test]
fn a_btrfs_of_several_devices_is_found_by_any_of_them() {
    let machine = Machine::new();
    machine.block("dm-1", "253:1");
    for name in ["dm-0", "dm-1"] {
        machine.link(&format!("sys/fs/btrfs/uuid/devices/{name}"), format!("../../../../block/{name}"));
    }
    let source = machine.roots.dev_dir.join("dm-1");
    let line = format!("9 1 0:44 / /srv rw - btrfs {} rw\n", source.display());
    machine.write("proc/thread-self/mountinfo", line);
    for number in [DEVICE, DeviceNumber::new(253, 1)] {
        assert_eq!(Users::find(&machine.roots, number, LONG).to_string(), "mounted on \"/srv\"");
    }
    // A loop device over one of them does not use the other.
    machine.block("loop0", "7:0");
    machine.write("sys/block/loop0/loop/backing_file", format!("{}\n", source.display()));
    let count = |minor| holders_in(&machine.roots, DeviceNumber::new(253, minor)).unwrap().len();
    assert_eq!((count(0), count(1)), (0, 1));
}

#[test]
fn files_without_sense_are_not_users() {
    let machine = Machine::new();
    machine.write("proc/1/comm", b"\xff\n");
    machine.write("proc/2/ns/mnt", "not a link");
    machine.process(3, OWN, b"");
    machine.write("proc/3/fd/0", "not a link");
    machine.write("proc/99999999999/comm", "no number");
    machine.write("proc/thread-self/mountinfo", b"\xff\xff 253:0\n1 1 253:0\n\n - - - -\n");
    machine.write("proc/swaps", b"\n\n /x\n\xff partition\n");
    machine.write("sys/block/dm-0/holders/nonsense/dev", b"\xff");
    let users = machine.users();
    assert_eq!((users.holders.len(), users.mounts.len(), users.is_swap, users.processes.len()), (1, 0, false, 0));
}
