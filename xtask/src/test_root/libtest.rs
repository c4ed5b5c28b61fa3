//! Reads the output of Rust's test harness.

use crate::harness::totals;

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// `ok`
    Passed,
    /// `FAILED`
    Failed,
    /// `ignored`
    Ignored,
}

/// The results in the output of one test program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    /// The tests in the order in which they ran.
    pub(super) tests: Vec<(String, Status)>,
    /// A test that was started, but has no result.
    pub(super) unfinished: Option<String>,
    /// The numbers of passed and failed tests that the harness reports.
    pub(super) totals: Option<(usize, usize)>,
}

impl Output {
    /// Reads the output of a complete run.
    ///
    /// Other programs write to the same console, so a test's result may be on a later line than its name, after their
    /// output.
    pub(super) fn parse(text: &str) -> Self {
        let mut output = Self::default();
        for line in text.lines() {
            output.line(line);
        }
        output
    }

    fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.totals = totals(rest);
            self.unfinished = None;
        } else if let Some((name, rest)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) {
            self.unfinished = Some(name.trim_end_matches(" - should panic").to_owned());
            self.result(rest);
        } else if self.unfinished.is_some() {
            self.result(line);
        }
    }

    /// Records the result of the running test, if it is at the end of the text.
    fn result(&mut self, text: &str) {
        let text = text.trim_end();
        let status = if text.starts_with("ignored") {
            Status::Ignored
        } else if text.ends_with("ok") {
            Status::Passed
        } else if text.ends_with("FAILED") {
            Status::Failed
        } else {
            return;
        };
        if let Some(name) = self.unfinished.take() {
            self.tests.push((name, status));
        }
    }

    /// The number of tests with this result.
    pub(super) fn count(&self, status: Status) -> usize {
        self.tests.iter().filter(|(_, found)| *found == status).count()
    }
}

/// The output of a failed test, which the harness repeats at the end.
pub(super) fn failure_text<'a>(output: &'a str, test: &str) -> Option<&'a str> {
    let head = format!("---- {test} stdout ----");
    let start = output.find(&head)?;
    let text = output.get(start..)?;
    let ends = ["\n---- ", "\nfailures:\n"].iter().filter_map(|mark| text.find(mark));
    text.get(..ends.min().unwrap_or(text.len())).map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::{Output, Status, failure_text};

    const MIXED: &str = "
running 4 tests
test info::by_name ... ok
test load::bad_table - should panic ... ok
test remove::busy ... FAILED
test wait::odd ... ignored, needs root

failures:

---- remove::busy stdout ----

thread 'remove::busy' panicked at dm-testing/tests/remove.rs:3:5:
left behind
note: run with `RUST_BACKTRACE=1`

failures:
    remove::busy

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn every_result_is_read() {
        let output = Output::parse(MIXED);
        let expected = [
            ("info::by_name", Status::Passed),
            ("load::bad_table", Status::Passed),
            ("remove::busy", Status::Failed),
            ("wait::odd", Status::Ignored),
        ];
        assert_eq!(output.tests, expected.map(|(name, status)| (name.to_owned(), status)));
        assert_eq!(output.totals, Some((2, 1)));
        assert_eq!(output.unfinished, None);
    }

    #[test]
    fn other_programs_may_write_in_between() {
        let output = Output::parse("test a ... mkfs: done\r\nmore\r\nok\r\ntest b ... noiseok\ntest c ... ");
        assert_eq!(output.tests, ["a", "b"].map(|name| (name.to_owned(), Status::Passed)));
        assert_eq!(output.unfinished.as_deref(), Some("c"));
        assert_eq!(output.totals, None);
    }

    #[test]
    fn a_failure_is_found_again() {
        let text = failure_text(MIXED, "remove::busy").unwrap();
        assert!(text.starts_with("---- remove::busy stdout ----") && text.ends_with("`RUST_BACKTRACE=1`"), "{text}");
        assert_eq!(failure_text(MIXED, "info::by_name"), None);
    }
}
