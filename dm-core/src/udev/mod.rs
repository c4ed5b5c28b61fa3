//! Working together with udev, and without it.
//!
//! A resume, a removal or a rename sends a uevent, and udev then changes `/dev`, which takes a while. An operation therefore
//! ends by waiting until udev has finished, with a timeout. [`Udev`] is how: a [`Strategy`], the timeout, and the directory in
//! the place of `/dev`.
//!
//! ```
//! use std::time::Duration;
//! use dm_core::udev::{Strategy, Udev};
//!
//! let udev = Udev::new(Strategy::Auto).timeout(Duration::from_secs(10));
//! match udev.check_cookies() {
//!     Ok(()) => println!("udev tells when it has finished"),
//!     Err(reason) => println!("{reason}"),
//! }
//! ```
//!
//! # How it is found out that udev has finished
//!
//! By a cookie, as libdm does it: a semaphore that udev's rules count down. Whether they will is judged by three cheap facts
//! before each operation: udev's control socket exists, the rule that answers is installed, and this thread is in the first
//! IPC namespace. If no answer comes for a second, `/proc` is searched for a daemon of root's that shares the IPC namespace.
//! If none does, or another process removed the semaphore (`dmsetup udevcomplete_all`), the nodes themselves are waited for,
//! or are made here if no other program will make them.
//!
//! A cookie with base 0 carries libdm's flags where no cookie is waited for, so that udev's rules treat the device alike.
//!
//! # Cookies of other programs
//!
//! [`cookies`] lists all of them, [`complete`] is what `dmsetup udevcomplete` does, and [`remove_stale_cookies`] removes those
//! that killed programs left behind. Several processes can put their commands on one [`SharedCookie`].

mod alive;
mod cookies;
mod detect;
mod error;
mod existing;
mod node_name;
mod node_state;
mod nodes;
mod pending;
mod semaphore;
mod shared;
mod stale;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use dm_units::DeviceNumber;

pub use self::cookies::complete;
use self::detect::Facts;
pub use self::detect::NoCookies;
pub use self::error::{NodeNameFault, UdevError};
use self::node_name::check_node_name;
pub use self::node_state::NodeState;
use self::nodes::DevDir;
pub(crate) use self::nodes::NodeChange;
pub use self::nodes::NodeMode;
pub(crate) use self::pending::Pending;
pub use self::shared::{SharedCookie, rule_variables};
pub use self::stale::{CookieInfo, StaleCookie, cookies, remove_stale_cookies};
use crate::id::{DmName, Naming};
use crate::machine::paths::is_device;
use crate::wire::UdevFlags;

/// How to find out when `/dev` is as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// [`Cookies`](Self::Cookies) where udev answers them, else [`WaitForNodes`](Self::WaitForNodes) where udev makes nodes all
    /// the same, else [`MakeNodes`](Self::MakeNodes). Every operation decides anew, so it follows a udev that starts or stops.
    #[default]
    Auto,
    /// As with libdm, udev tells when it has finished. Whether it will is not judged in advance: only if no answer comes for a
    /// second is it looked for.
    Cookies,
    /// udev makes the links under `/dev/mapper`, and they are looked at until they are right.
    WaitForNodes,
    /// Nodes and links under `/dev/mapper` are made here.
    MakeNodes,
    /// Nothing is made and nothing is waited for. The kernel's own `/dev/dm-0` always exists.
    None,
}

/// Whether other programs should see a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Visibility {
    /// udev's rules treat it as any disk: they look at what it holds and make links by uuid and label, and systemd and udisks
    /// may mount it.
    #[default]
    Public,
    /// For parts of another device, such as the legs of a mirror: only the link under `/dev/mapper` is made.
    Private,
}

impl Visibility {
    /// What udev's rules are told.
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

/// How operations work together with udev. It has no state: each operation looks anew.
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
    /// Works by a strategy, with a timeout of 30 s, in `/dev`.
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        let dev = DevDir { path: PathBuf::from("/dev"), mode: NodeMode::default(), naming: Naming::default() };
        Self { strategy, timeout: TIMEOUT, dev, facts: Facts::default(), shared: None }
    }

    /// The longest time that an operation or a batch waits for udev. With [`Duration::MAX`] it waits for as long as a daemon
    /// runs.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Puts the commands of operations on a cookie that other processes use as well. Operations then wait for nothing:
    /// [`SharedCookie::wait`] does, and udev alone makes the nodes. Where udev does not answer cookies, the cookie is left
    /// alone and nodes are made here.
    #[must_use]
    pub fn on_cookie(self, cookie: SharedCookie) -> Self {
        Self { shared: Some(cookie), ..self }
    }

    /// The directory in the place of `/dev`, in which there is or will be a directory `mapper`.
    #[must_use]
    #[doc(alias = "dm_set_dev_dir")]
    pub fn dev_dir(self, path: impl Into<PathBuf>) -> Self {
        Self { dev: DevDir { path: path.into(), ..self.dev }, ..self }
    }

    /// What is made under `/dev/mapper` where udev does not.
    #[must_use]
    pub fn node_mode(self, mode: NodeMode) -> Self {
        Self { dev: DevDir { mode, ..self.dev }, ..self }
    }

    /// How the host's names relate to the kernel's: nodes follow.
    pub(crate) fn naming(self, naming: Naming) -> Self {
        Self { dev: DevDir { naming, ..self.dev }, ..self }
    }

    /// Refuses a name that can't have a node under `/dev/mapper`. Operations ask before they make the device.
    ///
    /// # Errors
    /// [`UdevError::NodeName`]: the name is `.`, `..` or `control`, or too long in its mangled form.
    pub(crate) fn check_node_name(&self, name: &DmName) -> Result<(), UdevError> {
        check_node_name(name, self.dev.naming)
    }

    /// The longest time that is waited for.
    pub(crate) const fn wait_timeout(&self) -> Duration {
        self.timeout
    }

    /// Devices have no nodes but the kernel's.
    pub(crate) fn makes_no_nodes(&self) -> bool {
        self.strategy == Strategy::None
    }

    /// The strategy.
    #[must_use]
    pub const fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Whether udev answers cookies of this thread now, by the facts that [`Strategy::Auto`] decides by. It takes three
    /// system calls.
    ///
    /// # Errors
    /// Why it does not.
    #[doc(alias = "dm_udev_get_sync_support")]
    pub fn check_cookies(&self) -> Result<(), NoCookies> {
        self.facts.check_cookies()
    }

    /// Begins a batch of commands whose changes of `/dev` are waited for together.
    ///
    /// An operation calls it before it suspends anything. It cannot fail: if no semaphore can be had, nodes are waited for.
    pub(crate) fn begin(&self) -> Pending {
        Pending::begin(self.clone())
    }

    /// The path of a device: its node or link under `/dev/mapper` if that is this very device, else the kernel's own node.
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
