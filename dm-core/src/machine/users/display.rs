//! Printing of users as a clause of a sentence.

use std::fmt;

use dm_units::DeviceNumber;

use super::{Holder, Mount, Process, ProcessUse, Users};

/// The largest number of users of each kind that are printed.
const SHOWN: usize = 8;

/// Prints `used by dm-3 (home), mounted on "/srv", open in process 41 ("fsck")`.
impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str(if self.complete {
                "no user of it is visible to this process"
            } else {
                "no user of it was found, but not everything could be examined"
            });
        }
        let mut clause = Clause { f, is_first: true };
        clause.list(&self.holders, "holders", |f, holder| {
            write!(f, "used by {holder}")?;
            through(f, holder.uses, self.device)
        })?;
        clause.list(&self.mounts, "mounts", |f, mount| {
            write!(f, "mounted on {mount}")?;
            through(f, mount.device, self.device)
        })?;
        if self.is_swap {
            clause.part(|f| f.write_str("used for swap"))?;
        }
        clause.list(&self.swap_files, "swap files", |f, file| write!(f, "used for the swap file {file}"))?;
        clause.list(&self.processes, "processes", |f, process| process.fmt(f))?;
        if let Some(fs_type) = &self.unmounted_file_system {
            clause.part(|f| {
                write!(
                    f,
                    "in use by its {} file system, which is active, but no mount of it was found",
                    fs_type.escape_debug()
                )
            })?;
        }
        if !self.complete {
            f.write_str("; not everything could be examined")?;
        }
        Ok(())
    }
}

/// Prints which part of a disk is used, if it is not the requested device.
fn through(f: &mut fmt::Formatter<'_>, device: DeviceNumber, asked: DeviceNumber) -> fmt::Result {
    if device == asked { Ok(()) } else { write!(f, " through {device}") }
}

/// Prints the parts of a sentence with commas between them.
struct Clause<'f, 'a> {
    f: &'f mut fmt::Formatter<'a>,
    is_first: bool,
}

impl Clause<'_, '_> {
    fn part(&mut self, write: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result) -> fmt::Result {
        if !self.is_first {
            self.f.write_str(", ")?;
        }
        self.is_first = false;
        write(self.f)
    }

    fn list<T>(
        &mut self,
        items: &[T],
        kind: &str,
        mut write: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
    ) -> fmt::Result {
        for item in items.iter().take(SHOWN) {
            self.part(|f| write(f, item))?;
        }
        match items.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => self.part(|f| write!(f, "{more} more {kind}")),
        }
    }
}

/// Prints `dm-3 (home)`, `md0`, or `loop0 over "/srv/image"`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.escape_debug())?;
        if let Some(name) = &self.dm_name {
            write!(f, " ({})", name.shown())?;
        }
        if let Some(file) = &self.backing_file {
            write!(f, " over {file}")?;
        }
        Ok(())
    }
}

/// Prints the mount point, and the mount namespace if it is not that of the calling thread.
impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.point.fmt(f)?;
        match (self.namespace_of, self.other_namespaces) {
            (None, _) => Ok(()),
            (Some(pid), 0) => write!(f, " in the mount namespace of process {pid}"),
            (Some(pid), more) => write!(f, " in the mount namespace of process {pid} and {more} more"),
        }
    }
}

/// Prints `open in process 41 ("fsck")`.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name, kind } = self;
        if *pid == std::process::id() {
            write!(f, "{kind} this process ({name})")
        } else {
            write!(f, "{kind} process {pid} ({name})")
        }
    }
}

/// Prints the words before "process" in the text of a [`Process`], such as `open in`.
impl fmt::Display for ProcessUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "open in",
            Self::WorkingDirectory => "working directory of",
            Self::Root => "root directory of",
            Self::Executable => "program of",
            Self::OpenFile => "a file on it open in",
        })
    }
}
