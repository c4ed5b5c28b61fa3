//! Runs a guest: starts its process, reads its console, and kills it if it exceeds a limit.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::protocol::{Event, Mark, Piece, Splitter};
use super::reaper::Reaper;
use super::record::{Ending, Limits, Record};

/// The time for a process to exit after the verdict or after its console was closed.
const EXIT_GRACE: Duration = Duration::from_secs(15);

/// The interval at which a silent guest is checked.
const POLL: Duration = Duration::from_millis(100);

/// A guest that is ready to be started.
pub(crate) struct Machine {
    /// The command that starts it. Its standard input and output are the console on which the jobs run.
    pub(crate) command: Command,
    /// The words to put before the command that kills the guest, such as `sudo`. Empty if it needs no privileges.
    pub(crate) kill_prefix: Vec<String>,
    /// The file to which standard error is appended: the kernel's log and the messages of the emulator.
    pub(crate) log: PathBuf,
    /// The folder of the run, which is removed if the guest or this program is killed.
    pub(crate) folder: PathBuf,
    /// The word at the start of the lines by which the guest reports events.
    pub(crate) mark: Mark,
    /// The number of jobs that the guest runs.
    pub(crate) jobs: usize,
    /// Whether standard input is passed to the guest.
    pub(crate) interactive: bool,
}

