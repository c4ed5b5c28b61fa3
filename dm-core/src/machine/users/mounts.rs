//! The mounts of a device from `mountinfo` files, and the mount that a path belongs to.
//!
//! Reading such a file calls no file system: the kernel prints what it has in memory (`show_mountinfo` in
//! fs/proc_namespace.c), so a file system that does not answer cannot block it. Its size depends on the users who
//! mount.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use dm_units::DeviceNumber;

use super::disk::Disk;
use super::limits::{Budget, DEVICE_DIRS, Lines, NESTED_BYTES};
use crate::machine::foreign::unescaped;
use crate::machine::roots::Roots;

/// File systems that answer `statx` from memory and usually contain device nodes.
const ANSWERS: [&[u8]; 7] = [b"devtmpfs", b"tmpfs", b"ramfs", b"rootfs", b"ext2", b"ext3", b"ext4"];

/// A line such as `36 35 98:0 /root /mount/point options shared:1 - type source options`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    id: u32,
    device: DeviceNumber,
    /// The mount point, escaped like the source.
    point: &'a [u8],
    fs_type: &'a [u8],
    source: &'a [u8],
}

impl<'a> Line<'a> {
    fn new(line: &'a [u8]) -> Option<Self> {
        let mut words = line.split(|&byte| byte == b' ');
        let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        let device = DeviceNumber::from_ascii(words.nth(1)?).ok()?;
        let point = words.nth(1)?;
        // The options come first. The optional words before the dash may be missing.
        let _options = words.next()?;
        words.find(|word| *word == b"-")?;
        Some(Self { id, device, point, fs_type: words.next()?, source: words.next()? })
    }
}

/// A mount of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeviceMount {
    pub(super) id: u32,
    /// The mount point as a path, not escaped.
    pub(super) point: Vec<u8>,
    /// The device, one of its partitions, or the disk of which it is a partition.
    pub(super) device: DeviceNumber,
}

/// The relevant mounts of one namespace.
#[derive(Debug, Default)]
pub(super) struct MountTable {
    /// Mounts of the device.
    pub(super) places: Vec<DeviceMount>,
    /// For the mount points of the device and all below them: whether the last mount there is one of the device.
    covering: HashMap<Vec<u8>, bool>,
    /// Mount points of anything at or below `/dev`, and of the root: identifier, path, and whether its file system
    /// answers from memory.
    device_dirs: Vec<(u32, Vec<u8>, bool)>,
}

/// The location of a file according to the text of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// On a mount of the device.
    OnDevice,
    /// Below `/dev`, where device nodes can be examined.
    DeviceNode,
    /// Anywhere else.
    Elsewhere,
}

impl MountTable {
    /// Reads the mounts of the device, at most `limit` of them.
    pub(super) fn read(
        roots: &Roots,
        mountinfo: &Path,
        disk: &Disk,
        limit: usize,
        budget: &mut Budget,
    ) -> io::Result<Self> {
        let mut table = Self::default();
        let mut lines = Lines::open(mountinfo)?;
        let dev_dir = roots.dev_dir.as_os_str().as_encoded_bytes();
        while let Some(text) = lines.next(budget) {
            let Some(line) = Line::new(text) else { continue };
            if let Some(device) = disk.of_mount(roots, line.device, line.fs_type, line.source) {
                if table.places.len() < limit {
                    table.places.push(DeviceMount { id: line.id, point: unescaped(line.point), device });
                } else {
                    budget.leave_out();
                }
            }
            if line.point == b"/" || is_at_or_below(line.point, dev_dir) {
                if table.device_dirs.len() < DEVICE_DIRS {
                    table.device_dirs.push((line.id, unescaped(line.point), ANSWERS.contains(&line.fs_type)));
                } else {
                    budget.leave_out();
                }
            }
        }
        Ok(table)
    }

