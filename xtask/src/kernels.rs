//! `cargo xtask kernels`: the root tests on several kernels, and a table in the README of what was found.

use std::ffi::OsStr;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use lexopt::{Arg, Parser, ValueExt};

use crate::cli;
use crate::guest::Limits;
use crate::packages::{self, SERIES, Series};
use crate::say;
use crate::test_root::{self, Request};
use crate::workspace::Workspace;

const VALID: &str = "the series of a kernel, --test NAME, --timeout SECONDS, -- FILTER...";

/// The comments before and after the table in the README.
const BEGIN: &str = "<!-- cargo xtask kernels writes this table -->\n";
const END: &str = "<!-- its end -->\n";

const HEAD: &str = "| series | kernel | root tests | passed | failed | skipped |\n|---|---|---|---|---|---|\n";

/// The kernels and tests that were requested.
#[derive(Debug)]
struct Wanted {
    series: Vec<Series>,
    /// The files in `tests` to run; all if none is named.
    tests: Vec<String>,
    filter: Vec<String>,
    limits: Limits,
}

impl Wanted {
    fn parse(parser: &mut Parser) -> Result<Self> {
        let mut wanted = Self { series: Vec::new(), tests: Vec::new(), filter: Vec::new(), limits: Limits::TESTS };
        loop {
            if parser.try_raw_args().is_some_and(|mut words| words.next_if(|word| word == "--").is_some()) {
                wanted.filter = parser.raw_args()?.map(ValueExt::string).collect::<Result<_, lexopt::Error>>()?;
                break;
            }
            let Some(argument) = parser.next()? else { break };
            match argument {
                Arg::Long("test") => wanted.tests.push(parser.value()?.string()?),
                Arg::Long("timeout") => wanted.limits = cli::timeout(parser)?,
                Arg::Value(word) => wanted.series.push(series(&word)?),
                other => return Err(cli::unexpected(&other, VALID)),
            }
        }
        if wanted.series.is_empty() {
            wanted.series = SERIES.to_vec();
        }
        Ok(wanted)
    }

    /// Which tests those are, for the table.
    fn text(&self) -> String {
        if self.tests.is_empty() && self.filter.is_empty() {
            return "all".to_owned();
        }
        let mut words: Vec<String> = self.tests.iter().map(|test| format!("--test {test}")).collect();
        if !self.filter.is_empty() {
            words.push(format!("-- {}", self.filter.join(" ")));
        }
        format!("`{}`", words.join(" "))
    }
}

/// The series of this name.
fn series(name: &OsStr) -> Result<Series> {
    let names = SERIES.map(|series| series.name).join(", ");
    let series = SERIES.into_iter().find(|series| name == series.name);
    series.with_context(|| format!("there is no kernel {}: valid are {names}", name.to_string_lossy()))
}

/// Runs the task.
///
/// # Errors
/// When the tests do not build, or the README cannot be written.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    let wanted = Wanted::parse(parser)?;
    let workspace = Workspace::find()?;
    let readme = workspace.root.join("README.md");
    let mut all_good = true;
    for series in &wanted.series {
        say::step(&format!("Linux {}", series.name));
        let (row, is_good) = run_on(*series, &workspace, &wanted)?;
        all_good &= is_good;
        // At once, since the next kernel takes long.
        let text = fs::read_to_string(&readme).context("cannot read README.md")?;
        fs::write(&readme, with_row(&text, series.name, &row)?).context("cannot write README.md")?;
        print!("\n{row}");
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tests on one kernel; its row, and whether no test failed.
fn run_on(series: Series, workspace: &Workspace, wanted: &Wanted) -> Result<(String, bool)> {
    let kernel = match packages::provide(series.group(), &workspace.guest_dir()) {
        Ok(kernel) => kernel,
        Err(error) => {
            // A row is one line, and a bar would end its cell.
            let reason = format!("{error:#}").replace('\n', " ").replace('|', "/");
            return Ok((format!("| {} | not run: {reason} | | | | |\n", series.name), false));
        }
    };
    let filter = wanted.filter.iter().map(Into::into).collect();
    let request = Request::on_kernel(kernel, wanted.tests.clone(), filter, wanted.limits);
    let summary = test_root::run_request(workspace, &request)?;
    let (passed, failed, skipped) = summary.counts();
    let release = summary.releases().first().map_or("did not start", String::as_str);
    let row = format!("| {} | {release} | {} | {passed} | {failed} | {skipped} |\n", series.name, wanted.text());
    Ok((row, summary.is_good(false)))
}

/// The README with a row in place of that of the same series.
fn with_row(readme: &str, series: &str, row: &str) -> Result<String> {
    let (before, rest) = readme.split_once(BEGIN).context("README.md has no mark where the table of kernels begins")?;
    let (table, after) = rest.split_once(END).context("README.md has no mark where the table of kernels ends")?;
    let mut rows = String::new();
    for known in SERIES.map(|series| series.name) {
        let start = format!("| {known} |");
        let old = table.lines().find(|line| line.starts_with(&start)).map(|line| format!("{line}\n"));
        rows.push_str(&if known == series { row.to_owned() } else { old.unwrap_or_default() });
    }
    Ok(format!("{before}{BEGIN}\n{HEAD}{rows}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use lexopt::Parser;

    use super::{BEGIN, END, HEAD, SERIES, Wanted, with_row};

    fn wanted(words: &[&str]) -> Wanted {
        Wanted::parse(&mut Parser::from_args(words.iter().map(OsString::from))).unwrap()
    }

    #[test]
    fn the_table_says_which_tests_ran() {
        assert_eq!(wanted(&[]).text(), "all");
        assert_eq!(wanted(&[]).series, SERIES);
        let some = wanted(&["6.1", "--test", "operations", "--test", "scratch", "--", "undo", "busy"]);
        assert_eq!(some.text(), "`--test operations --test scratch -- undo busy`");
        assert_eq!(some.series.iter().map(|series| series.name).collect::<Vec<_>>(), ["6.1"]);
    }

    #[test]
    fn a_mistyped_series_is_not_taken_for_a_filter() {
        for words in [&["6.2"][..], &["6.1", "undo"]] {
            let error = Wanted::parse(&mut Parser::from_args(words)).unwrap_err().to_string();
            assert!(error.contains(words.last().unwrap()) && error.contains("6.12"), "{error}");
        }
    }

    #[test]
    fn a_row_replaces_that_of_its_series_alone_and_rows_keep_their_order() {
        let empty = format!("before\n{BEGIN}{END}after\n");
        let one = with_row(&empty, "6.12", "| 6.12 | a | all | 1 | 0 | 0 |\n").unwrap();
        let two = with_row(&one, "6.1", "| 6.1 | b | all | 2 | 0 | 0 |\n").unwrap();
        let again = with_row(&two, "6.12", "| 6.12 | c | all | 3 | 0 | 0 |\n").unwrap();
        let rows = "| 6.1 | b | all | 2 | 0 | 0 |\n| 6.12 | c | all | 3 | 0 | 0 |\n";
        assert_eq!(again, format!("before\n{BEGIN}\n{HEAD}{rows}\n{END}after\n"));
    }

    #[test]
    fn a_readme_without_marks_is_refused() {
        assert!(with_row("nothing", "6.1", "").unwrap_err().to_string().contains("begins"));
        assert!(with_row(BEGIN, "6.1", "").unwrap_err().to_string().contains("ends"));
    }
}
