//! The combined results of all places.

use std::collections::BTreeMap;
use std::time::Duration;

use super::judge::{ProgramReport, TestResult};
use crate::guest::Place;
use crate::say::seconds;

/// The results of one place.
#[derive(Debug)]
pub(crate) struct PlaceReport {
    /// The place of the run.
    pub(super) place: Place,
    /// The kernel's version, if it started.
    pub(super) release: Option<String>,
    /// Each program's name and report.
    pub(super) programs: Vec<(String, ProgramReport)>,
    /// The reasons why the run is not valid.
    pub(super) problems: Vec<String>,
    /// The duration of the run.
    pub(super) time: Duration,
}

impl PlaceReport {
    fn tests(&self) -> impl Iterator<Item = (String, &TestResult)> {
        self.programs.iter().flat_map(|(program, report)| {
            report.tests.iter().map(move |(test, result)| (format!("{program}: {test}"), result))
        })
    }

    fn faults(&self) -> impl Iterator<Item = String> {
        let of_programs = self
            .programs
            .iter()
            .flat_map(|(program, report)| report.faults.iter().map(move |fault| format!("{program}: {fault}")));
        of_programs.chain(self.problems.iter().cloned())
    }

    fn count(&self, fits: fn(&TestResult) -> bool) -> usize {
        self.tests().filter(|(_, result)| fits(result)).count()
    }

    /// Prints skips, failures and one line of numbers.
    pub(super) fn text(&self) -> String {
        let place = self.place.name();
        let mut text = String::new();
        for (test, result) in self.tests() {
            if let TestResult::Skipped(reason) = result {
                text.push_str(&format!("{place}: skipped {test}: {reason}\n"));
            }
        }
        for (test, result) in self.tests() {
            if let TestResult::Failed(output) = result {
                text.push_str(&format!("{place}: FAILED {test}\n{output}\n"));
            }
        }
        for fault in self.faults() {
            text.push_str(&format!("{place}: FAILED {fault}\n"));
        }
        text.push_str(&format!(
            "{place} ({}): {} passed, {} failed, {} skipped, {} other failures in {}\n",
            self.release.as_deref().unwrap_or("did not start"),
            self.count(|result| *result == TestResult::Passed),
            self.count(|result| matches!(result, TestResult::Failed(_))),
            self.count(|result| matches!(result, TestResult::Skipped(_))),
            self.faults().count(),
            seconds(self.time),
        ));
        text
    }
}

/// Reasons for a skip in QEMU that do not apply in User Mode Linux: Debian's kernel does not have these targets.
const ONLY_IN_ONE_PLACE: [&str; 2] = ["it needs target clone", "it needs target dust"];

/// The combined results.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Tests that passed somewhere and failed nowhere.
    passed: usize,
    /// Tests that failed somewhere, and other failures.
    failed: usize,
    /// Tests that were skipped everywhere, with the reasons.
    skipped: Vec<(String, String)>,
    /// The places that this machine cannot run at all, as sentences.
    left_out: Vec<String>,
    /// The versions of the kernels that started.
    releases: Vec<String>,
}

impl Summary {
    /// Combines the reports of places.
    pub(super) fn new(places: &[PlaceReport], left_out: Vec<String>) -> Self {
        let mut tests: BTreeMap<String, Vec<&TestResult>> = BTreeMap::new();
        for (test, result) in places.iter().flat_map(PlaceReport::tests) {
            tests.entry(test).or_default().push(result);
        }
        let failed = places.iter().map(|place| place.faults().count()).sum();
        let releases = places.iter().filter_map(|place| place.release.clone()).collect();
        let mut summary = Self { failed, left_out, releases, ..Self::default() };
        for (test, results) in tests {
            if results.iter().any(|result| matches!(result, TestResult::Failed(_))) {
                summary.failed = summary.failed.saturating_add(1);
            } else if results.contains(&&TestResult::Passed) {
                summary.passed = summary.passed.saturating_add(1);
            } else {
                summary.skipped.push((test, reasons(&results)));
            }
        }
        summary
    }

    /// The result of a run that could not start.
    pub(crate) fn failure() -> Self {
        Self { failed: 1, ..Self::default() }
    }

    /// Whether the run was successful. With `strict`, every test must run somewhere, except those that only a left-out
    /// place can run.
    ///
    /// A run in which no test passed is not successful.
    pub(crate) fn is_good(&self, strict: bool) -> bool {
        let may_skip = |(_, reason): &(String, String)| {
            !strict || (!self.left_out.is_empty() && ONLY_IN_ONE_PLACE.contains(&reason.as_str()))
        };
        self.failed == 0 && self.passed > 0 && self.skipped.iter().all(may_skip)
    }

    /// The places that this machine cannot run at all, as sentences.
    pub(crate) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The versions of the kernels that started.
    pub(crate) fn releases(&self) -> &[String] {
        &self.releases
    }

