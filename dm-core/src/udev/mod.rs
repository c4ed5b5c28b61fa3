//! Working together with udev, and without it.
//!
//! A resume, a removal or a renaming sends a uevent, and udev then changes what is in `/dev`, which takes a while. A
//! [`Batch`] runs such commands and waits until `/dev` is as it should be. How it knows is one of several strategies, which
//! [`Udev`] chooses when it runs.
//!
//! ```no_run
//! use dm_core::udev::{Strategy, Udev};
//! use dm_core::{Dm, DmName, ResumeOptions};
//!
//! let dm = Dm::open()?;
//! let udev = Udev::new(Strategy::Auto)?;
//! let name = DmName::new("home")?;
//!
//! let mut batch = udev.batch()?;
//! let info = batch.resume(&dm, name, ResumeOptions::new())?;
//! batch.finish()?;
//! println!("{}", udev.path_of(name, info.number())?.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cookies;
mod detect;
mod nodes;
mod semaphore;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;

use self::cookies::Cookie;
pub use self::cookies::{CookieInfo, cookies, remove_stale_cookies};
pub use self::detect::NoCookies;
use self::nodes::NodeChange;
use crate::commands::{InfoOptions, Removal, RemoveOptions, RenameOptions, ResumeOptions, TargetLine, WriteParams};
use crate::error::Result;
use crate::id::dev_id::DevId;
use crate::id::name::DmName;
use crate::machine::paths::{is_device, kernel_path, links, mapper_path};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::ops::setup::{SetupOptions, StepError};
use crate::wire::buffer::Buffer;
use crate::wire::cookie::{UdevCookie, UdevFlags};
use crate::wire::info::DeviceInfo;

/// How to find out when `/dev` is as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// [`Cookies`](Self::Cookies) where they are answered; else [`WaitForNodes`](Self::WaitForNodes) where udev makes nodes
    /// all the same; else [`MakeNodes`](Self::MakeNodes).
    #[default]
    Auto,
    /// udev says when it is done, by cookies, as with libdm. It needs udev with the rules of the device mapper, and its IPC
    /// namespace.
    Cookies,
    /// udev makes what is in `/dev`, and is watched doing it.
    WaitForNodes,
    /// Nobody else does: nodes and links under `/dev/mapper` are made here.
    MakeNodes,
    /// Nobody needs `/dev/mapper`: nothing is made and nothing waited for. The kernel's own `/dev/dm-0` is always there.
    None,
}

