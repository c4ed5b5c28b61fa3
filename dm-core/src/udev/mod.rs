//! Waits for udev, and makes nodes where udev does not run.
//!
//! A resume, a removal or a rename sends a uevent, and udev changes `/dev` some time later. An operation therefore
//! usually ends by waiting until udev has finished, with a timeout. A [`Udev`] sets how operations wait: the
//! [`Strategy`], the timeout, and the directory that is used as `/dev`.
//!
//! ```
//! use std::time::Duration;
//! use dm_core::udev::{Strategy, Udev};
//!
//! let udev = Udev::new(Strategy::Auto).timeout(Duration::from_secs(10));
//! match udev.check_cookies() {
//!     Ok(()) => println!("udev completes cookies"),
//!     Err(reason) => println!("{reason}"),
//! }
//! ```
//!
//! # How the end of udev's work is detected
//!
//! As in libdm, an operation waits for a cookie. A cookie is a semaphore that counts steps, one for each expected
//! uevent. udev's rules decrement the semaphore to complete a step.
//!
//! Before each operation, [`Strategy::Auto`] makes a few cheap checks. It uses a cookie only if all of the following
//! are true:
//!
//! - udev's control socket exists.
//! - The rule that completes cookies is installed.
//! - This thread is in the initial IPC namespace, or in the IPC namespace of a container in which a udev runs.
//! - The environment variable `DM_DISABLE_UDEV` is not set.
//!
//! If udev makes no progress with the cookie for a second, the operation searches `/proc` for a udev daemon that runs
//! as root in the same IPC namespace. In the following cases, the operation stops waiting for the cookie. It then
//! waits for the nodes, or creates them if no other program does.
//!
//! - There is no such daemon.
//! - The rule that completes cookies is masked.
//! - Another process has removed the semaphore, for example with `dmsetup udevcomplete_all`.
//!
//! An operation without a semaphore sends a cookie with libdm's flags and a [base](crate::UdevCookie::base) of 0, so
//! that udev's rules treat the device in the same way.
//!
//! # Cookies of other programs
//!
//! [`cookies()`] lists the cookies of this IPC namespace. [`complete`] does the same as `dmsetup udevcomplete`.
//! [`remove_stale_cookies`] removes the cookies that killed programs left behind. Several processes can use one
//! [`SharedCookie`] for their commands.

mod alive;
mod cookies;
mod detect;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod error;
mod existing;
mod node_change;
mod node_name;
mod node_state;
mod nodes;
mod pending;
#[cfg(target_os = "linux")]
mod semaphore;
mod shared;
mod stale;
mod wait;
mod wait_mode;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dm_units::DeviceNumber;

pub use self::cookies::complete;
use self::detect::Facts;
pub use self::detect::NoCookies;
#[cfg(not(target_os = "linux"))]
use self::elsewhere::semaphore;
pub use self::error::{NodeNameFault, UdevError};
pub(crate) use self::node_change::NodeChange;
use self::node_name::check_node_name;
pub use self::node_state::NodeState;
use self::nodes::DevDir;
pub use self::nodes::NodeMode;
pub(crate) use self::pending::Pending;
pub use self::shared::{SharedCookie, rule_variables};
pub use self::stale::{CookieInfo, StaleCookie, cookies, remove_stale_cookies};
use crate::id::{DmName, Naming};
use crate::machine::paths::is_device;
use crate::wire::UdevFlags;

