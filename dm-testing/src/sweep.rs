//! [`Sweep`], which runs a program with a failure at every command.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::fail_at::{Plan, Stopped};
use crate::memory::MemoryKernel;

/// `EINTR`, `ENOMEM`, `EBUSY` and `EINVAL` on any Unix system, with which nearly every command can fail.
const ERRNOS: [i32; 4] = [4, 12, 16, 22];

/// `EFAULT` on any Unix system.
const EFAULT: i32 = 14;

/// A limit against programs that never end; a sweep of more commands would not finish.
const MAX_COMMANDS: usize = 100_000;

/// Runs a program repeatedly, each time on a new kernel in memory with a failure at another command, and checks the
/// result of each run.
///
/// The first run has no failure. Then there are several runs for each command that the program sends:
///
/// - The command fails without taking effect, once with each of several [errnos](Self::errnos).
/// - The command takes effect, but its reply is lost (`EFAULT`, which the kernel returns if it cannot write the reply).
/// - The command and one later command fail, once for each later command, so that the undo of the first failure can
///   fail as well.
/// - The program stops at the command, as with [`StopAt`](crate::StopAt), as if it had been killed.
///
/// ```
/// use dm_core::{OpError, Steps, TargetLine};
/// use dm_testing::{MemoryKernel, Outcome, Sweep};
/// use dm_units::Sectors;
///
/// let line = || [TargetLine::text(Sectors(0), Sectors(8), "zero", "")];
/// let report = Sweep::new(|memory| drop(memory.host().create("home", line()).unwrap())).run(
///     // The program.
///     |memory| memory.host().while_suspended("home", Steps::new()),
///     // The checks after each run.
///     |memory, outcome| {
///         let is_suspended = memory.dm().device_info("home").unwrap().is_suspended();
///         match outcome {
///             Outcome::Returned(Ok(_)) => assert!(!is_suspended),
///             Outcome::Returned(Err(error)) => assert_eq!(is_suspended, !error.is_undone(), "{error}"),
///             // A later `recover` resumes it.
///             Outcome::Stopped => {}
///         }
///     },
/// );
/// assert!(report.runs > 20);
/// ```
///
/// The next sweep panics, since its program does not resume the device when a step fails:
///
/// ```should_panic
/// # use dm_core::TargetLine;
/// # use dm_testing::{MemoryKernel, Outcome, Sweep};
/// # use dm_units::Sectors;
/// # let line = |target| [TargetLine::text(Sectors(0), Sectors(8), target, "")];
/// Sweep::new(|memory| drop(memory.host().create("home", line("zero")).unwrap())).run(
///     |memory| {
///         let dm = memory.dm();
///         dm.device_suspend("home")?;
///         dm.table_load("home", line("error"))?;
///         dm.device_resume("home").map(drop)
///     },
///     |memory, outcome: &Outcome<dm_core::Result<()>>| {
///         let is_suspended = memory.dm().device_info("home").unwrap().is_suspended();
///         assert!(!is_suspended || matches!(outcome, Outcome::Stopped));
///     },
/// );
/// ```
pub struct Sweep<'a> {
    prepare: Box<dyn Fn(&MemoryKernel) + 'a>,
    errnos: Vec<i32>,
    pairs: bool,
}

/// How the program ended in one run of a [`Sweep`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a program returns or does not")]
pub enum Outcome<T> {
    /// The program has returned.
    Returned(T),
    /// The program was stopped at a command, as by [`StopAt`](crate::StopAt).
    Stopped,
}

/// How many commands the program of a [`Sweep`] sent, and how often the program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// The number of commands that the program sends in a run without a failure.
    pub commands: usize,
    /// The number of runs, including the one without a failure.
    pub runs: usize,
}

/// The failure of a run.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    None,
    Fails { n: usize, errno: i32 },
    AnswerLost { n: usize },
    Pair { first: usize, second: usize, errno: i32 },
    Stops { n: usize },
}

