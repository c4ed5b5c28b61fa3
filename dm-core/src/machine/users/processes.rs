//! Processes that use a device, and its mounts in other mount namespaces.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::disk::Disk;
use super::limits::{Budget, DESCRIPTORS, MOUNTS, MOUNTS_OF_ANOTHER, NAMESPACES, PROCESSES, TABLES, USERS, read_start};
use super::links::{LinkTarget, follow};
use super::mounts::{DeviceMount, MountTable};
use super::{Mount, Process, ProcessUse};
use crate::machine::foreign::ForeignText;
use crate::machine::roots::Roots;

/// The number of descriptors of each process that are examined first, so that one process with many does not use up the
/// time.
const DESCRIPTORS_AT_FIRST: usize = 1024;

/// The links in a process's directory, other than its descriptors, that keep a file system in use.
const LINKS: [(&str, ProcessUse); 3] =
    [("cwd", ProcessUse::WorkingDirectory), ("root", ProcessUse::Root), ("exe", ProcessUse::Executable)];

/// A search through `/proc`.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) roots: &'a Roots,
    pub(super) disk: &'a Disk,
    pub(super) budget: &'a mut Budget,
    pub(super) mounts: Vec<Mount>,
    pub(super) processes: Vec<Process>,
}

impl Search<'_> {
    /// Examines all processes, starting with those of this thread's mount namespace, whose mounts are `own`.
    pub(super) fn run(&mut self, own: &MountTable) {
        let own_name = fs::read_link(self.roots.this_thread().join("ns/mnt")).map(PathBuf::into_os_string);
        let mut namespaces = self.namespaces();
        let own_pids = own_name.ok().and_then(|name| namespaces.remove(&name)).unwrap_or_default();
        self.look_at(&own_pids, own);
        let mut others: Vec<Vec<u32>> = namespaces.into_values().collect();
        others.sort_by_key(|pids| pids.first().copied());
        // The mounts of all namespaces come first, since they cost less and tell more.
        let mut tables = Vec::with_capacity(others.len());
        let mut bytes: usize = 0;
        for pids in &others {
            let table = self.table(pids);
            if let Some((pid, table)) = &table {
                self.add_mounts(*pid, table);
                bytes = bytes.saturating_add(table.size());
            }
            tables.push(table.filter(|_| bytes <= TABLES));
        }
        for (pids, table) in others.iter().zip(tables) {
            if let Some((pid, mut table)) = table.or_else(|| self.table(pids)) {
                let nested = table.read_nested(&self.process(pid).join("mountinfo"), self.budget);
                self.readable(nested);
                self.look_at(pids, &table);
            }
        }
    }

    /// Groups the processes by mount namespace.
    fn namespaces(&mut self) -> HashMap<OsString, Vec<u32>> {
        let mut namespaces: HashMap<OsString, Vec<u32>> = HashMap::new();
        let mut count: usize = 0;
        let entries = fs::read_dir(&self.roots.proc_dir);
        for entry in self.readable(entries).into_iter().flatten() {
            if count >= PROCESSES || self.budget.is_over() {
                self.budget.leave_out();
                break;
            }
            let Some(entry) = self.readable(entry) else { break };
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            count = count.saturating_add(1);
            let Some(name) = self.readable(fs::read_link(entry.path().join("ns/mnt"))) else { continue };
            if namespaces.len() >= NAMESPACES && !namespaces.contains_key(name.as_os_str()) {
                self.budget.leave_out();
            } else {
                namespaces.entry(name.into_os_string()).or_default().push(pid);
            }
        }
        namespaces
    }

    /// Reads the mounts of these processes' namespace, from one of the first that still exist.
    fn table(&mut self, pids: &[u32]) -> Option<(u32, MountTable)> {
        for &pid in pids.iter().take(4) {
            if self.budget.is_over() {
                return None;
            }
            let path = self.process(pid).join("mountinfo");
            let table = MountTable::read(self.roots, &path, self.disk, MOUNTS_OF_ANOTHER, self.budget);
            if let Some(table) = self.readable(table) {
                return Some((pid, table));
            }
        }
        None
    }

    /// Adds mounts of another namespace. A mount that is already known is only counted, once for the namespace.
    fn add_mounts(&mut self, pid: u32, table: &MountTable) {
        for (index, place) in table.places.iter().enumerate() {
            let same = |other: &DeviceMount| other.point == place.point && other.device == place.device;
            if table.places.iter().take(index).any(same) {
                continue;
            }
            let known = |mount: &&mut Mount| mount.point.as_bytes() == place.point && mount.device == place.device;
            if let Some(mount) = self.mounts.iter_mut().find(known) {
                mount.other_namespaces = mount.other_namespaces.saturating_add(1);
            } else if self.mounts.len() < MOUNTS {
                self.mounts.push(Mount::new(place, Some(pid)));
            } else {
                self.budget.leave_out();
            }
        }
    }

    /// Examines the processes of one namespace.
    fn look_at(&mut self, pids: &[u32], table: &MountTable) {
        let mut large = Vec::new();
        for &pid in pids {
            if self.budget.is_over() {
                return;
            }
            let found = self.other_links(pid, table);
            let (found, has_more) = self.descriptors(pid, table, found, 0, DESCRIPTORS_AT_FIRST);
            if has_more {
                large.push((pid, found));
            } else {
                self.add_process(pid, found);
            }
        }
        for (pid, found) in large {
            let (found, has_more) = self.descriptors(pid, table, found, DESCRIPTORS_AT_FIRST, DESCRIPTORS);
            if has_more {
                self.budget.leave_out();
            }
            self.add_process(pid, found);
        }
    }

    fn other_links(&mut self, pid: u32, table: &MountTable) -> Option<ProcessUse> {
        if table.places.is_empty() {
            return None;
        }
        LINKS.into_iter().find_map(|(name, kind)| {
            let lead = follow(self.roots, &self.process(pid).join(name), self.disk, table);
            self.readable(lead).flatten().map(|_| kind)
        })
    }

    /// Examines descriptors `from..to` in the order of the directory, and returns whether there are more.
    fn descriptors(
        &mut self,
        pid: u32,
        table: &MountTable,
        mut found: Option<ProcessUse>,
        from: usize,
        to: usize,
    ) -> (Option<ProcessUse>, bool) {
        let folder = fs::read_dir(self.process(pid).join("fd"));
        for (at, entry) in self.readable(folder).into_iter().flatten().enumerate() {
            if at >= to || self.budget.is_over() {
                return (found, true);
            }
            if at < from {
                continue;
            }
            let Some(entry) = self.readable(entry) else { break };
            let lead = follow(self.roots, &entry.path(), self.disk, table);
            match self.readable(lead).flatten() {
                Some(LinkTarget::Device) => return (Some(ProcessUse::Device), false),
                Some(LinkTarget::FileSystem) => found = found.or(Some(ProcessUse::OpenFile)),
                None => (),
            }
        }
        (found, false)
    }

    fn add_process(&mut self, pid: u32, found: Option<ProcessUse>) {
        let Some(kind) = found else { return };
        // The two kinds have separate limits, so that a user with many open files cannot hide the processes that have
        // the device open.
        let is_device = |kind: ProcessUse| kind == ProcessUse::Device;
        let same = self.processes.iter().filter(|process| is_device(process.kind) == is_device(kind)).count();
        if same >= USERS {
            self.budget.leave_out();
            return;
        }
        // The kernel truncates the name, and the process can change it.
        let name = read_start(&self.process(pid).join("comm"), 64).unwrap_or_default();
        let name = ForeignText::new(name.strip_suffix(b"\n").unwrap_or(&name));
        self.processes.push(Process { pid, name, kind });
    }

    fn process(&self, pid: u32) -> PathBuf {
        self.roots.proc_dir.join(pid.to_string())
    }

    /// Converts a result into an option, and records an error as an omission.
    fn readable<T>(&mut self, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.budget.failed(&error)).ok()
    }
}