/// How an operation makes sure that `/dev` is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "dm_udev_set_sync_support")]
pub enum Strategy {
    /// The default: every operation and every batch chooses one of the following, so udev can start or stop at any
    /// time.
    ///
    /// - [`Cookies`](Self::Cookies), if udev completes cookies.
    /// - [`WaitForNodes`](Self::WaitForNodes), if udev would complete cookies, but is in another IPC namespace than
    ///   this thread.
    /// - [`MakeNodes`](Self::MakeNodes) otherwise.
    #[default]
    Auto,
    /// Waits for a [cookie](crate::udev), as libdm does. If no cookie can be created, or udev cannot complete the
    /// cookie, the operation continues as with [`WaitForNodes`](Self::WaitForNodes): see the [module
    /// docs](crate::udev). If udev is or may be running and does not finish within [`Udev::timeout`], the operation
    /// fails with [`is_timed_out`](UdevError::is_timed_out).
    Cookies,
    /// Polls the links below `/dev/mapper` until udev has made or removed them. If udev does not run or does not
    /// maintain the directory, this process makes or removes the links. If udev runs and does not finish within
    /// [`Udev::timeout`], the operation fails with [`is_timed_out`](UdevError::is_timed_out).
    WaitForNodes,
    /// Makes and removes nodes and links below `/dev/mapper` in this process.
    #[doc(alias = "--noudevrules")]
    MakeNodes,
    /// Neither makes nodes nor waits. Only the kernel's nodes such as `/dev/dm-0` are certain to exist, and only if
    /// `/dev` is a devtmpfs.
    #[doc(alias = "--noudevsync")]
    None,
}

/// Whether other programs should see a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Visibility {
    /// udev's rules treat the device like any other disk. They scan its content and make links by uuid and label.
    /// systemd and udisks may mount the device.
    #[default]
    Public,
    /// udev's rules only make the link below `/dev/mapper`. For parts of another device, such as the legs of a mirror.
    Private,
}

impl Visibility {
    /// The flags to send in a cookie. [`Public`](Self::Public) has none. [`Private`](Self::Private) has
    /// `DISABLE_SUBSYSTEM_RULES`, `DISABLE_DISK_RULES` and `DISABLE_OTHER_RULES`.
    #[must_use]
    pub const fn flags(self) -> UdevFlags {
        match self {
            Self::Public => UdevFlags::empty(),
            Self::Private => UdevFlags::DISABLE_SUBSYSTEM_RULES
                .union(UdevFlags::DISABLE_DISK_RULES)
                .union(UdevFlags::DISABLE_OTHER_RULES),
        }
    }
}

/// How operations cooperate with udev. With [`Strategy::Auto`], each operation checks whether and how udev works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udev {
    strategy: Strategy,
    timeout: Duration,
    dev: DevDir,
    facts: Facts,
    shared: Option<SharedCookie>,
}