impl Trouble {
    fn plan(self) -> Plan {
        match self {
            Self::None => Plan::default(),
            Self::Fails { n, errno } => Plan::failing(n, errno),
            Self::AnswerLost { n } => Plan::failing_after(n, EFAULT),
            Self::Pair { first, second, errno } => Plan::failing(first, errno).and(second, errno),
            Self::Stops { n } => Plan::stopping(n),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing goes wrong"),
            Self::Fails { n, errno } => write!(f, "command {n} fails with error number {errno}"),
            Self::AnswerLost { n } => write!(f, "command {n} is carried out and its reply is lost"),
            Self::Pair { first, second, errno } => {
                write!(f, "commands {first} and {second} fail with error number {errno}")
            }
            Self::Stops { n } => write!(f, "the program stops at command {n}"),
        }
    }
}

impl<'a> Sweep<'a> {
    /// Makes a sweep. Before each run, `prepare` sets up the new kernel. The commands that `prepare` sends do not fail.
    pub fn new(prepare: impl Fn(&MemoryKernel) + 'a) -> Self {
        Self { prepare: Box::new(prepare), errnos: ERRNOS.to_vec(), pairs: true }
    }

    /// Sets the errnos with which commands fail, as numbers of this system. If two commands fail in a run, both fail
    /// with the first of these errnos. The default is `EINTR`, `ENOMEM`, `EBUSY` and `EINVAL`.
    #[must_use]
    pub fn errnos(self, errnos: impl Into<Vec<i32>>) -> Self {
        Self { errnos: errnos.into(), ..self }
    }

    /// Sets whether two commands fail in some of the runs. The default is `true`. The number of these runs grows with
    /// the square of the number of commands.
    #[must_use]
    pub fn pairs(self, pairs: bool) -> Self {
        Self { pairs, ..self }
    }

    /// Runs the program once without a failure and once with each failure, and checks each run.
    ///
    /// Commands fail, but I/O does not. Only commands of handles that the program makes from its kernel fail; those of
    /// `check` do not.
    ///
    /// # Panics
    /// If the preparation, the program or `check` panics. If the program or `check` panics, the failure caused in that run
    /// is printed to standard error first.
    pub fn run<T>(
        &self,
        program: impl Fn(&MemoryKernel) -> T,
        check: impl Fn(&MemoryKernel, &Outcome<T>),
    ) -> SweepReport {
        let mut runs = 0_usize;
        let mut run = |trouble: Trouble| {
            runs = runs.saturating_add(1);
            self.run_once(trouble, &program, &check)
        };
        let commands = run(Trouble::None).min(MAX_COMMANDS);
        for n in 1..=commands {
            for (at, errno) in self.errnos.iter().copied().enumerate() {
                let sent = run(Trouble::Fails { n, errno }).min(MAX_COMMANDS);
                // The errno of the first failure rarely affects the undo.
                if self.pairs && at == 0 {
                    for second in n.saturating_add(1)..=sent {
                        run(Trouble::Pair { first: n, second, errno });
                    }
                }
            }
            run(Trouble::AnswerLost { n });
            run(Trouble::Stops { n });
        }
        SweepReport { commands, runs }
    }

    /// Returns the number of commands that were sent.
    fn run_once<T>(
        &self,
        trouble: Trouble,
        program: &impl Fn(&MemoryKernel) -> T,
        check: &impl Fn(&MemoryKernel, &Outcome<T>),
    ) -> usize {
        let memory = MemoryKernel::new();
        (self.prepare)(&memory);
        let plan = Arc::new(trouble.plan());
        let outcome = catch_unwind(AssertUnwindSafe(|| program(&memory.with_plan(Arc::clone(&plan)))));
        let checked = match outcome {
            Ok(returned) => catch_unwind(AssertUnwindSafe(|| check(&memory, &Outcome::Returned(returned)))),
            Err(panic) if panic.is::<Stopped>() => catch_unwind(AssertUnwindSafe(|| check(&memory, &Outcome::Stopped))),
            Err(panic) => Err(panic),
        };
        if let Err(panic) = checked {
            eprintln!("this happened in a run in which {trouble}");
            resume_unwind(panic);
        }
        plan.count()
    }
}

impl fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("errnos", &self.errnos).field("pairs", &self.pairs).finish_non_exhaustive()
    }
}
