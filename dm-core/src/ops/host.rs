//! [`Host`], which runs operations: a [`Dm`], a way to work with udev, and policies.

use std::borrow::Cow;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{OpError, OpErrorKind, Operation, StateAfter, Step};
use super::locks::Locks;
use super::op::Op;
use crate::error::OpenError;
use crate::id::{AsDevId, AsDmName, DevId, DevIdBuf, DmName, NameError, Naming};
use crate::machine::paths::mapper_path;
use crate::node::{Dm, Journal};
use crate::udev::{Pending, Udev};
use crate::wire::DeviceInfo;

/// Runs operations on devices. An operation sends several commands, waits for udev, and is undone if a step fails.
///
/// - Before an operation suspends a device, it prepares what the resume needs, such as the udev cookie. Between suspend
///   and resume no code of the caller runs, not even its logger, and the resume does not depend on udev.
/// - When a step fails, the steps before it are undone where possible. An [`OpError`] says which step failed, why, and
///   what is left.
/// - An operation that causes uevents waits for udev at its end. In a [`Batch`], the batch waits instead.
/// - A command that a signal interrupts is repeated, with two exceptions. If the command may wait for I/O, as a
///   suspension does, the operation fails and is undone. A message is sent only once, since the target may have
///   executed it.
/// - When an operation has finished, it logs failed commands at level `debug` and all others at `trace`. While a device
///   that the host has seen suspended is not resumed, these lines are postponed, since the logger may write to that
///   device. A later operation that finds the device resumed logs them.
///
/// A name given as text is the one that people and dmsetup use: see [`Naming`]. A [`DmName`] is the kernel's name.
///
/// A host can be cloned and used from several threads. If operations of several clones suspend or resume the same
/// existing device, they run one after another.
///
/// ```
/// use dm_core::{Host, TargetLine};
/// use dm_units::Sectors;
///
/// # let _ = || {
/// let host = Host::open()?;
/// # Ok::<_, dm_core::OpenError>(host) };
/// # let memory = dm_testing::MemoryKernel::new();
/// # memory.disk_at(dm_units::DeviceNumber::new(8, 1), dm_units::Bytes(1 << 21));
/// # memory.disk_at(dm_units::DeviceNumber::new(8, 2), dm_units::Bytes(1 << 21));
/// # let host = memory.host();
/// let line = |disk| [TargetLine::text(Sectors(0), Sectors(2048), "linear", disk)];
/// let info = host.setup("home", line("8:1 0"))?;
/// println!("home is {}", info.number());
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
    /// If set, the batch waits for udev, and not each operation.
    batch: Option<Arc<Mutex<Option<Pending>>>>,
}

impl Host {
    /// Opens the control node. Operations wait for udev if it runs.
    ///
    /// # Errors
    /// As [`Dm::open`].
    pub fn open() -> Result<Self, OpenError> {
        Ok(Self::new(Dm::open()?))
    }

    /// Makes a host that sends its commands through `dm`. Operations wait for udev if it runs.
    #[must_use]
    pub fn new(dm: Dm) -> Self {
        let (udev, locks, naming) = (Udev::default(), Locks::default(), Naming::default());
        Self { dm, udev, naming, locks, journal: Arc::default(), batch: None }
    }

    /// Sets how operations wait for udev and make nodes. The default is
    /// [`Strategy::Auto`](crate::udev::Strategy::Auto).
    #[must_use]
    pub fn with_udev(self, udev: Udev) -> Self {
        Self { udev: udev.naming(self.naming), ..self }
    }

    /// Sets how names given as text are translated to the kernel's names. The default is [`Naming::Auto`], as in libdm.
    ///
    /// ```
    /// # use dm_core::{DmName, Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let zeros = || [TargetLine::text(Sectors(0), Sectors(2048), "zero", "")];
    /// # let host = dm_testing::MemoryKernel::new().host();
    /// host.create("my disk", zeros())?; // `dmsetup info 'my disk'` finds it.
    /// assert_eq!(host.dm().device_info(r"my\x20disk")?.name(), Some(DmName::new(r"my\x20disk")?));
    /// host.remove("my disk")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[doc(alias = "dm_set_name_mangling_mode")]
    #[doc(alias = "--manglename")]
    pub fn with_naming(self, naming: Naming) -> Self {
        Self { udev: self.udev.naming(naming), naming, ..self }
    }

    /// How names given as text are translated to the kernel's names.
    #[must_use]
    #[doc(alias = "dm_get_name_mangling_mode")]
    pub const fn naming(&self) -> Naming {
        self.naming
    }

