//! [`UdevError`]: errors of waiting for udev and of making nodes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use dm_units::DeviceNumber;
use nix::errno::Errno;

use super::node_state::NodeState;
use crate::id::DmNameBuf;

/// The reason why waiting for udev, making or removing a node, or using a [cookie](crate::udev) failed.
///
/// When an operation fails with this error, its commands have taken effect, and only `/dev` is incomplete. Some
/// operations, such as [`create`](crate::Host::create), then undo the commands.
/// [`NodeName`](Self::NodeName) is different: it is reported before the first command is sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UdevError {
    /// udev is or may be running, and has not completed a cookie within the timeout.
    #[error(
        "udev has not finished with {} within {waited:.1?}: {}{}; {}",
        Devices(.devices), outstanding(*.pending, *.cookie), MissingPaths(.lacking), advice(*.stopped)
    )]
    #[non_exhaustive]
    TimedOut {
        /// The devices of the commands. Always empty after [`SharedCookie::wait`](super::SharedCookie::wait).
        devices: Vec<(DmNameBuf, DeviceNumber)>,
        /// The paths below `/dev/mapper` that are missing, wrong or not removed yet. Always empty after
        /// [`SharedCookie::wait`](super::SharedCookie::wait). Other links may be missing too.
        lacking: Vec<PathBuf>,
        /// The key of the cookie's semaphore, which has been removed.
        cookie: u32,
        /// The number of steps that udev has not completed.
        pending: i32,
        /// The length of the wait.
        waited: Duration,
        /// Whether udev's daemon is stopped, for example by `SIGSTOP`.
        stopped: bool,
    },
    /// udev runs and has not created or removed a link within the timeout.
    #[error(
        "udev has not {} within {waited:.1?}: {} {found}; {}",
        done(*.present, .name, *.number), path.display(), advice(*.stopped)
    )]
    #[non_exhaustive]
    NodeTimedOut {
        /// The device's name.
        name: DmNameBuf,
        /// The device's number.
        number: DeviceNumber,
        /// The node or link.
        path: PathBuf,
        /// Whether a device with this name should have a node: `false` after a removal, and for the old name of a
        /// rename.
        present: bool,
        /// The state of `path`.
        found: NodeState,
        /// The length of the wait.
        waited: Duration,
        /// Whether udev's daemon is stopped, for example by `SIGSTOP`.
        stopped: bool,
    },
    /// A node or link cannot be created or removed. The source is the errno.
    #[error("cannot {what} {} for device '{}' ({number})", path.display(), name.shown())]
    #[non_exhaustive]
    Node {
        /// The action that failed: `make` or `remove`.
        what: &'static str,
        /// The device's name.
        name: DmNameBuf,
        /// The device's number.
        number: DeviceNumber,
        /// The node or link, or its directory.
        path: PathBuf,
        /// The errno of the system call.
        source: Errno,
    },
    /// A stale node or link cannot be removed: it belongs to a device that no longer exists, or is a block node of a
    /// device that has another name now. The source is the errno.
    #[error("cannot remove the stale {}", path.display())]
    #[non_exhaustive]
    StaleNode {
        /// The node or link.
        path: PathBuf,
        /// The errno of the system call.
        source: Errno,
    },
    /// `/dev/mapper` cannot be read, so stale nodes may remain. The source is the errno.
    #[error("cannot read {}", path.display())]
    #[non_exhaustive]
    UnreadableDirectory {
        /// The path of the directory.
        path: PathBuf,
        /// The errno of the system call.
        source: Errno,
    },
    /// A node cannot be created because its path is a file that is neither a link nor a block device.
    #[error(
        "cannot make {} for device '{}' ({number}): it is neither a link nor a block device; move it away",
        path.display(), name.shown()
    )]
    #[non_exhaustive]
    Occupied {
        /// The device's name.
        name: DmNameBuf,
        /// The device's number.
        number: DeviceNumber,
        /// The path of that file.
        path: PathBuf,
    },
    /// `/dev/mapper` is not safe, so no node was created. It must be a directory, not a link. It must belong to root or
    /// to the owner of the directory that is used as `/dev`, and must not be writable by all users.
    #[error(
        "cannot make nodes in {}: it must be a directory, not a link, that belongs to root or to the owner of its parent \
         directory, and is not writable by all users", path.display()
    )]
    #[non_exhaustive]
    Directory {
        /// The path of the directory.
        path: PathBuf,
    },
    /// A device with this name cannot have a node below `/dev/mapper`.
    #[error("device '{}' cannot have a node in /dev/mapper: {reason}", name.shown())]
    #[non_exhaustive]
    NodeName {
        /// The name of the device.
        name: DmNameBuf,
        /// The rule that the name breaks.
        reason: NodeNameFault,
    },
    /// Neither the path below `/dev/mapper` nor the kernel's node leads to the device.
    #[error(
        "no path leads to device '{}' ({number}): {} {found}, and {} is not this device either",
        name.shown(), path.display(), kernel_path.display()
    )]
    #[non_exhaustive]
    NoNode {
        /// The device's name.
        name: DmNameBuf,
        /// The device's number.
        number: DeviceNumber,
        /// The path that the node should have.
        path: PathBuf,
        /// The state of `path`.
        found: NodeState,
        /// The kernel's node `/dev/dm-N`.
        kernel_path: PathBuf,
    },
    /// A cookie cannot be completed because no udev daemon runs. The cookie has been removed.
    #[error("no udev daemon runs that would complete the udev cookie {cookie:#x}, so nodes may be missing")]
    #[non_exhaustive]
    NoDaemon {
        /// The key of the cookie's semaphore.
        cookie: u32,
    },
    /// The number is not the key of a cookie, `0xd4d0001` to `0xd4dffff`.
    #[error("{number:#x} is not the number of a udev cookie, which is between 0xd4d0001 and 0xd4dffff")]
    #[non_exhaustive]
    NotACookie {
        /// The number that the caller passed.
        number: u32,
    },
    /// A cookie could not be created, used or completed, or the cookies could not be listed. The source is the errno.
    #[error("cannot {what} {}", CookieKey(*.cookie, .what))]
    #[non_exhaustive]
    Cookie {
        /// The action that failed, such as `remove`.
        what: &'static str,
        /// The key of the cookie's semaphore. `None` if the cookie could not be created, or the cookies could not be
        /// listed.
        cookie: Option<u32>,
        /// The errno of the system call.
        source: Errno,
    },
}

