//! Finds out from `/proc` whether a udev daemon runs.
//!
//! Any user can name a process `udevd`, and the `/proc` folder of a process that is not dumpable belongs to root. So a
//! process counts only if all four of its user ids are 0, and if it runs one of udev's programs, where that is visible.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::detect::Facts;

/// The state of the udev daemon according to `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Daemon {
    /// A daemon is in this thread's IPC namespace, or may be, so it can complete cookies.
    Answers {
        /// Whether all such daemons are stopped, for example by `SIGSTOP`.
        stopped: bool,
    },
    /// A daemon that maintains `/dev` runs, but in another IPC namespace, so it cannot complete cookies.
    Elsewhere,
    /// No daemon runs, except those of containers.
    Gone,
    /// No daemon is visible, but some processes may be hidden.
    Unknown,
}

/// The PID namespace that every system starts with (`PROC_PID_INIT_INO` in include/linux/proc_ns.h).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Limits of the search in `/proc`, far above the size of usual systems.
const MAX_PROCESSES: usize = 100_000;
const MAX_WALK_TIME: Duration = Duration::from_secs(2);

/// The file names of udev's programs.
const PROGRAMS: [&str; 4] = ["systemd-udevd", "udevadm", "udevd", "eudevd"];

/// Searches `/proc` once, within limits.
pub(super) fn find_daemon(facts: &Facts) -> Daemon {
    let proc = facts.path("proc");
    let Ok(entries) = fs::read_dir(&proc) else { return Daemon::Unknown };
    let own = facts.ipc_namespace("thread-self");
    let start = Instant::now();
    let (mut is_complete, mut elsewhere, mut stopped) = (true, false, false);
    for (seen, entry) in entries.enumerate() {
        if seen >= MAX_PROCESSES || start.elapsed() > MAX_WALK_TIME {
            is_complete = false;
            break;
        }
        let Ok(entry) = entry else { continue };
        if !entry.file_name().as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let Some(process) = daemon(&entry.path()) else { continue };
        let namespace = facts.ipc_namespace(entry.file_name());
        match (own, namespace) {
            // The udev of a container does not maintain this `/dev`.
            (Some(own), Some(namespace)) if own != namespace => elsewhere |= !process.is_nested,
            _ if process.stopped => stopped = true,
            _ => return Daemon::Answers { stopped: false },
        }
    }
    if stopped {
        Daemon::Answers { stopped }
    } else if elsewhere {
        Daemon::Elsewhere
    } else if is_complete && sees_all(&proc) {
        Daemon::Gone
    } else {
        Daemon::Unknown
    }
}

/// Whether this process sees the processes of all users and PID namespaces.
fn sees_all(proc: &Path) -> bool {
    let is_first = fs::metadata(proc.join("self/ns/pid")).is_ok_and(|namespace| is_first(namespace.ino()));
    // The mount option `hidepid` may hide other users' processes. Init always exists.
    is_first && proc.join("1/comm").exists()
}

const fn is_first(namespace: u64) -> bool {
    // The files that tests use do not have this number, so tests always count as the first namespace.
    namespace == FIRST_PID_NAMESPACE || cfg!(test)
}

struct Process {
    stopped: bool,
    /// Whether it is in a PID namespace below the one of this `/proc`.
    is_nested: bool,
}

/// Reads a process; `None` unless it is a udev daemon that runs as root.
fn daemon(process: &Path) -> Option<Process> {
    let comm = read(&process.join("comm"))?;
    // The kernel's process names have at most 15 bytes.
    if !matches!(comm.trim_end(), "systemd-udevd" | "udevd" | "eudevd") {
        return None;
    }
    let status = read(&process.join("status"))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    if !field("Uid")?.split_ascii_whitespace().eq(["0"; 4]) || !runs_udev(process) {
        return None;
    }
    match field("State")?.trim_start().as_bytes().first() {
        Some(b'Z' | b'X') | None => None,
        Some(state) => Some(Process {
            stopped: matches!(state, b'T' | b't'),
            is_nested: field("NSpid").is_some_and(|pids| pids.split_ascii_whitespace().nth(1).is_some()),
        }),
    }
}

/// Checks the executable, since a set-user-id program can run as root under any name.
fn runs_udev(process: &Path) -> bool {
    match fs::read_link(process.join("exe")) {
        Ok(program) => {
            let name = program.file_name().map(OsStr::as_bytes).unwrap_or_default();
            // The kernel appends this to a program that was replaced by an update.
            let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
            PROGRAMS.iter().any(|program| program.as_bytes() == name)
        }
        // A kernel thread or a zombie is not a daemon.
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        // Not visible to this user.
        Err(_) => true,
    }
}

/// Reads a small file of procfs.
fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(4096).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
pub(super) mod fake {
    //! A root with the files that the facts come from.
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    pub(in crate::udev) struct Fake(tempfile::TempDir);

    /// The facts about a process from `/proc`.
    #[derive(Clone, Copy)]
    pub(in crate::udev) struct Process {
        pub(in crate::udev) comm: &'static str,
        pub(in crate::udev) exe: &'static str,
        pub(in crate::udev) uids: &'static str,
        pub(in crate::udev) state: &'static str,
        /// Namespaces of the same name are the same.
        pub(in crate::udev) namespace: &'static str,
        /// Its numbers in all PID namespaces that it is in.
        pub(in crate::udev) pids: &'static str,
    }