    /// Reads the other mounts below those of the device, if it has any. Without this, no path counts as being on the
    /// device.
    pub(super) fn read_nested(&mut self, mountinfo: &Path, budget: &mut Budget) -> io::Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        let ids: HashSet<u32> = self.places.iter().map(|place| place.id).collect();
        let points: HashSet<&[u8]> = self.places.iter().map(|place| place.point.as_slice()).collect();
        let mut covering = HashMap::new();
        let mut bytes: usize = 0;
        let mut lines = Lines::open(mountinfo)?;
        while let Some(text) = lines.next(budget) {
            let Some(line) = Line::new(text) else { continue };
            let point = unescaped(line.point);
            if !ancestors(&point).any(|folder| points.contains(folder)) {
                continue;
            }
            bytes = bytes.saturating_add(point.len());
            if bytes > NESTED_BYTES {
                // The mount of a path can no longer be determined.
                budget.leave_out();
                return Ok(());
            }
            // A later mount hides an earlier one at the same point.
            covering.insert(point, ids.contains(&line.id));
        }
        if !budget.is_over() {
            self.covering = covering;
        }
        Ok(())
    }

    /// The number of bytes of its mount points.
    pub(super) fn size(&self) -> usize {
        let points = self.places.iter().map(|place| &place.point);
        points.chain(self.device_dirs.iter().map(|(_, point, _)| point)).map(Vec::len).sum()
    }

    /// Whether this is the identifier of a mount of the device.
    pub(super) fn is_place(&self, id: u32) -> bool {
        self.places.iter().any(|place| place.id == id)
    }

    /// Whether this is the identifier of a mount on which device nodes can be examined.
    pub(super) fn is_device_dir(&self, id: u32) -> bool {
        self.device_dirs.iter().any(|(other, _, answers)| *other == id && *answers)
    }

    /// Determines the location of a file from the text of its path.
    ///
    /// The owner of a mount namespace controls the text, so this only selects what is examined further.
    pub(super) fn locate(&self, path: &[u8], dev_dir: &[u8]) -> Location {
        if !self.covering.is_empty() && ancestors(path).find_map(|folder| self.covering.get(folder)) == Some(&true) {
            return Location::OnDevice;
        }
        if path == dev_dir || !is_at_or_below(path, dev_dir) {
            return Location::Elsewhere;
        }
        let covering = self.device_dirs.iter().filter(|(_, point, _)| is_at_or_below(path, point));
        // If several mounts have the same mount point, the last one counts.
        match covering.max_by_key(|(_, point, _)| point.len()) {
            Some((_, _, true)) => Location::DeviceNode,
            _ => Location::Elsewhere,
        }
    }
}

/// An absolute path and all its parent directories, the longest first; empty for other text.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let root: &[u8] = b"/";
    std::iter::successors(Some(path).filter(|path| path.starts_with(root)), move |path| {
        let slash = path.iter().rposition(|&byte| byte == b'/').filter(|_| *path != root)?;
        if slash == 0 { Some(root) } else { path.get(..slash) }
    })
}

