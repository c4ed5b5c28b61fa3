//! Whether udev is there to wait for.

use std::fs;
use std::path::{Path, PathBuf};

/// Why cookies would never be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoCookies {
    /// udev does not run.
    #[error("udev does not run: there is no {CONTROL_SOCKET}")]
    NoUdev,
    /// udev has none of the rules that answer.
    #[error("udev has no rules of the device mapper, 95-dm-notify.rules above all, so it would never answer")]
    NoRules,
    /// udev does not see this process's semaphores.
    #[error("this process has an IPC namespace of its own, so udev would never find its semaphore")]
    OtherIpcNamespace,
    /// The environment says so.
    #[error("the environment variable {DISABLED} is set")]
    Disabled,
}

const CONTROL_SOCKET: &str = "/run/udev/control";
const DISABLED: &str = "DM_DISABLE_UDEV";

/// The rule that takes 1 from a cookie when udev is done.
const NOTIFY_RULES: &str = "95-dm-notify.rules";
const RULE_FOLDERS: [&str; 5] = [
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];

/// The IPC namespace that every system starts with (`PROC_IPC_INIT_INO` in include/linux/proc_ns.h).
const FIRST_IPC_NAMESPACE: &str = "ipc:[4026531839]";

/// Whether udev will answer cookies of this process.
pub(super) fn check_cookies() -> Result<(), NoCookies> {
    if std::env::var_os(DISABLED).is_some() {
        return Err(NoCookies::Disabled);
    }
    if !is_running() {
        return Err(NoCookies::NoUdev);
    }
    if !RULE_FOLDERS.iter().any(|folder| Path::new(folder).join(NOTIFY_RULES).exists()) {
        return Err(NoCookies::NoRules);
    }
    // Each thread can have one of its own.
    let own = ipc_namespace(Path::new("/proc/thread-self"));
    // In a PID namespace of its own, a process sees no udev; that runs in the first IPC namespace, then.
    let udevs = daemon().and_then(|process| ipc_namespace(&process)).unwrap_or(FIRST_IPC_NAMESPACE.into());
    if own.is_some_and(|own| own != udevs) {
        return Err(NoCookies::OtherIpcNamespace);
    }
    Ok(())
}

fn is_running() -> bool {
    Path::new(CONTROL_SOCKET).exists() && !own_pid_namespace_without_daemon()
}

/// The socket outlives a daemon that was killed. In the PID namespace of udev, that there is no such process is final.
fn own_pid_namespace_without_daemon() -> bool {
    let is_first = fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link == Path::new(FIRST_PID_NAMESPACE));
    is_first && daemon().is_none()
}

/// The PID namespace that every system starts with (`PROC_PID_INIT_INO` in include/linux/proc_ns.h).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The folder of udev's process in `/proc`.
fn daemon() -> Option<PathBuf> {
    let is_udev = |folder: &PathBuf| {
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        // Kernel names of processes have 15 bytes: `systemd-udevd`, and `udevd` or `eudevd` elsewhere.
        matches!(name.trim_end(), "systemd-udevd" | "(systemd-udevd)" | "udevd" | "eudevd")
    };
    fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(is_udev)
}

fn ipc_namespace(process: &Path) -> Option<PathBuf> {
    fs::read_link(process.join("ns/ipc")).ok()
}
