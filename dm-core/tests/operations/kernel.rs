//! The transport over the model, which can be made to fail, and to end the process, at any command.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_core::{Command, Dm, Host, Transport, udev};

use crate::model::{ResumeFault, State};
use crate::wire::carry_out;

/// How a command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was done.
    Before,
    /// Everything was done, and the answer could not be returned.
    After,
    /// A resume that does not get to its end; other commands fail with nothing done.
    Resume(ResumeFault),
}

pub(crate) const FAULTS: [Fault; 4] =
    [Fault::Before, Fault::After, Fault::Resume(ResumeFault::Swap), Fault::Resume(ResumeFault::Targets)];

/// What goes wrong, counted in commands from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<(usize, Fault, i32)>,
    /// From this command on, all fail with nothing done.
    pub(crate) all_from: Option<(usize, i32)>,
    /// The process ends instead of this command.
    pub(crate) stop_at: Option<usize>,
}

/// What another process does just before a command, counted from 1.
type Interference = Box<dyn FnOnce(&mut State) + Send>;

/// The panic that ends the process.
#[derive(Debug)]
pub(crate) struct Stopped;

#[derive(Default)]
struct Inner {
    state: State,
    plan: Plan,
    interference: Option<(usize, Interference)>,
    sent: Vec<Command>,
    is_stopped: bool,
}

/// A kernel of its own; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Kernel(Arc<Mutex<Inner>>);

impl Kernel {
    pub(crate) fn new(state: &State) -> Self {
        let inner = Inner { state: state.clone(), ..Inner::default() };
        Self(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host without nodes, since the model's devices have none.
    pub(crate) fn host(&self) -> Host {
        Host::new(Dm::with_transport(self.clone())).with_udev(udev::Udev::new(udev::Strategy::None))
    }

    /// From now on, commands are counted and fail as planned.
    pub(crate) fn set_plan(&self, plan: Plan) {
        let mut inner = self.inner();
        inner.plan = plan;
        inner.sent.clear();
        inner.is_stopped = false;
    }

    /// Another process changes something just before the `n`-th command.
    pub(crate) fn interfere(&self, n: usize, change: impl FnOnce(&mut State) + Send + 'static) {
        self.inner().interference = Some((n, Box::new(change)));
    }

    pub(crate) fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// The commands since the plan was set.
    pub(crate) fn sent(&self) -> Vec<Command> {
        self.inner().sent.clone()
    }

    pub(crate) fn has_suspended(&self) -> bool {
        self.inner().state.devices.values().any(|device| device.suspended)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}

impl Transport for Kernel {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.is_stopped {
            return Err(io::Error::from_raw_os_error(nix::libc::EIO));
        }
        let Inner { state, plan, sent, is_stopped, interference } = &mut *inner;
        sent.push(command);
        let n = sent.len();
        if let Some((_, change)) = interference.take_if(|(at, _)| *at == n) {
            change(state);
        }
        if plan.stop_at == Some(n) {
            *is_stopped = true;
            drop(inner);
            std::panic::resume_unwind(Box::new(Stopped));
        }
        let failed = |errno| Err(io::Error::from_raw_os_error(errno));
        if let Some((_, errno)) = plan.all_from.filter(|(from, _)| n >= *from) {
            return failed(errno);
        }
        let planned = plan.faults.iter().find(|(at, ..)| *at == n);
        match planned.map(|(_, fault, errno)| (*fault, *errno)) {
            None => carry_out(state, command, request, None).or_else(failed),
            Some((Fault::Resume(fault), errno)) if command == Command::DeviceResume => {
                let _ = carry_out(state, command, request, Some(fault));
                failed(errno)
            }
            Some((Fault::After, errno)) => {
                let mut answer = request.to_vec();
                let _ = carry_out(state, command, &mut answer, None);
                failed(errno)
            }
            Some((_, errno)) => failed(errno),
        }
    }
}
