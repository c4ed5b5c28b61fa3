//! Where operations run: a handle on the control node, a way to work with udev, and policies.

use std::borrow::Cow;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{OpError, OpErrorKind, Operation, StateAfter, Step};
use super::locks::Locks;
use super::op::Op;
use crate::error::OpenError;
use crate::id::{AsDevId, AsDmName, DevId, DevIdBuf, DmName, NameError, Naming};
use crate::node::{Dm, Journal};
use crate::udev::{Pending, Udev};
use crate::wire::DeviceInfo;

/// Runs operations: what takes several commands, waits for udev, and is undone when a step fails.
///
/// - Everything that can fail or block is prepared before a device is suspended. Between the suspension and the resume nothing
///   of the caller's runs, not even its logger, and the resume does not depend on udev.
/// - When a step fails, the steps before it are undone. An [`OpError`] says which step failed, why, and what is left.
/// - Each operation ends by waiting for udev, or leaves that to the [`Batch`] that it is part of.
/// - Commands that are interrupted by a signal are sent again, with two exceptions. A signal ends one that may wait for I/O,
///   such as a suspension, and the device is as before. A message is sent once, since the target may have carried it out.
/// - At log levels `debug` and `trace`, an operation logs its commands when it has finished. While a device that it knows of
///   is suspended, its lines are put off until a later operation finds the device resumed, since the logger may write to it.
///
/// A device named by text is the one that people and dmsetup know by this name: see [`Naming`]. A [`DmName`] is the kernel's
/// name.
///
/// A host can be cloned and used from several threads. Clones take turns when they suspend or resume the same device.
///
/// ```no_run
/// use dm_core::{Host, TargetLine};
/// use dm_units::Sectors;
///
/// let host = Host::open()?;
/// let line = |disk| [TargetLine::text(Sectors(0), Sectors(2048), "linear", disk)];
/// host.setup("home", line("8:1 0"))?;
/// println!("{}", host.path("home")?.display());
/// host.reload("home", line("8:2 0"))?;
/// host.remove("home")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Host {
    dm: Dm,
    udev: Udev,
    naming: Naming,
    pub(super) locks: Locks,
    journal: Arc<Journal>,
    /// The batch that waits for udev in the place of each operation.
    batch: Option<Arc<Mutex<Option<Pending>>>>,
}

impl Host {
    /// Opens the control node; works with udev as it finds it.
    ///
    /// # Errors
    /// As [`Dm::open`].
    pub fn open() -> Result<Self, OpenError> {
        Ok(Self::new(Dm::open()?))
    }

    /// A host whose commands go through `dm`; works with udev as it finds it.
    #[must_use]
    pub fn new(dm: Dm) -> Self {
        let (udev, locks, naming) = (Udev::default(), Locks::default(), Naming::default());
        Self { dm, udev, naming, locks, journal: Arc::default(), batch: None }
    }

    /// How to work with udev.
    #[must_use]
    pub fn with_udev(self, udev: Udev) -> Self {
        Self { udev: udev.naming(self.naming), ..self }
    }

    /// How names given as text relate to the kernel's; by default [`Naming::Auto`], as with libdm.
    ///
    /// ```no_run
    /// # use dm_core::{DmName, Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let zeros = || [TargetLine::text(Sectors(0), Sectors(2048), "zero", "")];
    /// let host = Host::open()?;
    /// host.create("od d", zeros())?; // `dmsetup info 'od d'` finds it.
    /// assert_eq!(host.dm().device_info(r"od\x20d")?.name(), Some(DmName::new(r"od\x20d")?));
    /// host.remove("od d")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[doc(alias = "dm_set_name_mangling_mode")]
    pub fn with_naming(self, naming: Naming) -> Self {
        Self { udev: self.udev.naming(naming), naming, ..self }
    }

    /// How names given as text relate to the kernel's.
    #[must_use]
    pub const fn naming(&self) -> Naming {
        self.naming
    }

