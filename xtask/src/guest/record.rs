//! The events of a run, and whether the run is valid.

use std::process::ExitStatus;
use std::time::Duration;

use super::protocol::Event;
use super::trouble;
use crate::say::seconds;

/// The time after which a silent guest is stopped. The total time is not limited, since a slow machine is not a
/// failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until the guest is ready; lines of the kernel's log count as output.
    pub(crate) boot: Duration,
    /// After the guest is ready.
    pub(crate) silence: Duration,
}

impl Limits {
    /// For tests.
    pub(crate) const TESTS: Self = Self::both(Duration::from_secs(180));
    /// For interactive work in the guest.
    pub(crate) const SESSION: Self = Self { silence: Duration::MAX, ..Self::TESTS };

    /// The same limit before and after the guest is ready.
    pub(crate) const fn both(limit: Duration) -> Self {
        Self { boot: limit, silence: limit }
    }
}

/// The end of a guest's process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// It exited.
    Exited(ExitStatus),
    /// It was killed, since it was silent for this time.
    Silent(Duration),
    /// It was killed, since it did not exit after the verdict.
    NoExit,
}

impl Ending {
    /// The reason why this end is a failure.
    fn problem(self) -> Option<String> {
        match self {
            Self::Exited(status) if status.success() => None,
            Self::Exited(status) => Some(format!("the guest's process ended with {status}")),
            Self::Silent(limit) => Some(format!(
                "killed after {} without output; on a slow machine, set a longer time with --timeout SECONDS",
                seconds(limit)
            )),
            Self::NoExit => Some("killed: it did not exit after the last program".to_owned()),
        }
    }
}

/// The record of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobRecord {
    /// Whether it was started.
    pub(crate) started: bool,
    /// Its exit status.
    pub(crate) status: Option<i32>,
    /// The things it left behind.
    pub(crate) leftovers: Vec<String>,
    /// Its complete output.
    pub(crate) output: Vec<u8>,
}

/// The record of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The kernel's version, once the guest was ready.
    pub(crate) release: Option<String>,
    /// Whether the kernel lists a device mapper, once the guest was ready.
    pub(crate) device_mapper: Option<bool>,
    /// One for each requested job.
    pub(crate) jobs: Vec<JobRecord>,
    /// The job that is running.
    pub(crate) running: Option<usize>,
    /// The number of jobs in each verdict.
    verdicts: Vec<usize>,
    /// Violations of the protocol.
    faults: Vec<String>,
}

impl Record {
    /// The record of a run that has not started.
    pub(crate) fn new(jobs: usize) -> Self {
        Self { jobs: vec![JobRecord::default(); jobs], ..Self::default() }
    }

    /// Adds output to the running job.
    pub(crate) fn text(&mut self, text: &[u8]) {
        if let Some(job) = self.running.and_then(|index| self.jobs.get_mut(index)) {
            job.output.extend_from_slice(text);
        }
    }

    /// Adds a marked line.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Ready { release, device_mapper, .. } => {
                self.release = Some(release.clone());
                self.device_mapper = Some(*device_mapper);
            }
            Event::Begin(index) => match self.jobs.get_mut(*index) {
                Some(job) if self.running.is_none() && !job.started => {
                    job.started = true;
                    self.running = Some(*index);
                }
                _ => self.fault(event),
            },
            Event::Leftover(index, what) => match self.jobs.get_mut(*index) {
                Some(job) => job.leftovers.push(what.clone()),
                None => self.fault(event),
            },
            Event::End(index, status) => match self.jobs.get_mut(*index) {
                Some(job) if self.running == Some(*index) => {
                    job.status = Some(*status);
                    self.running = None;
                }
                _ => self.fault(event),
            },
            Event::Verdict(jobs) => self.verdicts.push(*jobs),
            Event::Failed(why) => self.faults.push(why.clone()),
            Event::Unknown(_) => self.fault(event),
        }
    }

    /// Whether the guest has reported that all jobs were run.
    pub(crate) fn has_verdict(&self) -> bool {
        !self.verdicts.is_empty()
    }

    fn fault(&mut self, event: &Event) {
        self.faults.push(format!("unexpected event: {event:?}"));
    }

    /// The reasons why the run is not valid; empty if it is.
    ///
    /// This does not depend on whether the jobs succeeded.
    pub(crate) fn problems(&self, ending: Ending, log: &str) -> Vec<String> {
        let mut problems = self.faults.clone();
        problems.extend(ending.problem());
        problems.extend(self.verdict_problem());
        problems.extend(trouble::find(log).iter().map(|line| format!("the kernel logged: {line}")));
        problems
    }

    fn verdict_problem(&self) -> Option<String> {
        match self.verdicts.as_slice() {
            [] => Some("the guest ended before all programs were run".to_owned()),
            [count] if *count != self.jobs.len() => {
                Some(format!("the guest reports {count} programs instead of {}", self.jobs.len()))
            }
            [_] => {
                let open = self.jobs.iter().position(|job| job.status.is_none())?;
                Some(format!("program {open} has no exit status"))
            }
            more => Some(format!("the guest reported its end {} times", more.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::{Ending, Event, Record};

    fn problems(events: &[Event], log: &str) -> Vec<String> {
        let mut record = Record::new(1);
        for event in events {
            record.event(event);
        }
        record.problems(Ending::Exited(ExitStatus::from_raw(0)), log)
    }

    #[test]
    fn one_verdict_is_right() {
        assert!(problems(&[Event::Begin(0), Event::End(0, 1), Event::Verdict(1)], "").is_empty());
    }

    #[test]
    fn no_verdict_is_a_problem() {
        let found = problems(&[Event::Begin(0), Event::End(0, 0)], "");
        assert_eq!(found, ["the guest ended before all programs were run"]);
    }

    #[test]
    fn two_verdicts_are_a_problem() {
        let found = problems(&[Event::Begin(0), Event::End(0, 0), Event::Verdict(1), Event::Verdict(1)], "");
        assert_eq!(found, ["the guest reported its end 2 times"]);
    }

    #[test]
    fn a_verdict_must_match_the_number_of_programs() {
        assert_eq!(problems(&[Event::Verdict(0)], ""), ["the guest reports 0 programs instead of 1"]);
        assert_eq!(problems(&[Event::Verdict(1)], ""), ["program 0 has no exit status"]);
        let twice = [Event::Begin(0), Event::End(0, 0), Event::Begin(0), Event::Verdict(1)];
        assert_eq!(problems(&twice, ""), ["unexpected event: Begin(0)"]);
    }

    #[test]
    fn an_oops_is_a_problem_in_spite_of_a_verdict() {
        let found = problems(&[Event::Begin(0), Event::End(0, 0), Event::Verdict(1)], "fine\nOops: 0000 [#1]\n");
        assert_eq!(found, ["the kernel logged: Oops: 0000 [#1]"]);
    }

    #[test]
    fn a_killed_guest_is_a_problem() {
        let record = Record::new(0);
        let found = record.problems(Ending::Silent(Duration::from_secs(180)), "");
        assert_eq!(
            found.first().unwrap(),
            "killed after 180.0 s without output; on a slow machine, set a longer time with --timeout SECONDS"
        );
    }
}