/// Longer than any rule should take.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Udev {
    /// Sets the strategy, with a timeout of 30 seconds, the directory `/dev` and [`NodeMode::Link`].
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        let dev = DevDir { path: Path::new("/dev").into(), mode: NodeMode::default(), naming: Naming::default() };
        Self { strategy, timeout: TIMEOUT, dev, facts: Facts::default(), shared: None }
    }

    /// Limits the time that an operation or a batch waits for udev. If udev runs and has not finished by then, the
    /// operation or batch fails with [`is_timed_out`](UdevError::is_timed_out). With [`Duration::MAX`], the wait lasts
    /// as long as a udev daemon is or may be running.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Makes operations use a cookie that other processes use as well. Operations then do not wait for udev; call
    /// [`SharedCookie::wait`] after the last of them. Only udev makes the nodes. The cookie is used with
    /// [`Strategy::Cookies`], and with [`Strategy::Auto`] if udev completes cookies.
    #[must_use]
    pub fn on_cookie(self, cookie: SharedCookie) -> Self {
        Self { shared: Some(cookie), ..self }
    }

    /// Uses another directory as `/dev`. A missing subdirectory `mapper` is created with the first node.
    #[must_use]
    #[doc(alias = "dm_set_dev_dir")]
    #[doc(alias = "dm_dir")]
    pub fn dev_dir(self, path: impl Into<PathBuf>) -> Self {
        Self { dev: DevDir { path: path.into().into(), ..self.dev }, ..self }
    }

    /// Sets what kind of node is made below `/dev/mapper` if udev makes none.
    #[must_use]
    pub fn node_mode(self, mode: NodeMode) -> Self {
        Self { dev: DevDir { mode, ..self.dev }, ..self }
    }

    /// Sets how names are translated, which determines the names of nodes.
    pub(crate) fn naming(self, naming: Naming) -> Self {
        Self { dev: DevDir { naming, ..self.dev }, ..self }
    }

    /// Refuses a name that is not possible for a node below `/dev/mapper`. Operations call it before they create or
    /// rename the device.
    ///
    /// # Errors
    /// [`UdevError::NodeName`]: the name is `.`, `..` or `control`, or too long in its mangled form.
    pub(crate) fn check_node_name(&self, name: &DmName) -> Result<(), UdevError> {
        check_node_name(name, self.dev.naming)
    }

    /// The timeout of a wait.
    pub(crate) const fn wait_timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether devices have only the kernel's nodes.
    pub(crate) fn makes_no_nodes(&self) -> bool {
        self.strategy == Strategy::None
    }

    /// The strategy that was passed to [`new`](Self::new).
    #[must_use]
    pub const fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Checks whether udev currently completes cookies of this thread, as [`Strategy::Auto`] does. This usually takes
    /// three system calls.
    ///
    /// # Errors
    /// [`NoCookies`]: the reason why udev does not complete cookies.
    #[doc(alias = "dm_udev_get_sync_support")]
    pub fn check_cookies(&self) -> Result<(), NoCookies> {
        self.facts.check_cookies()
    }

    /// Starts a batch of commands that wait together for their changes of `/dev`.
    ///
    /// An operation calls it before it suspends anything. It cannot fail: if no semaphore can be created, the batch
    /// waits for nodes. Without `has_nodes`, the devices are those of a kernel without nodes on this machine, which are
    /// neither made nor polled.
    pub(crate) fn begin(&self, has_nodes: bool) -> Pending {
        Pending::begin(self.clone(), has_nodes)
    }

    /// The path of a device: its node or link below `/dev/mapper` if that leads to this device, otherwise the kernel's
    /// node.
    ///
    /// # Errors
    /// [`UdevError::NoNode`]: neither is this device.
    pub(crate) fn path_of(&self, name: &DmName, number: DeviceNumber) -> Result<PathBuf, UdevError> {
        let kernel_path = self.dev.kernel_path(number);
        let places = self.dev.places(name).into_iter().chain([kernel_path.clone()]);
        places.into_iter().find(|path| is_device(path, number)).ok_or_else(|| {
            let path = self.dev.node_path(name);
            let found = node_state::state(&path, number);
            UdevError::NoNode { name: name.to_owned(), number, path, found, kernel_path }
        })
    }
}

impl Default for Udev {
    /// [`Strategy::Auto`].
    fn default() -> Self {
        Self::new(Strategy::Auto)
    }
}

#[cfg(test)]
impl Udev {
    /// Makes nodes and reads facts below this directory instead of on this machine.
    pub(crate) fn below(root: &Path) -> Self {
        Self { facts: Facts::below(root), ..Self::new(Strategy::MakeNodes).dev_dir(root.join("dev")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_returned_only_if_it_is_the_device() {
        let dev = tempfile::tempdir().unwrap();
        let (udev, name) = (Udev::new(Strategy::None).dev_dir(dev.path()), DmName::new("my disk").unwrap());
        let number = DeviceNumber::new(4000, 7);
        let error = udev.path_of(name, number).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        let place = dev.path().join(r"mapper/my\x20disk").display().to_string();
        let text = error.to_string();
        assert!(text.starts_with(r"no path leads to device 'my\x20disk' (4000:7): "), "{text}");
        assert!(text.contains(&format!("{place} does not exist, and ")), "{text}");
        std::fs::create_dir(dev.path().join("mapper")).unwrap();
        std::fs::write(dev.path().join("mapper/my_disk"), "").unwrap();
        std::fs::write(dev.path().join("dm-7"), "").unwrap();
        assert!(udev.path_of(name, number).unwrap_err().is_not_found());
    }

    #[test]
    fn private_devices_are_left_alone_by_all_rules_but_the_device_mappers() {
        assert_eq!(Visibility::default().flags(), UdevFlags::empty());
        let private = Visibility::Private.flags();
        assert_eq!(private.bits(), 0b1110);
        assert!(!private.contains(UdevFlags::DISABLE_DM_RULES));
    }

    #[test]
    fn udev_can_be_shared_between_threads() {
        const fn shared<T: Clone + Send + Sync>() {}
        shared::<Udev>();
        shared::<UdevError>();
        const fn sent<T: Send>() {}
        sent::<Pending>();
    }
}