    /// Translates a name to the kernel's name. Text is translated by this host's [`naming`](Self::naming), and a
    /// [`DmName`] stays unchanged.
    ///
    /// # Errors
    /// [`NameError`]: the text is not a valid name.
    pub fn kernel_name<'n>(&self, name: &'n impl AsDmName) -> Result<Cow<'n, DmName>, NameError> {
        let given = name.as_dm_name()?;
        if name.is_text() { self.naming.kernel_name(given) } else { Ok(Cow::Borrowed(given)) }
    }

    /// Serializes operations on a device with those of other processes that use the same lock directory.
    ///
    /// An operation that suspends or resumes an existing device locks two files there with `flock`: one while it is the
    /// next to run, and one while it runs. The files are named after the device number and are never removed.
    ///
    /// The directory must exist, and only trusted users should have write access, since a process that holds a lock
    /// there delays operations.
    #[must_use]
    pub fn with_lock_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.locks = self.locks.in_directory(directory.into());
        self
    }

    /// The handle that operations use. You can send single commands with it.
    #[must_use]
    pub const fn dm(&self) -> &Dm {
        &self.dm
    }

    /// How operations wait for udev and make nodes.
    #[must_use]
    pub const fn udev(&self) -> &Udev {
        &self.udev
    }

    /// Starts a batch of operations. They share one cookie, and the batch waits for udev once at the end.
    ///
    /// ```
    /// # use dm_core::{Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let host = dm_testing::MemoryKernel::new().host();
    /// let zeros = || [TargetLine::text(Sectors(0), Sectors(2048), "zero", "")];
    /// let batch = host.batch();
    /// for name in ["a", "b", "c"] {
    ///     batch.setup(name, zeros())?;
    /// }
    /// batch.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "dm_tree_set_cookie")]
    #[doc(alias = "dm_tree_get_cookie")]
    pub fn batch(&self) -> Batch {
        // A batch within a batch joins it.
        let batch = self.batch.clone().unwrap_or_default();
        Batch { host: Self { batch: Some(batch), ..self.clone() } }
    }

    /// Converts the identifier of a device to one for the commands of [`dm`](Self::dm): a name given as text is
    /// translated to the kernel's name.
    ///
    /// # Errors
    /// [`NameError`]: the text is not a valid name.
    pub fn kernel_id(&self, id: &impl AsDevId) -> Result<DevIdBuf, NameError> {
        match id.as_dev_id()? {
            DevId::Name(name) if id.is_text() => Ok(DevIdBuf::Name(self.naming.kernel_name(name)?.into_owned())),
            named => Ok(named.to_owned()),
        }
    }

    pub(super) const fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The batch to which this host belongs.
    pub(super) const fn batch_of(&self) -> Option<&Arc<Mutex<Option<Pending>>>> {
        self.batch.as_ref()
    }

    /// Waits for the operations of a batch, unless this host belongs to a larger batch that does it.
    pub(super) fn finish_part(&self, batch: Batch) -> Result<(), crate::udev::UdevError> {
        if self.batch.is_some() { Ok(()) } else { batch.wait() }
    }

    /// Reads the state of a device.
    ///
    /// This calls [`Dm::device_info`] with the kernel's name: see [`with_naming`](Self::with_naming).
    ///
    /// # Errors
    /// [`is_not_found`](OpError::is_not_found): the device does not exist.
    #[doc(alias = "DM_DEVICE_INFO")]
    #[doc(alias = "dmsetup info")]
    #[doc(alias = "dm_task_get_info")]
    pub fn info(&self, id: impl AsDevId) -> Result<DeviceInfo, OpError> {
        Op::new(self, Operation::Info, &id)?.info()
    }

    /// Returns the path of a device: its node or link below `/dev/mapper` if that exists and leads to the device,
    /// otherwise the kernel's node `/dev/dm-N`.
    ///
    /// A kernel in memory has no nodes. There the path is always the one below `/dev/mapper`, which
    /// [`open_block`](Self::open_block) and tables accept.
    ///
    /// # Errors
    /// [`is_not_found`](OpError::is_not_found): the device does not exist, or no path leads to it.
    pub fn path(&self, id: impl AsDevId) -> Result<PathBuf, OpError> {
        let op = Op::new(self, Operation::Path, &id)?;
        let info = op.info()?;
        let name = info.name().ok_or_else(|| op.fail(Step::Read, nameless()))?;
        if !self.dm.transport().has_nodes() {
            return Ok(mapper_path(name));
        }
        self.udev.path_of(name, info.number()).map_err(|error| op.fail(Step::Udev, error))
    }
}

/// The error for a reply without a name, which the kernel never gives.
fn nameless() -> OpErrorKind {
    use crate::wire::{Command, ReplyError};
    ReplyError { command: Command::DeviceInfo, what: "no name", at: 0 }.into()
}

/// Operations that wait for udev together, as started by [`Host::batch`].
///
/// A batch dereferences to a [`Host`]: you can call all operations on a batch, and pass it to functions that take a
/// host. At the end, call [`finish`](Self::finish). If a batch is dropped without that, it does not wait for udev and
/// makes no nodes; it only removes the semaphore of its udev cookie.
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
    /// Waits until udev has finished with all operations, for at most [`Udev::timeout`].
    ///
    /// # Errors
    /// The operations took effect nevertheless.
    ///
    /// - [`OpErrorKind::Udev`](crate::OpErrorKind::Udev): a node is missing or wrong.
    /// - [`is_timed_out`](OpError::is_timed_out): udev did not finish in time.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_host::FakeHost;

    #[test]
    fn the_naming_of_a_host_is_that_of_its_names_and_of_its_nodes() {
        let host = |naming| Host::new(FakeHost::new(48, []).dm()).with_naming(naming);
        let kernel_name = |naming| host(naming).kernel_name(&r"a\x20b").unwrap().to_string();
        assert_eq!(kernel_name(Naming::Auto), r"a\x20b");
        assert_eq!(kernel_name(Naming::Hex), r"a\x5cx20b");
        assert_eq!(host(Naming::Hex).naming(), Naming::Hex);
        // Only its mangled form is too long for a file.
        let spaces = " ".repeat(100);
        let check = |host: Host| host.udev().check_node_name(DmName::new(&spaces).unwrap());
        assert!(check(host(Naming::Hex)).is_err() && check(host(Naming::None)).is_ok());
        assert!(check(host(Naming::None).with_udev(Udev::default())).is_ok());
    }
}