    impl Process {
        /// A daemon in the IPC namespace of this thread.
        pub(in crate::udev) const UDEV: Self = Self {
            comm: "systemd-udevd",
            exe: "udevadm",
            uids: "0\t0\t0\t0",
            state: "S (sleeping)",
            namespace: "own",
            pids: "20",
        };
    }

    impl Fake {
        pub(in crate::udev) fn new() -> Self {
            let fake = Self(tempfile::tempdir().unwrap());
            fake.file("proc/self/ns/pid", "");
            fake.file("proc/1/comm", "init\n");
            fake
        }

        /// With everything that udev needs, except the daemon, and an empty `/dev/mapper`.
        pub(in crate::udev) fn with_udev() -> Self {
            let fake = Self::new();
            fake.file("run/udev/control", "");
            fake.file("usr/lib/udev/rules.d/95-dm-notify.rules", "rule");
            fake.file("proc/thread-self/mountinfo", "21 20 0:5 / / rw - devtmpfs udev rw\n");
            fs::create_dir_all(fake.path("sys/dev/block")).unwrap();
            fs::create_dir_all(fake.path("dev/mapper")).unwrap();
            fake
        }

        pub(in crate::udev) fn facts(&self) -> Facts {
            Facts::below(self.0.path())
        }

        pub(in crate::udev) fn path(&self, relative: &str) -> PathBuf {
            self.0.path().join(relative)
        }

        pub(in crate::udev) fn file(&self, relative: &str, text: &str) {
            let path = self.path(relative);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        pub(in crate::udev) fn namespace(&self, process: &str, namespace: &str) {
            self.file(&format!("namespaces/{namespace}"), "");
            let link = self.path(&format!("proc/{process}/ns/ipc"));
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(self.path(&format!("namespaces/{namespace}")), link).unwrap();
        }

        pub(in crate::udev) fn process(&self, pid: u32, process: &Process) {
            self.file(&format!("proc/{pid}/comm"), &format!("{}\n", process.comm));
            let Process { comm, state, uids, pids, .. } = process;
            let status = format!("Name:\t{comm}\nState:\t{state}\nUid:\t{uids}\nNSpid:\t{pids}\n");
            self.file(&format!("proc/{pid}/status"), &status);
            self.namespace(&pid.to_string(), process.namespace);
            symlink(format!("/usr/bin/{}", process.exe), self.path(&format!("proc/{pid}/exe"))).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::{Fake, Process};
    use super::*;

    fn seen(processes: &[Process]) -> Daemon {
        let fake = Fake::new();
        fake.namespace("thread-self", "own");
        for (pid, process) in (100..).zip(processes) {
            fake.process(pid, process);
        }
        find_daemon(&fake.facts())
    }

    #[test]
    fn a_process_without_an_executable_is_not_a_udev_and_one_that_hides_it_may_be() {
        let process = tempfile::tempdir().unwrap();
        assert!(!runs_udev(process.path()), "a kernel thread");
        // Reading it as a link fails for another reason than a missing file.
        fs::write(process.path().join("exe"), "").unwrap();
        assert!(runs_udev(process.path()));
    }

    #[test]
    fn any_daemon_in_the_own_namespace_answers() {
        let elsewhere = Process { namespace: "container", ..Process::UDEV };
        let stopped = Process { state: "T (stopped)", ..Process::UDEV };
        assert_eq!(seen(&[]), Daemon::Gone);
        assert_eq!(seen(&[elsewhere]), Daemon::Elsewhere);
        assert_eq!(seen(&[Process { pids: "20\t7", ..elsewhere }]), Daemon::Gone);
        assert_eq!(seen(&[Process { pids: "20\t7", ..Process::UDEV }]), Daemon::Answers { stopped: false });
        assert_eq!(seen(&[elsewhere, Process::UDEV, elsewhere]), Daemon::Answers { stopped: false });
        assert_eq!(seen(&[stopped, elsewhere]), Daemon::Answers { stopped: true });
        assert_eq!(seen(&[stopped, Process::UDEV]), Daemon::Answers { stopped: false });
        for name in ["udevd", "eudevd"] {
            assert_eq!(seen(&[Process { comm: name, exe: name, ..Process::UDEV }]), Daemon::Answers { stopped: false });
        }
        assert_eq!(seen(&[Process { exe: "udevadm (deleted)", ..Process::UDEV }]), Daemon::Answers { stopped: false });
    }

    #[test]
    fn a_process_that_a_user_called_udevd_does_not_count() {
        // The last one runs a set-user-id program of root's under another name.
        for uids in ["1000\t1000\t1000\t1000", "1000\t0\t0\t0", "0\t0\t0\t1000", "65534\t65534\t65534\t65534", "", "0"]
        {
            assert_eq!(seen(&[Process { uids, ..Process::UDEV }]), Daemon::Gone, "{uids}");
        }
        assert_eq!(seen(&[Process { comm: "udevd", exe: "sudo", ..Process::UDEV }]), Daemon::Gone);
        assert_eq!(seen(&[Process { comm: "cat", ..Process::UDEV }]), Daemon::Gone);
        assert_eq!(seen(&[Process { state: "Z (zombie)", ..Process::UDEV }]), Daemon::Gone);
    }

    #[test]
    fn no_daemon_is_final_only_where_all_processes_are_visible() {
        let hidden = Fake::new();
        fs::remove_file(hidden.path("proc/1/comm")).unwrap();
        assert_eq!(find_daemon(&hidden.facts()), Daemon::Unknown);
        let without_proc = Fake::new();
        fs::remove_dir_all(without_proc.path("proc")).unwrap();
        assert_eq!(find_daemon(&without_proc.facts()), Daemon::Unknown);
    }
}