/// A piece of the console, as soon as it was read.
pub(crate) enum Live<'a> {
    /// An event, from a marked line.
    Event(&'a Event),
    /// Output of the guest or of a job.
    Text(&'a [u8]),
}

/// A completed run.
pub(crate) struct Outcome {
    /// The events of the run.
    pub(crate) record: Record,
    /// The reasons why the run is not valid; empty if it is.
    pub(crate) problems: Vec<String>,
}

/// Runs a guest to its end, and calls `show` for each event and output.
///
/// # Errors
/// When the log cannot be written, or the guest's process cannot be started, waited for or killed. Any other failure of the
/// guest is a problem in the outcome.
pub(crate) fn run(mut machine: Machine, limits: Limits, show: &mut dyn FnMut(Live<'_>)) -> Result<Outcome> {
    // The emulator opens the file a second time, so each of the two writers must append.
    let log = File::options().create(true).append(true).open(&machine.log);
    let log = log.with_context(|| format!("cannot write {}", machine.log.display()))?;
    let mut child = machine
        .command
        .stdin(if machine.interactive { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", machine.command.get_program().to_string_lossy()))?;
    let reaper = Reaper::start(&machine.kill_prefix, child.id(), &machine.folder)?;
    if let Some(input) = child.stdin.take() {
        thread::spawn(move || pass_input(input));
    }
    let output = child.stdout.take().context("the guest has no output")?;
    let mut record = Record::new(machine.jobs);
    let listener = Listener { mark: &machine.mark, limits, log: &machine.log, record: &mut record, show };
    let ending = match listener.listen(output) {
        None => wait_for_exit(&mut child)?,
        Some(killed) => Some(killed),
    };
    let ending = match ending {
        Some(ending @ Ending::Exited(_)) => {
            reaper.dismiss();
            ending
        }
        other => {
            reaper.fire();
            wait_for_exit(&mut child)?.context("the guest cannot be killed")?;
            other.unwrap_or(Ending::NoExit)
        }
    };
    let log = fs::read(&machine.log).unwrap_or_default();
    let problems = record.problems(ending, &String::from_utf8_lossy(&log));
    Ok(Outcome { record, problems })
}

/// Passes standard input to the guest.
fn pass_input(mut input: ChildStdin) {
    let mut buffer = [0; 4096];
    let mut stdin = std::io::stdin().lock();
    while let Ok(count) = stdin.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || input.write_all(bytes).is_err() {
            break;
        }
    }
}

/// Sends the output to the receiver until it ends. This runs in a separate thread, since a read has no timeout.
fn read_output(mut output: ChildStdout, sender: &Sender<Vec<u8>>) {
    let mut buffer = [0; 16384];
    while let Ok(count) = output.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || sender.send(bytes.to_vec()).is_err() {
            break;
        }
    }
}

/// Waits for a process to exit; `None` after [`EXIT_GRACE`].
fn wait_for_exit(child: &mut Child) -> Result<Option<Ending>> {
    let start = Instant::now();
    while start.elapsed() < EXIT_GRACE {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(Ending::Exited(status)));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// Reads a guest's console.
struct Listener<'a> {
    mark: &'a Mark,
    limits: Limits,
    log: &'a Path,
    record: &'a mut Record,
    show: &'a mut dyn FnMut(Live<'_>),
}

impl Listener<'_> {
    /// Reads until the guest closes the console, or exceeds a limit; then the guest must be killed for the returned reason.
    fn listen(mut self, output: ChildStdout) -> Option<Ending> {
        let (sender, receiver) = channel();
        thread::spawn(move || read_output(output, &sender));
        let mut splitter = Splitter::new(self.mark);
        let killed = self.listen_to(&receiver, &mut splitter);
        let rest = splitter.finish();
        if !rest.is_empty() {
            self.take(Piece::Text(rest));
        }
        killed
    }

    fn listen_to(&mut self, receiver: &Receiver<Vec<u8>>, splitter: &mut Splitter) -> Option<Ending> {
        let mut last_sign_of_life = Instant::now();
        let mut log_length = 0;
        loop {
            let (limit, failure) = self.limit();
            match receiver.recv_timeout(limit.min(POLL)) {
                Ok(bytes) => {
                    last_sign_of_life = Instant::now();
                    splitter.push(&bytes).into_iter().for_each(|piece| self.take(piece));
                }
                Err(RecvTimeoutError::Timeout) => {
                    let length = self.log_length();
                    // The log counts as a sign of life only during the boot: later, a kernel that logs a hung task again and
                    // again makes no progress.
                    if self.record.release.is_none() && length > log_length {
                        last_sign_of_life = Instant::now();
                    }
                    log_length = length;
                    if last_sign_of_life.elapsed() >= limit {
                        return Some(failure);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn log_length(&self) -> u64 {
        fs::metadata(self.log).map_or(0, |metadata| metadata.len())
    }

    /// The time to wait for the next output, and the failure if there is none.
    fn limit(&self) -> (Duration, Ending) {
        let Limits { boot, silence } = self.limits;
        if self.record.has_verdict() {
            return (EXIT_GRACE, Ending::NoExit);
        }
        let limit = if self.record.release.is_none() { boot } else { silence };
        (limit, Ending::Silent(limit))
    }

    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => {
                self.record.text(&text);
                (self.show)(Live::Text(&text));
            }
            Piece::Event(event) => {
                self.record.event(&event);
                (self.show)(Live::Event(&event));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{Limits, Live, Machine, Mark, Outcome, run};

    const LIMITS: Limits = Limits { boot: Duration::from_secs(20), silence: Duration::from_millis(300) };

    /// Runs a shell script in place of a guest that has one job. Returns the outcome and all output.
    fn run_fake(script: &str, limits: Limits) -> (Outcome, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let machine = Machine {
            command,
            kill_prefix: Vec::new(),
            log: folder.path().join("log"),
            folder: folder.path().join("run"),
            mark: Mark::fixed("@m"),
            jobs: 1,
            interactive: false,
        };
        let mut output = Vec::new();
        let outcome = run(machine, limits, &mut |live| {
            if let Live::Text(text) = live {
                output.extend_from_slice(text);
            }
        });
        (outcome.unwrap(), String::from_utf8(output).unwrap())
    }

    fn problems(script: &str) -> Vec<String> {
        run_fake(script, LIMITS).0.problems
    }

    const ALL_RUN: &str = "echo '@m ready 1 yes 6.1'; echo '@m begin 0'; echo hello; echo '@m end 0 3'; ";

    #[test]
    fn a_run_with_one_verdict_and_all_jobs_is_valid() {
        let (outcome, output) = run_fake(&format!("{ALL_RUN} echo '@m verdict 1'"), LIMITS);
        assert_eq!(outcome.problems, [""; 0]);
        assert_eq!(output, "hello\n");
        let job = outcome.record.jobs.first().unwrap();
        assert_eq!((job.status, job.output.as_slice()), (Some(3), &b"hello\n"[..]));
    }

    #[test]
    fn a_run_without_a_verdict_is_not_valid() {
        assert_eq!(problems(ALL_RUN), ["the guest ended before all programs were run"]);
    }

    #[test]
    fn a_run_with_two_verdicts_is_not_valid() {
        let script = format!("{ALL_RUN} echo '@m verdict 1'; echo '@m verdict 1'");
        assert_eq!(problems(&script), ["the guest reported its end 2 times"]);
    }

    #[test]
    fn a_panic_makes_a_run_invalid_and_is_quoted_from_the_log() {
        let found = problems(&format!("{ALL_RUN} echo 'Kernel panic - not syncing' >&2; exit 1"));
        assert_eq!(
            found,
            [
                "the guest's process ended with exit status: 1",
                "the guest ended before all programs were run",
                "the kernel logged: Kernel panic - not syncing",
            ]
        );
    }

    /// Whether a process runs. A zombie does not.
    fn runs(process: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        stat.is_ok_and(|text| !text.contains(") Z "))
    }

    #[test]
    fn a_guest_that_hangs_is_killed_with_all_its_processes() {
        let start = Instant::now();
        let (outcome, output) = run_fake(&format!("{ALL_RUN} sleep 61 & echo $!; sleep 62"), LIMITS);
        let problem = outcome.problems.first().unwrap();
        assert!(problem.starts_with("killed after 0.3 s without output; "), "{problem}");
        assert!(start.elapsed() < Duration::from_secs(10), "the run waited for the script instead of killing it");
        let helper = output.lines().find(|line| *line != "hello").unwrap();
        assert!(!runs(helper), "process {helper} still runs");
    }

    #[test]
    fn a_guest_that_never_starts_is_killed() {
        let limits = Limits { boot: Duration::from_millis(200), ..LIMITS };
        let (silent, _) = run_fake("sleep 61", limits);
        let problem = silent.problems.first().unwrap();
        assert!(problem.starts_with("killed after 0.2 s without output; "), "{problem}");
    }

    #[test]
    fn a_slow_guest_can_run_as_long_as_it_prints_something() {
        let limits = Limits::both(Duration::from_millis(400));
        let slow_boot = "for i in 1 2 3 4; do echo booting >&2; sleep 0.25; done; ";
        let slow_jobs = "for i in 1 2 3 4; do echo; sleep 0.25; done; ";
        let start = Instant::now();
        let (outcome, _) = run_fake(&format!("{slow_boot}{ALL_RUN}{slow_jobs}echo '@m verdict 1'"), limits);
        assert_eq!(outcome.problems, [""; 0]);
        assert!(start.elapsed() > Duration::from_secs(2));
    }

    #[test]
    fn log_lines_after_the_boot_do_not_count_as_output() {
        let (outcome, _) = run_fake(&format!("{ALL_RUN} while :; do echo blocked >&2; sleep 0.1; done"), LIMITS);
        let problem = outcome.problems.first().unwrap();
        assert!(problem.starts_with("killed after 0.3 s without output; "), "{problem}");
    }
}
