//! Counts the tests in the output of `cargo test`.

use crate::harness::totals;

/// The tests of all programs of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// The reasons that tests gave for not running.
    skipped: Vec<String>,
    /// Tests that were not started, with the reasons.
    left_out: Vec<String>,
}

impl Tally {
    /// Counts a line of the output.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            let (passed, failed) = totals(rest).unwrap_or_default();
            self.passed = self.passed.saturating_add(passed);
            self.failed = self.failed.saturating_add(failed);
        } else if let Some(reason) = line.rsplit(" ... ").next().and_then(|text| text.strip_prefix("skipped: ")) {
            // The harness may have printed the test's name on the same line before.
            self.skipped.push(reason.to_owned());
        }
    }

    /// Records a test that is not started.
    pub(super) fn leave_out(&mut self, test: &str, reason: &str) {
        self.left_out.push(format!("{test}: {reason}"));
    }

    /// The numbers and the reasons of skips. A test that says that it was skipped has passed for the harness.
    pub(super) fn text(&self) -> String {
        let passed = self.passed.saturating_sub(self.skipped.len());
        let reasons = || self.skipped.iter().chain(&self.left_out);
        let mut text = format!("{passed} passed, {} failed, {} skipped", self.failed, reasons().count());
        for reason in reasons() {
            text.push_str(&format!("\n    skipped: {reason}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn programs_are_summed_up_and_a_skip_is_not_a_pass() {
        let mut tally = Tally::default();
        let lines = [
            "running 3 tests",
            "test a ... ok",
            "test b ... skipped: b: no C compiler",
            "ok",
            "test c ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ];
        lines.iter().for_each(|line| tally.line(line));
        assert_eq!(tally.text(), "5 passed, 1 failed, 1 skipped\n    skipped: b: no C compiler");
        tally.leave_out("d", "no fork");
        assert!(tally.text().ends_with("2 skipped\n    skipped: b: no C compiler\n    skipped: d: no fork"));
    }
}