    /// The numbers of tests that passed, failed and were skipped.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.passed, self.failed, self.skipped.len())
    }

    /// The tests that ran nowhere, if any, and the line of numbers.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (test, reasons) in &self.skipped {
            text.push_str(&format!("skipped everywhere: {test}: {reasons}\n"));
        }
        for place in &self.left_out {
            text.push_str(&format!("{place}\n"));
        }
        if self.failed == 0 && self.passed == 0 {
            text.push_str("no test passed\n");
        }
        text.push_str(&self.numbers());
        text.push('\n');
        text
    }

    /// The line of numbers.
    pub(crate) fn numbers(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped.len())
    }
}

/// The different reasons for a skip.
fn reasons(results: &[&TestResult]) -> String {
    let mut reasons = Vec::new();
    for result in results {
        if let TestResult::Skipped(reason) = result {
            if !reasons.contains(&reason.as_str()) {
                reasons.push(reason.as_str());
            }
        }
    }
    reasons.join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PlaceReport, ProgramReport, Summary, TestResult};
    use crate::guest::Place;

    fn report(place: Place, tests: &[(&str, TestResult)]) -> PlaceReport {
        let tests = tests.iter().map(|(name, result)| ((*name).to_owned(), result.clone())).collect();
        let program = ProgramReport { tests, faults: Vec::new() };
        let programs = vec![("crypt".to_owned(), program)];
        PlaceReport { place, release: None, programs, problems: Vec::new(), time: Duration::ZERO }
    }

    fn skipped(reason: &str) -> TestResult {
        TestResult::Skipped(reason.to_owned())
    }

    #[test]
    fn a_test_must_run_in_one_place() {
        let places = [
            report(Place::Uml, &[("old", skipped("needs 1.28")), ("both", TestResult::Passed), ("no", skipped("x"))]),
            report(Place::Qemu, &[("old", TestResult::Passed), ("both", TestResult::Passed), ("no", skipped("y"))]),
        ];
        let summary = Summary::new(&places, Vec::new());
        assert_eq!(summary.numbers(), "2 passed, 0 failed, 1 skipped");
        assert_eq!(summary.text(), "skipped everywhere: crypt: no: x; y\n2 passed, 0 failed, 1 skipped\n");
        assert!(summary.is_good(false) && !summary.is_good(true));
    }

    #[test]
    fn only_a_test_that_needs_a_place_that_was_left_out_may_run_nowhere() {
        let is_good = |reason, left_out: &[&str]| {
            let places = [report(Place::Qemu, &[("one", skipped(reason)), ("other", TestResult::Passed)])];
            Summary::new(&places, left_out.iter().map(|text| (*text).to_owned()).collect()).is_good(true)
        };
        let left_out = ["uml is left out: no"];
        assert!(is_good("it needs target dust", &left_out) && is_good("it needs target clone", &left_out));
        assert!(!is_good("it needs target dust", &[]), "the place was not left out");
        for other in
            ["it needs target thin", "it needs target dust 1.1.0", "it needs udev", "it needs program mkfs.ext4"]
        {
            assert!(!is_good(other, &left_out), "{other}");
        }
    }

    #[test]
    fn a_place_that_was_left_out_is_named() {
        let places = [report(Place::Qemu, &[("a", TestResult::Passed)])];
        assert!(Summary::new(&places, vec!["uml is left out: no".to_owned()]).text().contains("uml is left out: no\n"));
    }

    #[test]
    fn one_failure_outweighs_a_pass() {
        let places = [
            report(Place::Uml, &[("a", TestResult::Failed("why".to_owned()))]),
            report(Place::Qemu, &[("a", TestResult::Passed)]),
        ];
        let summary = Summary::new(&places, Vec::new());
        assert_eq!(summary.numbers(), "0 passed, 1 failed, 0 skipped");
        assert!(!summary.is_good(false));
        assert!(places[0].text().contains("uml: FAILED crypt: a\nwhy\n"));
    }

    #[test]
    fn a_missing_verdict_fails_passed_tests() {
        let mut place = report(Place::Uml, &[("a", TestResult::Passed)]);
        place.problems.push("no verdict".to_owned());
        assert!(!Summary::new(&[place], Vec::new()).is_good(false));
    }

    #[test]
    fn a_run_without_tests_is_a_failure() {
        assert!(!Summary::new(&[report(Place::Uml, &[])], Vec::new()).is_good(false));
    }

    #[test]
    fn a_run_in_which_no_test_passed_is_a_failure() {
        let summary = Summary::new(&[report(Place::Uml, &[("a", skipped("no")), ("b", skipped("no"))])], Vec::new());
        assert!(!summary.is_good(false));
        assert!(summary.text().contains("no test passed"));
    }
}