/// The reason why a device with a certain name cannot have a node below `/dev/mapper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeNameFault {
    /// The name is `.`, `..` or `control`.
    #[error("the name is reserved there")]
    Reserved,
    /// The file name, which is the [mangled](crate::Naming) name, would exceed 255 bytes.
    #[error("in its mangled form it has {len} bytes, and file names have at most 255")]
    #[non_exhaustive]
    TooLong {
        /// The length of the mangled name in bytes.
        len: usize,
    },
}

impl UdevError {
    /// Whether udev did not finish within the timeout.
    #[must_use]
    pub const fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::NodeTimedOut { .. })
    }

    /// Whether the device has no node, or the cookie does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let is_gone = |source| matches!(source, Errno::ENOENT | Errno::EINVAL | Errno::EIDRM);
        match self {
            Self::NoNode { .. } => true,
            Self::Cookie { cookie: Some(_), source, .. } => is_gone(*source),
            _ => false,
        }
    }

    /// Whether a system call failed with `EPERM` or `EACCES`.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        matches!(self.source_errno(), Some(Errno::EPERM | Errno::EACCES))
    }

    /// Whether a device with this name cannot have a node, or the number is not the key of a cookie.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        matches!(self, Self::NodeName { .. } | Self::NotACookie { .. })
    }

    /// The errno, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.source_errno().map(|errno| errno as i32)
    }

    const fn source_errno(&self) -> Option<Errno> {
        match self {
            Self::Node { source, .. }
            | Self::StaleNode { source, .. }
            | Self::UnreadableDirectory { source, .. }
            | Self::Cookie { source, .. } => Some(*source),
            _ => None,
        }
    }
}

pub(super) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

const fn advice(stopped: bool) -> &'static str {
    if stopped { "its daemon is stopped: let it continue (SIGCONT)" } else { "check udev's log" }
}

fn outstanding(pending: i32, cookie: u32) -> String {
    match pending {
        1 => format!("1 step of cookie {cookie:#x} is outstanding"),
        _ => format!("{pending} steps of cookie {cookie:#x} are outstanding"),
    }
}

fn done(present: bool, name: &DmNameBuf, number: DeviceNumber) -> String {
    let name = name.shown();
    if present {
        format!("created the link to device '{name}' ({number})")
    } else {
        format!("removed the link of device '{name}' ({number})")
    }
}

/// The largest number of devices or paths that an error lists.
const MAX_NAMED: usize = 3;

struct Devices<'a>(&'a [(DmNameBuf, DeviceNumber)]);

impl fmt::Display for Devices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("a device");
        }
        let texts = self.0.iter().map(|(name, number)| format!("device '{}' ({number})", name.shown()));
        write_some(f, texts)
    }
}

struct MissingPaths<'a>(&'a [PathBuf]);

impl fmt::Display for MissingPaths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str(", and these are missing or wrong: ")?;
        write_some(f, self.0.iter().map(|path| path.display().to_string()))
    }
}

