//! Decides from a few cheap facts whether udev completes cookies.
//!
//! With [`Strategy::Auto`](super::Strategy::Auto), this runs before every operation, so it usually makes three system
//! calls, and walks `/proc` only in a container with its own IPC namespace. The facts can be wrong: a daemon that was
//! killed leaves its socket behind. [`alive`] searches for the daemon once a reply is overdue.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alive::{self, Daemon};

/// The reason why udev does not complete [cookies](crate::udev).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoCookies {
    /// udev does not run: its socket `/run/udev/control` does not exist.
    #[error("udev does not run: /{CONTROL_SOCKET} does not exist")]
    NoUdev,
    /// udev lacks the rules file `95-dm-notify.rules`, which completes cookies.
    #[error("udev lacks {NOTIFY_RULES}, which completes cookies: install the udev rules of the device mapper")]
    NoRules,
    /// This thread is in another IPC namespace than udev, so udev cannot access this thread's semaphores.
    #[error("udev cannot find the semaphores of this thread, which is in another IPC namespace")]
    OtherIpcNamespace,
    /// The environment variable `DM_DISABLE_UDEV` is set.
    #[error("the environment variable {DISABLED} is set")]
    Disabled,
}

const CONTROL_SOCKET: &str = "run/udev/control";
const DISABLED: &str = "DM_DISABLE_UDEV";

/// The rule that decrements a cookie when udev has finished.
const NOTIFY_RULES: &str = "95-dm-notify.rules";

/// The folders of rules. Usually the first one has them.
const RULE_FOLDERS: [&str; 5] =
    ["usr/lib/udev/rules.d", "lib/udev/rules.d", "etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d"];

/// Folders whose files replace those of the same name elsewhere, strongest first.
const OVERRIDES: [&str; 3] = ["etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d"];

/// The initial IPC namespace, with which every system starts (`PROC_IPC_INIT_INO` in include/linux/proc_ns.h).
const INITIAL_IPC_NAMESPACE: u64 = 0xEFFF_FFFF;

/// The files that the facts are read from, below a root that tests replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    root: Arc<Path>,
}

impl Default for Facts {
    fn default() -> Self {
        Self::below("/")
    }
}

impl Facts {
    pub(super) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into().into() }
    }

    pub(super) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Checks whether udev will complete cookies of this thread.
    pub(super) fn check_cookies(&self) -> Result<(), NoCookies> {
        self.check_with(std::env::var_os(DISABLED).is_some())
    }

    fn check_with(&self, disabled: bool) -> Result<(), NoCookies> {
        if disabled {
            return Err(NoCookies::Disabled);
        }
        if !self.path(CONTROL_SOCKET).exists() {
            return Err(NoCookies::NoUdev);
        }
        if !RULE_FOLDERS.iter().any(|folder| self.path(folder).join(NOTIFY_RULES).exists()) {
            return Err(NoCookies::NoRules);
        }
        // Without procfs the namespace is unknown, and most likely the initial one.
        match self.ipc_namespace("thread-self") {
            Some(own) if own != INITIAL_IPC_NAMESPACE && !self.has_udev_inside(own) => {
                Err(NoCookies::OtherIpcNamespace)
            }
            _ => Ok(()),
        }
    }

    /// Whether an IPC namespace other than the initial one has a udev, as a container with a complete system may have.
    ///
    /// Process 1 of such a container is in the same IPC namespace. That is not so for a service of the host with a
    /// private namespace, so only the few processes of a container are searched.
    fn has_udev_inside(&self, own: u64) -> bool {
        self.ipc_namespace("1") == Some(own) && matches!(alive::find_daemon(self), Daemon::Answers { .. })
    }

    /// The IPC namespace of a process or of this thread; threads can differ.
    pub(super) fn ipc_namespace(&self, process: impl AsRef<Path>) -> Option<u64> {
        Some(fs::metadata(self.path("proc").join(process).join("ns/ipc")).ok()?.ino())
    }

    /// Whether the rule that completes cookies is masked by an empty file or a link to `/dev/null`.
    ///
    /// This is rare, so it is only checked when udev does not answer.
    pub(super) fn is_notify_rule_masked(&self) -> bool {
        let files = OVERRIDES.iter().map(|folder| fs::metadata(self.path(folder).join(NOTIFY_RULES)));
        files.filter_map(Result::ok).next().is_some_and(|file| file.len() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udev::alive::fake::{Fake, Process};

    #[test]
    fn cookies_need_a_socket_and_a_rule_and_can_be_switched_off() {
        let fake = Fake::new();
        let facts = fake.facts();
        assert_eq!(facts.check_with(true), Err(NoCookies::Disabled));
        assert_eq!(facts.check_with(false), Err(NoCookies::NoUdev));
        fake.file(CONTROL_SOCKET, "");
        assert_eq!(facts.check_with(false), Err(NoCookies::NoRules));
        fake.file("etc/udev/rules.d/95-dm-notify.rules", "rule");
        assert_eq!(facts.check_with(false), Ok(()));
    }

    #[test]
    fn every_folder_of_rules_counts() {
        for folder in RULE_FOLDERS {
            let fake = Fake::new();
            fake.file(CONTROL_SOCKET, "");
            fake.file(&format!("{folder}/{NOTIFY_RULES}"), "rule");
            assert_eq!(fake.facts().check_with(false), Ok(()), "{folder}");
        }
    }

    /// A fake namespace is never the first one: the inode of a file.
    fn in_another_namespace() -> Fake {
        let fake = Fake::new();
        fake.file(CONTROL_SOCKET, "");
        fake.file("usr/lib/udev/rules.d/95-dm-notify.rules", "rule");
        fake.namespace("thread-self", "own");
        fake
    }

    #[test]
    fn another_ipc_namespace_has_cookies_only_with_a_udev_inside() {
        let fake = in_another_namespace();
        assert_eq!(fake.facts().check_with(false), Err(NoCookies::OtherIpcNamespace));
        // The host's udev is visible, and its first process is in another namespace.
        fake.process(1, &Process { namespace: "host", comm: "systemd", exe: "systemd", ..Process::UDEV });
        fake.process(20, &Process { namespace: "host", ..Process::UDEV });
        assert_eq!(fake.facts().check_with(false), Err(NoCookies::OtherIpcNamespace));

        let container = in_another_namespace();
        container.process(1, &Process { comm: "systemd", exe: "systemd", ..Process::UDEV });
        assert_eq!(container.facts().check_with(false), Err(NoCookies::OtherIpcNamespace));
        container.process(20, &Process::UDEV);
        assert_eq!(container.facts().check_with(false), Ok(()));
    }

    #[test]
    fn a_masked_rule_is_seen() {
        let fake = Fake::new();
        fake.file("usr/lib/udev/rules.d/95-dm-notify.rules", "rule");
        assert!(!fake.facts().is_notify_rule_masked());
        fake.file("run/udev/rules.d/95-dm-notify.rules", "");
        assert!(fake.facts().is_notify_rule_masked());
        fake.file("etc/udev/rules.d/95-dm-notify.rules", "rule");
        assert!(!fake.facts().is_notify_rule_masked());
    }
}
