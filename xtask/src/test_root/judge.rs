//! Judges the tests of a test program by its output.

use std::collections::BTreeMap;

use super::libtest::{self, Output, Status};
use crate::guest::JobRecord;

/// The result of a root test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TestResult {
    /// It passed.
    Passed,
    /// It was skipped, for this reason.
    Skipped(String),
    /// It failed, with this output.
    Failed(String),
}

/// The results of one test program in one place.
#[derive(Debug, Default)]
pub(super) struct ProgramReport {
    /// Every test that ran.
    pub(super) tests: BTreeMap<String, TestResult>,
    /// Further failures, as sentences.
    pub(super) faults: Vec<String>,
}

impl ProgramReport {
    /// Whether a test has passed.
    pub(super) fn has_passed(&self) -> bool {
        self.tests.values().any(|result| *result == TestResult::Passed)
    }
}

/// Reads the lines that skipped tests write: the name, a tab, the reason.
fn parse_skips(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().map(|line| line.split_once('\t').unwrap_or((line, "no reason given")));
    pairs.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

/// Judges a program by its record and the skips it has recorded. A filtered run may have no test.
pub(super) fn judge(job: &JobRecord, skips: &str, filtered: bool) -> ProgramReport {
    let text = String::from_utf8_lossy(&job.output);
    let output = Output::parse(&text);
    let mut report = ProgramReport::default();
    for (name, status) in &output.tests {
        let result = match status {
            Status::Passed => TestResult::Passed,
            Status::Failed => TestResult::Failed(libtest::failure_text(&text, name).unwrap_or_default().to_owned()),
            Status::Ignored => continue,
        };
        report.tests.insert(name.clone(), result);
    }
    for (name, reason) in parse_skips(skips) {
        match report.tests.get_mut(&name) {
            Some(result @ TestResult::Passed) => *result = TestResult::Skipped(reason),
            Some(_) => {}
            None => report.faults.push(format!("a skip is recorded for {name}, which did not run: {reason}")),
        }
    }
    report.faults.extend(job.leftovers.iter().map(|what| format!("left behind: {what}")));
    report.faults.extend(fault_of_run(job, &output, filtered));
    report
}

/// The reason why the program's output is not valid.
fn fault_of_run(job: &JobRecord, output: &Output, filtered: bool) -> Option<String> {
    let Some(status) = job.status else {
        return Some(match (&output.unfinished, job.started) {
            (Some(test), _) => format!("did not end: test {test} was running"),
            (None, true) => "did not end".to_owned(),
            (None, false) => "was never started".to_owned(),
        });
    };
    let Some((passed, failed)) = output.totals else {
        return Some(match &output.unfinished {
            Some(test) => format!("ended with status {status} in test {test}"),
            None => format!("ended with status {status} without a result"),
        });
    };
    let read = (output.count(Status::Passed), output.count(Status::Failed));
    if read != (passed, failed) {
        return Some(format!("reported {passed} passed and {failed} failed, but printed {} and {}", read.0, read.1));
    }
    if (status == 0) != (failed == 0) {
        return Some(format!("ended with status {status} although {failed} tests failed"));
    }
    if passed == 0 && failed == 0 && !filtered {
        return Some("contains no root test: mark its tests with #[ignore] or move it".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{TestResult, judge};
    use crate::guest::JobRecord;

    fn job(output: &str, status: Option<i32>) -> JobRecord {
        JobRecord { started: true, status, output: output.into(), leftovers: Vec::new() }
    }

    const TWO: &str = "test a ... ok\ntest b ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";

    #[test]
    fn a_skip_is_not_a_pass() {
        let report = judge(&job(TWO, Some(0)), "b\tneeds dm-clone\n", false);
        assert!(report.faults.is_empty());
        assert_eq!(report.tests["a"], TestResult::Passed);
        assert_eq!(report.tests["b"], TestResult::Skipped("needs dm-clone".to_owned()));
    }

    #[test]
    fn a_skip_of_an_unknown_test_is_a_fault() {
        let report = judge(&job(TWO, Some(0)), "c\tneeds udev\n", false);
        assert_eq!(report.faults, ["a skip is recorded for c, which did not run: needs udev"]);
    }

    #[test]
    fn a_leftover_is_a_fault() {
        let mut record = job(TWO, Some(0));
        record.leftovers.push("mapped device x".to_owned());
        assert_eq!(judge(&record, "", false).faults, ["left behind: mapped device x"]);
    }

    #[test]
    fn a_program_that_dies_or_hangs_is_a_fault() {
        let died = judge(&job("test a ... ok\ntest b ... ", Some(139)), "", false);
        assert_eq!(died.faults, ["ended with status 139 in test b"]);
        let hung = judge(&job("test a ... ok\ntest b ... ", None), "", false);
        assert_eq!(hung.faults, ["did not end: test b was running"]);
    }

    #[test]
    fn numbers_must_agree() {
        let lost = judge(&job("test a ... ok\ntest result: ok. 2 passed; 0 failed;", Some(0)), "", false);
        assert_eq!(lost.faults, ["reported 2 passed and 0 failed, but printed 1 and 0"]);
        let status = judge(&job(TWO, Some(101)), "", false);
        assert_eq!(status.faults, ["ended with status 101 although 0 tests failed"]);
    }

    #[test]
    fn no_test_is_a_fault_unless_filtered() {
        let nothing = job("test result: ok. 0 passed; 0 failed; 0 ignored; 3 filtered out", Some(0));
        assert_eq!(judge(&nothing, "", false).faults.len(), 1);
        assert!(judge(&nothing, "", true).faults.is_empty());
    }
}