/// Whether a path is a directory or below it.
fn is_at_or_below(path: &[u8], folder: &[u8]) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || folder == b"/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TEXT: &str = "20 1 8:1 / / rw - ext4 /dev/root rw\n\
        21 20 0:5 / /dev rw - devtmpfs dev rw\n\
        22 21 0:24 / /dev/shm rw - tmpfs shm rw\n\
        23 22 0:60 / /dev/shm/user rw - fuse.server server rw\n\
        36 20 253:0 / /srv/my\\040disk rw,noatime shared:1 - ext4 /dev/mapper/x rw\n\
        37 20 253:1 / /other rw - ext4 /dev/mapper/y rw\n\
        38 36 0:61 / /srv/my\\040disk/far rw shared:7 master:3 - nfs4 far:/ rw\n\
        39 20 253:0 /sub /again rw - ext4 /dev/mapper/x rw\n\
        40 39 0:62 / /again rw - nfs4 far:/ rw\n\
        \nbad line\n41 20 x:0 / /bad rw - a b c\n42 20 253:0 / /short rw -\n";

    fn disk() -> Disk {
        let roots = Roots { sys_dir: "/nowhere".into(), ..Roots::default() };
        Disk::new(&roots, DeviceNumber::new(253, 0))
    }

    fn table(text: &str, limit: usize) -> (MountTable, bool) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut budget = Budget::new(Duration::from_secs(600));
        let mut table = MountTable::read(&Roots::default(), file.path(), &disk(), limit, &mut budget).unwrap();
        table.read_nested(file.path(), &mut budget).unwrap();
        (table, budget.is_complete())
    }

    #[test]
    fn mounts_are_found_by_number() {
        let (table, complete) = table(TEXT, 10);
        let points: Vec<&[u8]> = table.places.iter().map(|place| place.point.as_slice()).collect();
        assert_eq!(points, [b"/srv/my disk".as_slice(), b"/again"]);
        assert!(complete && table.is_place(36) && table.is_place(39) && !table.is_place(37));
    }

    #[test]
    fn a_path_belongs_to_the_last_mount_above_it() {
        let (table, _) = table(TEXT, 10);
        let cases = [
            ("/srv/my disk", Location::OnDevice),
            ("/srv/my disk/a (deleted)", Location::OnDevice),
            ("/srv/my disk/far", Location::Elsewhere),
            ("/srv/my disk/far/a", Location::Elsewhere),
            ("/srv/my disk/farther", Location::OnDevice),
            ("/srv/my diskette", Location::Elsewhere),
            // Another file system is mounted over the device's.
            ("/again/a", Location::Elsewhere),
            ("/dev/sda", Location::DeviceNode),
            ("/dev", Location::Elsewhere),
            ("/devices", Location::Elsewhere),
            ("/dev/shm/sda", Location::DeviceNode),
            ("/dev/shm/user/sda", Location::Elsewhere),
            ("socket:[1]", Location::Elsewhere),
            ("", Location::Elsewhere),
        ];
        for (path, location) in cases {
            assert_eq!(table.locate(path.as_bytes(), b"/dev"), location, "{path}");
        }
    }

    #[test]
    fn a_root_on_a_file_system_that_may_not_answer_has_no_nodes() {
        let (table, _) = table("20 1 0:40 / / rw - fuse x rw\n", 10);
        assert_eq!(table.locate(b"/dev/sda", b"/dev"), Location::Elsewhere);
        assert!(!table.is_device_dir(20));
    }

    #[test]
    fn a_flood_of_mounts_is_cut_and_reported() {
        use std::fmt::Write as _;
        let mut text = String::new();
        for id in 0..12_000 {
            let device = if id % 2 == 0 { "253:0" } else { "0:99" };
            writeln!(text, "{id} 1 {device} / /dev/{id}/{:0>100}\\033[2J rw - tmpfs none rw", "").unwrap();
        }
        writeln!(text, "30000 1 253:0 / / rw - ext4 none rw").unwrap();
        let (table, complete) = table(&text, 5);
        assert_eq!((table.places.len(), table.device_dirs.len(), complete), (5, DEVICE_DIRS, false));
        let text = text.replace("253:0 / /dev/0/", "253:0 / / rw - ext4 none rw\n/");
        let (table, complete) = self::table(&text, 5);
        assert_eq!((table.covering.len(), complete), (0, false));
        assert_eq!(table.locate(b"/a", b"/dev"), Location::Elsewhere, "which mount it is on can't be known");
    }

    #[test]
    fn the_source_of_a_mount_counts_only_where_the_kernel_chose_it() {
        let folder = tempfile::tempdir().unwrap();
        let class = folder.path().join("class/block/dm-0");
        std::fs::create_dir_all(&class).unwrap();
        std::fs::write(class.join("dev"), "253:0\n").unwrap();
        let roots = Roots { sys_dir: folder.path().to_owned(), ..Roots::default() };
        let of = |number, fs_type: &str, source: &str| {
            disk().of_mount(&roots, number, fs_type.as_bytes(), source.as_bytes()).is_some()
        };
        let anonymous = DeviceNumber::new(0, 40);
        assert!(of(anonymous, "btrfs", "/dev/dm-0"));
        assert!(of(anonymous, "bcachefs", "/dev/nothing:/dev/dm-0"));
        assert!(!of(anonymous, "btrfs", "/dev/dm-1"));
        assert!(!of(anonymous, "tmpfs", "/dev/dm-0"));
        assert!(!of(anonymous, "fuse.btrfs", "/dev/dm-0"));
        assert!(!of(DeviceNumber::new(8, 1), "btrfs", "/dev/dm-0"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(bytes: Vec<u8>) {
            let _ = Line::new(&bytes);
        }
    }
}