/// What went wrong after a command had taken effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UdevError {
    /// udev has not answered in time.
    #[error(
        "the operation took effect, but udev was not done with it after {waited:?}: {pending} steps of cookie {cookie:#x} \
         are outstanding; look at udev's log"
    )]
    TimedOut {
        /// The key of the semaphore, which is gone by now.
        cookie: u32,
        /// How many uevents were not answered.
        pending: i32,
        /// How long was waited.
        waited: Duration,
    },
    /// A node has not appeared, or gone, in time.
    #[error("the operation took effect, but {} did not follow it within {waited:?}; look at udev's log", path.display())]
    NodeTimedOut {
        /// The node or link.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Waiting for a cookie would take for ever, so nothing was begun.
    #[error("cookies don't work here: {0}; choose Strategy::Auto")]
    WouldHang(#[from] NoCookies),
    /// A semaphore can't be used.
    #[error("can't {what} a udev cookie: {source}{}", hint(source))]
    Semaphore {
        /// What was tried.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
    /// A node or link can't be made or removed.
    #[error("the operation took effect, but {} can't be changed: {source}", path.display())]
    Node {
        /// The node or link.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// There is no node for the device.
    #[error("there is neither {} for device {number} nor {}; what stands there is another device or nothing", path.display(), kernel_path(*number).display())]
    NoNode {
        /// Where it should be.
        path: PathBuf,
        /// The device.
        number: DeviceNumber,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(nix::libc::ENOSPC) => {
            "; the system has no more semaphores: raise kernel.sem, or remove cookies that were left behind \
             (remove_stale_cookies)"
        }
        _ => "",
    }
}

impl UdevError {
    fn semaphore(what: &'static str, source: io::Error) -> Self {
        Self::Semaphore { what, source }
    }
}

/// What works where cookies don't.
const fn without_cookies(reason: NoCookies) -> Strategy {
    match reason {
        NoCookies::OtherIpcNamespace => Strategy::WaitForNodes,
        // Its rules make the links. Where the environment says that there is no udev, libdm makes them itself as well.
        NoCookies::NoUdev | NoCookies::NoRules | NoCookies::Disabled => Strategy::MakeNodes,
    }
}

/// How this process works together with udev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udev {
    strategy: Strategy,
    deadline: Duration,
}

/// How long to wait for udev, if nothing else was said: longer than any rule should take.
const DEADLINE: Duration = Duration::from_secs(30);

impl Udev {
    /// Chooses a strategy, and looks whether it works here.
    ///
    /// # Errors
    /// [`UdevError::WouldHang`]: [`Strategy::Cookies`] was asked for, and nobody would answer.
    pub fn new(strategy: Strategy) -> Result<Self, UdevError> {
        let strategy = match strategy {
            Strategy::Auto => detect::check_cookies().map_or_else(without_cookies, |()| Strategy::Cookies),
            Strategy::Cookies => {
                detect::check_cookies()?;
                Strategy::Cookies
            }
            other => other,
        };
        Ok(Self { strategy, deadline: DEADLINE })
    }

    /// The longest that [`Batch::finish`] waits.
    #[must_use]
    pub const fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The strategy that was chosen; never [`Strategy::Auto`].
    #[must_use]
    pub const fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Begins a batch of commands, after which is waited once.
    ///
    /// # Errors
    /// [`UdevError::WouldHang`]: udev was there before and is gone. [`UdevError::Semaphore`]: there are no more.
    pub fn batch(&self) -> Result<Batch, UdevError> {
        let cookie = match self.strategy {
            Strategy::Cookies => {
                detect::check_cookies()?;
                Some(Cookie::create()?)
            }
            _ => None,
        };
        Ok(Batch { udev: *self, cookie, flags: UdevFlags::empty(), changes: Vec::new() })
    }

    /// The path of a device: that under `/dev/mapper` ([`mapper_path`] or [`udev_path`](crate::machine::paths::udev_path)) if it is
    /// this very device, or else the kernel's own node.
    ///
    /// # Errors
    /// [`UdevError::NoNode`]: neither is this device.
    pub fn path_of(&self, name: DmName<'_>, number: DeviceNumber) -> Result<PathBuf, UdevError> {
        let mut places = links(name).into_iter().chain([kernel_path(number)]);
        let found = places.find(|path| is_device(path, number));
        found.ok_or_else(|| UdevError::NoNode { path: mapper_path(name), number })
    }
}

/// Commands after which `/dev` is to be as it should: see [`Udev::batch`].
///
/// A batch that is dropped without [`finish`](Self::finish) waits for nothing, and leaves no semaphore behind.
#[derive(Debug)]
pub struct Batch {
    udev: Udev,
    cookie: Option<Cookie>,
    flags: UdevFlags,
    /// For the strategies that look after nodes themselves.
    changes: Vec<NodeChange>,
}

impl Batch {
    /// What udev's rules are told about the commands that follow, where there are cookies.
    pub const fn set_flags(&mut self, flags: UdevFlags) {
        self.flags = flags;
    }

    /// As [`Dm::device_resume`].
    ///
    /// # Errors
    /// As there, and a semaphore that can't be changed.
    pub fn resume<'a, T: Transport>(
        &mut self,
        dm: &Dm<T>,
        id: impl Into<DevId<'a>>,
        options: ResumeOptions,
    ) -> Result<DeviceInfo> {
        let info = self.run(
            |cookie| dm.device_resume(id, cookie.map_or(options, |cookie| options.cookie(cookie))),
            DeviceInfo::uevent_generated,
        )?;
        if let Some(name) = info.name() {
            self.note(name, info.number(), true);
        }
        Ok(info)
    }

    /// As [`Dm::device_setup`].
    ///
    /// # Errors
    /// As there, and a semaphore that can't be changed.
    pub fn setup<'l, T: Transport, P: WriteParams>(
        &mut self,
        dm: &Dm<T>,
        buffer: &mut Buffer,
        name: DmName<'_>,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
        options: SetupOptions<'_>,
    ) -> Result<DeviceInfo, StepError> {
        dm.setup_with(buffer, name, lines, options, |number| self.resume(dm, number, options.resume))
    }

    /// As [`Dm::device_remove`].
    ///
    /// # Errors
    /// As there, and a semaphore that can't be changed.
    pub fn remove<'a, T: Transport>(
        &mut self,
        dm: &Dm<T>,
        id: impl Into<DevId<'a>>,
        options: RemoveOptions,
    ) -> Result<Removal> {
        let id = id.into();
        // Afterwards nobody knows its name.
        let before = if self.looks_after_nodes() { Some(dm.device_info(id, InfoOptions::new())?) } else { None };
        let removal = self.run(
            |cookie| dm.device_remove(id, cookie.map_or(options, |cookie| options.cookie(cookie))),
            |removal| *removal == Removal::Done { uevent_generated: true },
        )?;
        if let Some((name, number)) = before.as_ref().and_then(|info| Some((info.name()?, info.number()))) {
            if removal != Removal::Deferred {
                self.note(name, number, false);
            }
        }
        Ok(removal)
    }

    /// As [`Dm::device_rename`].
    ///
    /// # Errors
    /// As there, and a semaphore that can't be changed.
    pub fn rename<T: Transport>(
        &mut self,
        dm: &Dm<T>,
        name: DmName<'_>,
        new: DmName<'_>,
        options: RenameOptions,
    ) -> Result<DeviceInfo> {
        let info = self.run(
            |cookie| dm.device_rename(name, new, cookie.map_or(options, |cookie| options.cookie(cookie))),
            DeviceInfo::uevent_generated,
        )?;
        // A device without a table has no node.
        if info.has_active_table() {
            self.note(name, info.number(), false);
            self.note(new, info.number(), true);
        }
        Ok(info)
    }

    /// Runs a command that may send a uevent. If it has sent none, nobody will answer.
    fn run<R>(
        &mut self,
        command: impl FnOnce(Option<UdevCookie>) -> Result<R>,
        uevent_generated: impl FnOnce(&R) -> bool,
    ) -> Result<R> {
        let Some(cookie) = &self.cookie else { return command(None) };
        // Nodes are left to udev, and the uevent comes from a command.
        let flags = self.flags | UdevFlags::PRIMARY_SOURCE | UdevFlags::DISABLE_LIBRARY_FALLBACK;
        cookie.expect_one()?;
        let result = command(Some(cookie.number(flags)));
        if !result.as_ref().is_ok_and(uevent_generated) {
            cookie.expect_one_less()?;
        }
        result
    }

    const fn looks_after_nodes(&self) -> bool {
        matches!(self.udev.strategy, Strategy::WaitForNodes | Strategy::MakeNodes)
    }

    fn note(&mut self, name: DmName<'_>, number: DeviceNumber, present: bool) {
        if self.looks_after_nodes() {
            let [path, udev_path] = links(name);
            // What comes later counts.
            self.changes.retain(|change| change.path != path);
            self.changes.push(NodeChange { path, udev_path, number, present });
        }
    }

    /// Waits until `/dev` follows, or makes it so.
    ///
    /// # Errors
    /// [`UdevError::TimedOut`] and [`UdevError::NodeTimedOut`]: udev took longer than the deadline. The commands have taken
    /// effect all the same, also with the other errors, and no semaphore is left behind.
    pub fn finish(self) -> Result<(), UdevError> {
        let Self { udev, cookie, changes, .. } = self;
        if let Some(cookie) = cookie {
            return cookie.wait(udev.deadline);
        }
        let start = Instant::now();
        changes.iter().try_for_each(|change| match udev.strategy {
            Strategy::MakeNodes => change.make(),
            _ => change.wait(start, udev.deadline),
        })
    }
}