struct CookieKey(Option<u32>, &'static str);

impl fmt::Display for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(key), _) => write!(f, "the udev cookie {key:#x}"),
            Self(None, "list") => f.write_str("udev cookies"),
            Self(None, _) => f.write_str("a udev cookie"),
        }
    }
}

fn write_some(f: &mut fmt::Formatter<'_>, mut texts: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    for (index, text) in texts.by_ref().take(MAX_NAMED).enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        f.write_str(&text)?;
    }
    match texts.len() {
        0 => f.write_str(""),
        more => write!(f, " and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn name(text: &str) -> DmNameBuf {
        DmNameBuf::new(text).unwrap()
    }

    const NUMBER: DeviceNumber = DeviceNumber { major: 254, minor: 3 };

    #[test]
    fn a_cookie_that_was_not_created_is_one_and_the_listed_ones_are_several() {
        let text = |what| UdevError::Cookie { what, cookie: None, source: Errno::ENOSPC }.to_string();
        assert_eq!(text("create"), "cannot create a udev cookie");
        assert_eq!(text("list"), "cannot list udev cookies");
    }

    #[test]
    fn a_timeout_names_the_devices_the_missing_paths_and_a_remedy() {
        let timed_out = |count: u32, stopped| UdevError::TimedOut {
            devices: (0..count).map(|index| (name(&format!("my {index}")), NUMBER)).collect(),
            lacking: vec!["/dev/mapper/x".into()],
            cookie: 0x0d4d_1234,
            pending: 2,
            waited: Duration::from_millis(30_012),
            stopped,
        };
        assert_eq!(
            timed_out(1, false).to_string(),
            r"udev has not finished with device 'my\x200' (254:3) within 30.0s: 2 steps of cookie 0xd4d1234 are outstanding, and these are missing or wrong: /dev/mapper/x; check udev's log"
        );
        assert_eq!(outstanding(1, 0x0d4d_1234), "1 step of cookie 0xd4d1234 is outstanding");
        let many = timed_out(5, true).to_string();
        let named = [0, 1, 2].map(|index| format!(r"device 'my\x20{index}' (254:3)")).join(", ");
        assert!(many.contains(&format!("with {named} and 2 more within")), "{many}");
        assert!(many.ends_with("its daemon is stopped: let it continue (SIGCONT)"), "{many}");
    }

    #[test]
    fn the_error_of_a_wait_for_a_node_says_what_its_path_is() {
        let text = |present, found| {
            let (name, path, waited) = (name("x"), "/dev/mapper/x".into(), Duration::from_secs(2));
            UdevError::NodeTimedOut { name, number: NUMBER, path, present, found, waited, stopped: false }.to_string()
        };
        assert_eq!(
            text(true, NodeState::OtherDevice(DeviceNumber::new(254, 9))),
            "udev has not created the link to device 'x' (254:3) within 2.0s: /dev/mapper/x is device 254:9; check udev's log"
        );
        assert_eq!(
            text(false, NodeState::Dangling),
            "udev has not removed the link of device 'x' (254:3) within 2.0s: /dev/mapper/x is a dangling link; check udev's log"
        );
    }

    #[test]
    fn the_errno_is_the_source_and_not_repeated() {
        let error = UdevError::Cookie { what: "remove", cookie: Some(0x0d4d_0001), source: Errno::EPERM };
        assert_eq!(error.to_string(), "cannot remove the udev cookie 0xd4d0001");
        assert_eq!(error.source().unwrap().to_string(), "EPERM: Operation not permitted");
        assert_eq!(error.errno(), Some(1));
        assert!(error.is_permission_denied() && !error.is_timed_out() && !error.is_not_found() && !error.is_invalid());
        let listing = UdevError::Cookie { what: "list", cookie: None, source: Errno::ENOENT };
        assert_eq!(listing.to_string(), "cannot list udev cookies");
        assert!(!listing.is_not_found(), "no cookie is missing, but the list");
    }

    #[test]
    fn an_unsafe_directory_is_refused_with_the_owners_and_the_mode_that_it_may_have() {
        let text = UdevError::Directory { path: "/dev/mapper".into() }.to_string();
        assert!(text.contains("belongs to root or to the owner of its parent directory"), "{text}");
        assert!(text.ends_with("not writable by all users"), "{text}");
    }

    #[test]
    fn predicates_are_false_for_other_errors() {
        let occupied = UdevError::Occupied { name: name("x"), number: NUMBER, path: "/dev/mapper/x".into() };
        assert!(!occupied.is_timed_out() && !occupied.is_not_found() && !occupied.is_invalid());
        assert!(!occupied.is_permission_denied());
        assert_eq!(occupied.errno(), None);
    }
}