    /// The kernel's name of a device: that of text by this host's [`naming`](Self::naming), and a [`DmName`] as it is.
    ///
    /// # Errors
    /// The text can't be a name.
    pub fn kernel_name<'n>(&self, name: &'n impl AsDmName) -> Result<Cow<'n, DmName>, NameError> {
        let given = name.as_dm_name()?;
        if name.is_text() { self.naming.kernel_name(given) } else { Ok(Cow::Borrowed(given)) }
    }

    /// Also takes turns with other processes that use the same directory: each device that is suspended has a lock file
    /// there, named by its number, which is locked with `flock`, and one for the process that is next.
    ///
    /// The directory must exist, and only users who may hold up the operations should be able to write to it.
    #[must_use]
    pub fn with_lock_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.locks = self.locks.in_directory(directory.into());
        self
    }

    /// The handle, for single commands.
    #[must_use]
    pub const fn dm(&self) -> &Dm {
        &self.dm
    }

    /// How this host works with udev.
    #[must_use]
    pub const fn udev(&self) -> &Udev {
        &self.udev
    }

    /// Begins a batch: operations that are waited for together, with one cookie.
    ///
    /// ```no_run
    /// # use dm_core::{Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let host = Host::open()?;
    /// let zeros = || [TargetLine::text(Sectors(0), Sectors(2048), "zero", "")];
    /// let batch = host.batch();
    /// for name in ["a", "b", "c"] {
    ///     batch.setup(name, zeros())?;
    /// }
    /// batch.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&self) -> Batch {
        // A batch within a batch is a part of that.
        let batch = self.batch.clone().unwrap_or_default();
        Batch { host: Self { batch: Some(batch), ..self.clone() } }
    }

    /// The device as the commands of [`dm`](Self::dm) name it: a name given as text is the kernel's from now on.
    ///
    /// # Errors
    /// The text can't be a name.
    pub fn kernel_id(&self, id: &impl AsDevId) -> Result<DevIdBuf, NameError> {
        match id.as_dev_id()? {
            DevId::Name(name) if id.is_text() => Ok(DevIdBuf::Name(self.naming.kernel_name(name)?.into_owned())),
            named => Ok(named.to_owned()),
        }
    }

    pub(super) const fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The batch that this host is part of.
    pub(super) const fn batch_of(&self) -> Option<&Arc<Mutex<Option<Pending>>>> {
        self.batch.as_ref()
    }

    /// Waits for the commands of a batch of this host's, unless this host is part of a batch itself.
    pub(super) fn finish_part(&self, batch: Batch) -> Result<(), crate::udev::UdevError> {
        if self.batch.is_some() { Ok(()) } else { batch.wait() }
    }

    /// The state of a device.
    ///
    /// It is [`Dm::device_info`] for the name that people know.
    ///
    /// # Errors
    /// [`is_not_found`](OpError::is_not_found).
    #[doc(alias = "DM_DEVICE_INFO")]
    #[doc(alias = "dmsetup info")]
    #[doc(alias = "dm_task_get_info")]
    pub fn info(&self, id: impl AsDevId) -> Result<DeviceInfo, OpError> {
        Op::new(self, Operation::Info, &id)?.info()
    }

    /// The path of a device: its node or link under `/dev/mapper` if that is this very device, or else the kernel's own node.
    ///
    /// # Errors
    /// [`is_not_found`](OpError::is_not_found): the device does not exist, or no path leads to it.
    pub fn path(&self, id: impl AsDevId) -> Result<PathBuf, OpError> {
        let op = Op::new(self, Operation::Path, &id)?;
        let info = op.info()?;
        let name = info.name().ok_or_else(|| op.fail(Step::Read, nameless()))?;
        self.udev.path_of(name, info.number()).map_err(|error| op.fail(Step::Udev, error))
    }
}

/// The kernel names every device that it finds.
fn nameless() -> OpErrorKind {
    use crate::wire::{Command, ReplyError};
    ReplyError { command: Command::DeviceInfo, what: "no name", at: 0 }.into()
}

/// Operations that are waited for together: see [`Host::batch`].
///
/// All operations of a [`Host`] can be called on it, and it can be handed to everything that takes a host. A batch that is
/// dropped without [`finish`](Self::finish) waits for nothing, and leaves no semaphore behind.
#[derive(Debug)]
#[must_use = "without `finish`, nothing waits for udev"]
pub struct Batch {
    host: Host,
}

impl Deref for Batch {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Batch {
    /// Waits until udev has finished with all operations, at most for the timeout of [`Udev::timeout`].
    ///
    /// # Errors
    /// `/dev` is not as it should be. The operations were carried out all the same.
    pub fn finish(self) -> Result<(), OpError> {
        self.wait().map_err(|error| {
            OpError::new(Operation::Batch, None, Step::Udev, error.into()).with_state(StateAfter::Done)
        })
    }

    fn wait(self) -> Result<(), crate::udev::UdevError> {
        let pending = self.host.batch.as_ref().and_then(|batch| lock(batch).take());
        pending.map_or(Ok(()), Pending::finish)
    }
}

pub(super) fn lock(batch: &Mutex<Option<Pending>>) -> MutexGuard<'_, Option<Pending>> {
    batch.lock().unwrap_or_else(PoisonError::into_inner)
}
